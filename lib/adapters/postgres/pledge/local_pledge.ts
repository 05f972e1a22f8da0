/**
 * What a pledge needs of this instance: the record on disk, and the proof that no
 * WAL comes in from anybody.
 */
import { after, type Moment, remainingMs } from "../../../core/base/units.ts";
import type { PledgeRecord } from "../../../core/model/pledge.ts";
import type {
  ClosedSource,
  PostgresPledge,
  PostgresReceipt,
} from "../../../ports/postgres.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import { processFacts, sendSignal } from "../process/processes.ts";
import type { LocalSession } from "../session/local_session.ts";
import type { Query } from "../session/sql.ts";
import type { Standby } from "../standby.ts";
import type { PledgeFile } from "./record_file.ts";
import { endOfWal } from "./wal_position.ts";
import { walReceivedAt } from "./wal_receipt.ts";
import { lookForSources, type SourceLook } from "./wal_sources.ts";

/** A receiver that was about to start shows itself within that time. */
const CLEAN_MS = 200;
/** The setting comes into force, and a receiver ends, within a few of these. */
const LOOK_AGAIN_MS = 25;
/** All of it; a takeover is a matter of seconds. */
const PROOF_MS_MAX = 3_000;

/** What it works with. */
interface PledgeTools {
  readonly record: PledgeFile;
  readonly session: LocalSession;
  readonly standby: Standby;
}

type OpenReason = Extract<ClosedSource, { kind: "open" }>["reason"];

/** The pledge's part of the local instance. */
export class LocalPledge implements PostgresPledge, PostgresReceipt {
  readonly #context: PostgresContext;
  readonly #tools: PledgeTools;

  constructor(context: PostgresContext, tools: PledgeTools) {
    this.#context = context;
    this.#tools = tools;
  }

  readRecord(): Promise<PledgeRecord> {
    return this.#tools.record.read();
  }

  writeRecord(record: PledgeRecord): Promise<void> {
    return this.#tools.record.write(record);
  }

  walReceivedAt(): Promise<Moment | null> {
    const { clock } = this.#context;
    return this.#ask((query) => walReceivedAt(query, clock));
  }

  async closeSource(signal: AbortSignal): Promise<ClosedSource> {
    const server = await livePostmaster(this.#context);
    if (server === null) return open("not_running");
    const life = await processFacts(server.pid);
    await this.#tools.standby.close();
    const proof = await this.#prove(server.pid, signal);
    const now = await processFacts(server.pid);
    const isSame = life !== null && now?.startTicks === life.startTicks;
    return isSame || proof.kind === "open" ? proof : open("not_running");
  }

  /** Where nothing can come in, how far it came; else what speaks against it at the end of the time. */
  async #prove(
    postmasterPid: number,
    signal: AbortSignal,
  ): Promise<ClosedSource> {
    const { clock } = this.#context;
    const deadline = after(clock.now(), PROOF_MS_MAX);
    let reason: OpenReason | null = "no_answer";
    let wasClean = false;
    while (!signal.aborted && remainingMs(deadline, clock.now()) > 0) {
      const seen = await this.#ask((query) =>
        this.#look(query, postmasterPid, wasClean)
      );
      const look = seen?.look ?? null;
      reason = doubtOf(look);
      if (seen?.proof) return seen.proof;
      if (reason === "receiver_stays") await this.#end(look, postmasterPid);
      if (reason === "not_a_standby") break;
      wasClean = reason === null;
      await clock.sleep(wasClean ? CLEAN_MS : LOOK_AGAIN_MS, signal);
    }
    return open(reason ?? "no_answer");
  }

  /** The second look that finds nothing asks for the position as well, by the same session. */
  async #look(
    query: Query,
    postmasterPid: number,
    wasClean: boolean,
  ): Promise<
    { readonly look: SourceLook; readonly proof: ClosedSource | null }
  > {
    const look = await lookForSources(query, postmasterPid);
    if (!wasClean || doubtOf(look) !== null) return { look, proof: null };
    const { dataDir } = this.#context.options;
    const position = await endOfWal(query, dataDir).catch(() => null);
    return { look, proof: { kind: "closed", position } };
  }

  /** With replay paused nobody else would end it. */
  async #end(look: SourceLook | null, postmasterPid: number): Promise<void> {
    for (const pid of look?.receivers ?? []) {
      const facts = await processFacts(pid);
      if (facts?.parentPid === postmasterPid) sendSignal(pid, "SIGTERM");
    }
  }

  /** Over a connection of its own; null: no answer. */
  async #ask<T>(work: (query: Query) => Promise<T>): Promise<T | null> {
    try {
      const limit = AbortSignal.timeout(PROOF_MS_MAX);
      return await this.#tools.session.sql(work, limit);
    } catch {
      return null;
    }
  }
}

function doubtOf(look: SourceLook | null): OpenReason | null {
  if (look === null) return "no_answer";
  if (!look.isInRecovery) return "not_a_standby";
  if (look.hasUpstream) return "settings_not_in_force";
  return look.receivers.length > 0 || look.hasNewborn ? "receiver_stays" : null;
}

function open(reason: OpenReason): ClosedSource {
  return { kind: "open", reason };
}
