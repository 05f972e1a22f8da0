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
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { PostgresUpstream } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { SeenScope } from "./last_view.ts";
import type { Observed } from "./loop_status.ts";
import type { Addresses } from "./neighbours.ts";
import type { TaskSeen } from "./task_runner.ts";

/** Most starts are over before the first question; replaying much WAL takes long by itself. */
const FIRST_PAUSE_MS = 500;
const PAUSE_MAX_MS = 30_000;

/** What it takes to ask a leader. */
export interface AidParts {
  readonly config: () => { readonly self: MemberName };
  readonly clock: Clock;
  readonly log: Pick<Log, "debug">;
  readonly postgres: {
    readonly upstream: Pick<PostgresUpstream, "writeRecord">;
  };
  readonly neighbours: Addresses;
  readonly status: Observed;
  readonly inForce: SettingsInForce;
  readonly last: SeenScope;
  readonly tasks: TaskSeen;
}

/** Helps a standby that starts to become consistent soon. */
export class StartAid {
  readonly #parts: AidParts;
  #own: AbortController | null = null;

  constructor(parts: AidParts) {
    this.#parts = parts;
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
    const { status: { observation }, tasks } = this.#parts;
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
    const { clock } = this.#parts;
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs *= 2) {
      await clock.sleep(Math.min(pauseMs, PAUSE_MAX_MS), signal);
      if (!signal.aborted) await this.#ask();
    }
  }

  async #ask(): Promise<void> {
    const { postgres, neighbours, log } = this.#parts;
    try {
      const leader = leaderToAsk(this.#parts);
      if (leader !== null) {
        await postgres.upstream.writeRecord(neighbours.addressOf(leader));
      }
    } catch (error) {
      log.debug(`Cannot ask the leader for a WAL record: ${String(error)}`);
    }
  }
}

/** The primary above this member; null: there is none to be asked. */
function leaderToAsk({ inForce, last, config }: AidParts): string | null {
  const { standbyCluster } = inForce.settings;
  if (standbyCluster !== null) {
    return standbyCluster.host === null ? null : REMOTE;
  }
  const leader = last.view?.leader?.name ?? null;
  return leader === config().self ? null : leader;
}
