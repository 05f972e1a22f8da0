/**
 * What a pledge needs of this instance: the record on disk, and the proof that no
 * WAL comes in from anybody.
 */
import { after, remainingMs } from "../../../core/base/units.ts";
import type { PledgeRecord } from "../../../core/model/pledge.ts";
import type { ClosedSource, PostgresPledge } from "../../../ports/postgres.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import { processFacts, sendSignal } from "../process/processes.ts";
import type { LocalSession } from "../session/local_session.ts";
import type { Query } from "../session/sql.ts";
import type { Standby } from "../standby.ts";
import type { PledgeFile } from "./record_file.ts";
import { endOfWal } from "./wal_position.ts";
import { lookForSources, type SourceLook } from "./wal_sources.ts";

/** A receiver that was about to start shows itself within that time. */
const LOOK_AGAIN_MS = 200;
const LOOKS = 2;
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
export class LocalPledge implements PostgresPledge {
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

  async closeSource(signal: AbortSignal): Promise<ClosedSource> {
    const server = await livePostmaster(this.#context);
    if (server === null) return open("not_running");
    const life = await processFacts(server.pid);
    await this.#tools.standby.close();
    const doubt = await this.#prove(server.pid, signal);
    if (doubt !== null) return open(doubt);
    const position = await this.#ask((query) =>
      endOfWal(query, this.#context.options.dataDir)
    );
    const now = await processFacts(server.pid);
    const isSame = life !== null && now?.startTicks === life.startTicks;
    return isSame ? { kind: "closed", position } : open("not_running");
  }

  /** Null: nothing can come in; else what speaks against it at the end of the time. */
  async #prove(
    postmasterPid: number,
    signal: AbortSignal,
  ): Promise<OpenReason | null> {
    const { clock } = this.#context;
    const deadline = after(clock.now(), PROOF_MS_MAX);
    let reason: OpenReason | null = "no_answer";
    let clean = 0;
    while (!signal.aborted && remainingMs(deadline, clock.now()) > 0) {
      const look = await this.#ask((query) =>
        lookForSources(query, postmasterPid)
      );
      reason = doubtOf(look);
      clean = reason === null ? clean + 1 : 0;
      if (clean === LOOKS) return null;
      if (reason === "receiver_stays") await this.#end(look, postmasterPid);
      if (reason === "not_a_standby") return reason;
      await clock.sleep(LOOK_AGAIN_MS, signal);
    }
    return reason ?? "no_answer";
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
