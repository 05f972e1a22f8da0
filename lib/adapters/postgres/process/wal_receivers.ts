/**
 * Receivers of WAL that hold up a stop. PostgreSQL waits until each of them has
 * confirmed everything, for ever if one only answers keep-alives: those of
 * logical slots before the shutdown checkpoint, all others after it.
 *
 * Source: PostgreSQL 15 `walsender.c`, WalSndWaitStopping and WalSndDone.
 */
import type { EndedReceiver, StopOptions } from "../../../ports/postgres.ts";
import type { LocalSession } from "../session/local_session.ts";
import type { PostgresContext } from "../options.ts";
import { processFacts, sendSignal } from "./processes.ts";
import type { Query } from "../session/sql.ts";
import { timerMs } from "../../../core/base/units.ts";

/** A consumer that is well confirms in milliseconds; every second more is one without a primary. */
const PATIENCE_MS = 2_000;
const QUERY_TIMEOUT_MS = 1_000;

/** One walsender and who is served by it. */
export interface WalReceiver extends EndedReceiver {
  readonly pid: number;
}

/**
 * Who receives WAL right before an orderly stop; nobody if the server does not
 * answer soon: then it hangs for another reason.
 *
 * @param session Null: nothing runs.
 */
export async function receiversBeforeStop(
  session: LocalSession | null,
  { mode, escalateAfterMs }: StopOptions,
): Promise<readonly WalReceiver[]> {
  const isOrderly = mode === "fast" || mode === "smart";
  if (session === null || !isOrderly) return [];
  const limitMs = Math.min(QUERY_TIMEOUT_MS, (escalateAfterMs ?? Infinity) / 4);
  const tooLate = AbortSignal.timeout(timerMs(limitMs));
  return await session.sql(walReceivers, tooLate).catch(() => []);
}

async function walReceivers(
  query: Query,
): Promise<readonly WalReceiver[]> {
  const rows = await query(
    `SELECT r.pid, r.application_name, s.slot_name, s.slot_type
     FROM pg_stat_replication r
     LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid`,
    QUERY_TIMEOUT_MS,
  );
  return rows.map((row) => ({
    pid: Number(row["pid"]),
    type: row["slot_type"] === "logical" ? "logical" : "physical",
    slot: typeof row["slot_name"] === "string" ? row["slot_name"] : null,
    applicationName: String(row["application_name"]),
  }));
}

/** What is known of the stop when it is looked at. */
export interface StopProgress {
  /** pg_control says that the shutdown checkpoint is written. */
  readonly isCheckpointed: boolean;
  /** Nobody who counts still needs what the walsenders send. */
  readonly isReceived: boolean;
}

/** Ends the receivers of one stop that do not let go by themselves. */
export class HoldUps {
  readonly #context: PostgresContext;
  readonly #postmasterPid: number;
  readonly #onEnded: (receiver: EndedReceiver) => void;
  #receivers: readonly WalReceiver[];
  #logicalUntil: number;
  #allUntil: number | null = null;

  constructor(
    context: PostgresContext,
    stop: {
      readonly postmasterPid: number;
      readonly receivers: readonly WalReceiver[];
      readonly onEnded: (receiver: EndedReceiver) => void;
    },
  ) {
    this.#context = context;
    this.#postmasterPid = stop.postmasterPid;
    this.#receivers = stop.receivers;
    this.#onEnded = stop.onEnded;
    this.#logicalUntil = context.clock.now() + PATIENCE_MS;
  }

  /** Called again and again while the stop lasts. */
  async look({ isCheckpointed, isReceived }: StopProgress): Promise<void> {
    const now = this.#context.clock.now();
    if (isCheckpointed && isReceived) this.#allUntil ??= now + PATIENCE_MS;
    if (this.#allUntil !== null && now >= this.#allUntil) {
      return await this.#end(() => true);
    }
    // One that streams to a standby would miss the checkpoint.
    if (now >= this.#logicalUntil) {
      await this.#end(({ type }) => type === "logical");
    }
  }

  async #end(isMeant: (receiver: WalReceiver) => boolean): Promise<void> {
    const meant = this.#receivers.filter(isMeant);
    this.#receivers = this.#receivers.filter((one) => !isMeant(one));
    for (const { pid, ...receiver } of meant) {
      const facts = await processFacts(pid);
      if (facts?.parentPid !== this.#postmasterPid) continue;
      if (!sendSignal(pid, "SIGTERM")) continue;
      this.#context.log.warning(
        "Ending a connection that holds up the stop: its receiver does not confirm",
        { ...receiver },
      );
      this.#onEnded(receiver);
    }
  }
}
