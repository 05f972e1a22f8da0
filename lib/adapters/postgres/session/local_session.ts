/**
 * Odd jobs on the running local instance, each over a short connection of its
 * own: statements, live settings, a promotion, a reload that is known to be in force.
 */
import { CancelledError, PostgresError } from "../../../ports/errors.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import { sendSignal } from "../process/processes.ts";
import type { RecoverySettings } from "../settings/recovery.ts";
import {
  errorText,
  type Query,
  type SqlTarget,
  withConnection,
} from "./sql.ts";
import { recoverySettings } from "./status_codec.ts";
import { RECOVERY_SETTINGS } from "./status_query.ts";
import { localTarget } from "./targets.ts";
import { IDLE_LIMIT_SINCE, majorVersion } from "../process/version.ts";

const QUERY_TIMEOUT_MS = 3_000;
const PROMOTE_POLL_MS = 10;
/** A CHECKPOINT may write for as long as it takes. */
const NO_LIMIT_MS = 2 ** 31 - 1;
const RELOAD_POLL_MS = 10;
const RELOAD_TIMEOUT_MS = 1_000;

/** Runs short work on the local instance, each on a connection of its own. */
export class LocalSession {
  readonly #context: PostgresContext;

  constructor(context: PostgresContext) {
    this.#context = context;
  }

  /** The local instance as superuser. What the server does to sessions that rest is for others. */
  async target(): Promise<SqlTarget> {
    const file = await livePostmaster(this.#context);
    const target = localTarget(this.#context, "superuser", file);
    const major = await majorVersion(this.#context);
    if (major < IDLE_LIMIT_SINCE) return target;
    const settings = { ...target.settings, idle_session_timeout: "0" };
    return { ...target, settings };
  }

  /** @throws {PostgresError} If it does not answer, or refuses. */
  async sql<T>(
    work: (query: Query) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return await withConnection(await this.target(), work, signal);
  }

  /** The recovery settings in force. */
  async recoverySettings(): Promise<RecoverySettings> {
    const [row] = await this.sql((query) =>
      query(`SELECT ${RECOVERY_SETTINGS} AS settings`, QUERY_TIMEOUT_MS)
    );
    return recoverySettings(row?.["settings"]);
  }

  /**
   * pg_promote; resolves when it is out of recovery. No error if it was before.
   *
   * @throws {PostgresError} If the time is up.
   * @throws {CancelledError} If the signal was aborted; it may still promote.
   */
  async promote(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const end = clock.now() + timeoutMs;
    await this.sql(async (query) => {
      await query(
        "SELECT pg_promote(false) WHERE pg_is_in_recovery()",
        QUERY_TIMEOUT_MS,
      );
      while (await isInRecovery(query)) {
        if (signal.aborted) throw new CancelledError("Promotion was cancelled");
        if (clock.now() >= end) {
          throw new PostgresError(`Not promoted within ${timeoutMs} ms`);
        }
        await clock.sleep(PROMOTE_POLL_MS, signal);
      }
    });
  }

  /**
   * Writes a record that waits for nobody. A standby that just became
   * synchronous answers it, and its answer lets go the commits that waited for
   * another one; without new WAL it would report only once in
   * wal_receiver_status_interval.
   *
   * Source: PostgreSQL 15 `syncrep.c`, SyncRepReleaseWaiters, is called only for
   * a standby's reply.
   */
  async writeRecord(): Promise<void> {
    try {
      await writeEmptyRecord(await this.target());
    } catch {
      // It does not answer; then nobody waits for it to be quick.
    }
  }

  /** CHECKPOINT, for as long as it takes. */
  async checkpoint(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw new CancelledError("Checkpoint was cancelled");
    try {
      await this.sql((query) => query("CHECKPOINT", NO_LIMIT_MS), signal);
    } catch (error) {
      if (signal.aborted) throw new CancelledError("Checkpoint was cancelled");
      throw error;
    }
  }

  /** CHECKPOINT, so that the one of the stop is short. */
  async checkpointBeforeStop(limitMs: number | null): Promise<void> {
    try {
      await this.sql((query) => query("CHECKPOINT", limitMs ?? NO_LIMIT_MS));
    } catch (error) {
      // The stop checkpoints again anyway; this only would have shortened it.
      this.#context.log.warning(`CHECKPOINT failed: ${errorText(error)}`);
    }
  }

  /** SIGHUP, and a short wait until it is in force. Nothing if none runs. */
  async reload(): Promise<void> {
    const file = await livePostmaster(this.#context);
    if (file === null) return;
    const { clock } = this.#context;
    const end = clock.now() + RELOAD_TIMEOUT_MS;
    try {
      await this.sql(async (query) => {
        const before = await loadTime(query);
        sendSignal(file.pid, "SIGHUP");
        while (await loadTime(query) === before && clock.now() < end) {
          await clock.sleep(RELOAD_POLL_MS);
        }
      });
    } catch {
      // It does not answer: the signal is all that can be done.
      sendSignal(file.pid, "SIGHUP");
    }
  }
}

/** A committed record without content. Not in recovery, where nothing can be written. */
export const EMPTY_RECORD =
  "SELECT pg_logical_emit_message(true, 'matriarch', '') " +
  "WHERE NOT pg_is_in_recovery()";

/** @throws {PostgresError} If the server does not answer, or refuses. */
export async function writeEmptyRecord(target: SqlTarget): Promise<void> {
  await withConnection(
    target,
    (query) => query(EMPTY_RECORD, QUERY_TIMEOUT_MS),
  );
}

async function isInRecovery(query: Query): Promise<boolean> {
  const [row] = await query(
    "SELECT pg_is_in_recovery() AS is_in_recovery",
    QUERY_TIMEOUT_MS,
  );
  return row?.["is_in_recovery"] !== false;
}

/** When the session's configuration was read: at its beginning by the postmaster. */
export async function loadTime(query: Query): Promise<string> {
  const [row] = await query(
    "SELECT pg_conf_load_time()::text AS time",
    QUERY_TIMEOUT_MS,
  );
  return String(row?.["time"]);
}
