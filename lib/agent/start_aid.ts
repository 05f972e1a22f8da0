/**
 * Helps a standby that starts: until it is consistent nobody can use it, and for
 * that it may lack the leader's next WAL record, which an idle leader writes up
 * to a quarter of a minute later (after a rewind to the first byte of a WAL file
 * even after minutes). So the leader is asked to write one.
 *
 * Source: PostgreSQL 15 `xlogrecovery.c`, CheckRecoveryConsistency, looks at the
 * end of the last replayed record; `bgwriter.c`, LOG_SNAPSHOT_INTERVAL_MS.
 */
import type { MemberName } from "../core/model/member.ts";
import { REMOTE } from "../core/model/standby_cluster.ts";
import type { TaskView } from "../core/model/task_view.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { PostgresUpstream } from "../ports/postgres.ts";
import type { AgentState } from "./agent_state.ts";
import { peerOf } from "./peer_address.ts";

/** Most starts are over before the first question; replaying much WAL takes long by itself. */
const FIRST_PAUSE_MS = 500;
const PAUSE_MAX_MS = 30_000;

/** The part of the agent that this works with. */
export interface AidContext {
  readonly config: { readonly self: MemberName };
  readonly ports: {
    readonly clock: Clock;
    readonly log: Pick<Log, "debug">;
    readonly postgres: {
      readonly upstream: Pick<PostgresUpstream, "writeRecord">;
    };
  };
  readonly state: Pick<AgentState, "observation" | "settings" | "view">;
  readonly tasks: { readonly view: TaskView };
}

/** Helps a standby that starts to become consistent soon. */
export class StartAid {
  readonly #context: () => AidContext;
  #own: AbortController | null = null;

  /** @param context Read anew for each use. */
  constructor(context: () => AidContext) {
    this.#context = context;
  }

  /** Runs `start` and helps for as long as that takes. */
  async during<T>(start: () => Promise<T>): Promise<T> {
    const abort = new AbortController();
    // Not waited for: it never throws, and a leader that hangs must not hold up
    // what comes after the start.
    this.#help(abort.signal);
    try {
      return await start();
    } finally {
      abort.abort("started");
    }
  }

  /** For a standby that starts without a task: after a crash, or under a new agent. */
  look(): void {
    const { state: { observation }, tasks } = this.#context();
    const isStarting = observation?.postgres.kind === "starting" &&
      observation.postgres.isStandby && tasks.view.kind === "idle";
    if (!isStarting) return this.close();
    if (this.#own !== null) return;
    this.#own = new AbortController();
    // It never throws, and close() ends it.
    this.#help(this.#own.signal);
  }

  close(): void {
    this.#own?.abort();
    this.#own = null;
  }

  async #help(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context().ports;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs *= 2) {
      await clock.sleep(Math.min(pauseMs, PAUSE_MAX_MS), signal);
      if (!signal.aborted) await this.#ask();
    }
  }

  async #ask(): Promise<void> {
    const context = this.#context();
    const { postgres, log } = context.ports;
    try {
      const leader = leaderToAsk(context);
      if (leader !== null) {
        await postgres.upstream.writeRecord(peerOf(context, leader));
      }
    } catch (error) {
      log.debug(`Cannot ask the leader for a WAL record: ${String(error)}`);
    }
  }
}

/** The primary above this member; null: there is none to be asked. */
function leaderToAsk({ state, config }: AidContext): string | null {
  const { standbyCluster } = state.settings;
  if (standbyCluster !== null) {
    return standbyCluster.host === null ? null : REMOTE;
  }
  const leader = state.view?.leader?.name ?? null;
  return leader === config.self ? null : leader;
}
