/**
 * synchronous_standby_names: sets it, and finds out when it is in force.
 *
 * A value that new sessions show binds nobody yet. Commits begin to wait when
 * the checkpointer has read it, which sits in its fsyncs for as long as they
 * take; and each WAL sender lets commits go by the value that it read last. So
 * it is in force when (1) a session that was opened afterwards shows it, (2) the
 * checkpointer was seen idle after that, and (3) the WAL senders that may
 * acknowledge have all reported WAL that was written after that.
 *
 * Source: PostgreSQL 15 `syncrep.c`, SyncRepUpdateSyncStandbysDefined and
 * SyncRepReleaseWaiters; `checkpointer.c`, CheckpointerMain and
 * CheckpointWriteDelay; `walsender.c`, WalSndLoop.
 */
import { formatLsn, type Lsn, parseLsn } from "../../../core/base/units.ts";
import { PostgresError } from "../../../ports/errors.ts";
import {
  EMPTY_RECORD,
  loadTime,
  type LocalSession,
} from "../session/local_session.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster, type PidFile } from "../process/pid_file.ts";
import { processFacts } from "../process/processes.ts";
import type { ConfigFiles } from "./config_files.ts";
import type { WantedSettings } from "./wanted_settings.ts";
import { literal, type Query } from "../session/sql.ts";

/** What a set needs. */
interface NamesTools {
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  readonly session: LocalSession;
  /** Whether there is a data directory to configure. */
  readonly isFilled: () => Promise<boolean>;
  /** Lets a running server read the files. */
  readonly reload: () => Promise<void>;
}

/** A value as a look at the server showed it. */
export interface SeenNames {
  readonly value: string;
  readonly role: "primary" | "replica";
}

/** How far the current value has come. Another value, server or role begins anew. */
interface Progress {
  readonly key: string;
  /** End of the WAL when the checkpointer had read the value; null: it has not, as far as is known. */
  mark: Lsn | null;
  /** See PrimaryView.namesInForceLsn. */
  since: Lsn | null;
}

const QUERY_TIMEOUT_MS = 1_000;
const POLL_MS = 10;
/** Usually all is done within a few milliseconds; what takes longer is seen by later looks. */
const SETTLE_MS = 300;

/** Where the checkpointer waits only after it has read what was reloaded before. */
const IDLE_EVENTS = ["CheckpointerMain", "CheckpointWriteDelay"];

/** Sets synchronous_standby_names, and finds out when the value is in force. */
export class SynchronousNames {
  readonly #context: PostgresContext;
  readonly #tools: NamesTools;
  #progress: Progress | null = null;
  /** Configuration of the postmaster before the last change; null: not changed by this agent. */
  #loadedBefore: string | null = null;
  #changes = 0;

  constructor(context: PostgresContext, tools: NamesTools) {
    this.#context = context;
    this.#tools = tools;
  }

  /** Sets the value and reloads; null restores the user's own. Waits shortly for it to be in force. */
  async set(value: string | null): Promise<void> {
    const { files, session, wanted } = this.#tools;
    this.#changes++;
    try {
      await wanted.change({
        standbys: value === null
          ? { kind: "user" }
          : { kind: "managed", value },
      });
      if (!await this.#tools.isFilled()) return;
      await files.write();
      this.#loadedBefore = await this.#loadTime();
      // Also if the file said so already: its writer may have died before the signal.
      await this.#tools.reload();
    } finally {
      this.#progress = null;
      this.#changes--;
    }
    // Without names nobody waits, so there is nothing that could come into force.
    if (value === null || value === "") return;
    await session.writeRecord();
    await this.#settle(value);
  }

  /**
   * The position from which on commits surely wait for the names; null: not
   * known yet. Never throws.
   */
  async look(file: PidFile, seen: SeenNames): Promise<Lsn | null> {
    const { value, role } = seen;
    if (this.#changes > 0 || value === "") return null;
    const key = JSON.stringify([file.pid, role, value]);
    if (this.#progress?.key !== key) {
      this.#progress = { key, mark: null, since: null };
    }
    const progress = this.#progress;
    if (progress.since !== null) return progress.since;
    try {
      await this.#tools.session.sql((query) =>
        advance(query, progress, { ...seen, loadedBefore: this.#loadedBefore })
      );
    } catch {
      // It does not answer; the next look goes on.
    }
    return this.#progress === progress ? progress.since : null;
  }

  async #settle(value: string): Promise<void> {
    const { clock } = this.#context;
    const end = clock.now() + SETTLE_MS;
    const file = await livePostmaster(this.#context);
    const role = await this.#role();
    if (file === null || role === null) return;
    while (await this.look(file, { value, role }) === null) {
      if (clock.now() >= end) return;
      await clock.sleep(POLL_MS);
    }
  }

  async #role(): Promise<SeenNames["role"] | null> {
    try {
      const [row] = await this.#tools.session.sql((query) =>
        query("SELECT pg_is_in_recovery() AS is_replica", QUERY_TIMEOUT_MS)
      );
      return row?.["is_replica"] === false ? "primary" : "replica";
    } catch {
      return null;
    }
  }

  async #loadTime(): Promise<string | null> {
    try {
      return await this.#tools.session.sql(loadTime);
    } catch {
      return null;
    }
  }
}

/** Goes as far as it can in one session, which was opened after the reload. */
async function advance(
  query: Query,
  progress: Progress,
  wanted: SeenNames & { readonly loadedBefore: string | null },
): Promise<void> {
  if (progress.mark === null) {
    const isRead = await showsNames(query, wanted) &&
      await hasCheckpointerRead(query);
    if (!isRead) return;
    progress.mark = await position(query, wanted.role, "end");
    // Without new WAL the WAL senders of an idle primary would have nothing to report.
    await query(EMPTY_RECORD, QUERY_TIMEOUT_MS);
  }
  if (!await haveSendersReported(query, progress.mark)) return;
  progress.since = await position(query, wanted.role, "flushed");
}

/** A session begins with what the postmaster has read. */
async function showsNames(
  query: Query,
  { value, loadedBefore }: {
    readonly value: string;
    readonly loadedBefore: string | null;
  },
): Promise<boolean> {
  const [row] = await query(
    "SELECT current_setting('synchronous_standby_names') AS names, " +
      "pg_conf_load_time()::text AS loaded",
    QUERY_TIMEOUT_MS,
  );
  return row?.["names"] === value && row["loaded"] !== loadedBefore;
}

/**
 * A process to which the signal was sent, but which had no processor since,
 * still shows the wait that it is about to leave. It does not sleep any more,
 * though: who sleeps has no signal pending, and in those waits has obeyed it.
 */
async function hasCheckpointerRead(query: Query): Promise<boolean> {
  const pid = await idleCheckpointer(query);
  if (pid === null) return false;
  const facts = await processFacts(pid);
  return facts?.state === "S" && await idleCheckpointer(query) === pid;
}

async function idleCheckpointer(query: Query): Promise<number | null> {
  const [row] = await query(
    "SELECT pid, wait_event FROM pg_stat_activity " +
      "WHERE backend_type = 'checkpointer'",
    QUERY_TIMEOUT_MS,
  );
  const isIdle = IDLE_EVENTS.includes(String(row?.["wait_event"]));
  return isIdle ? Number(row?.["pid"]) : null;
}

/** Who is of no priority, by the value that it read last, lets no commit go. */
async function haveSendersReported(query: Query, mark: Lsn): Promise<boolean> {
  const [row] = await query(
    "SELECT count(*)::int AS silent FROM pg_stat_replication " +
      "WHERE state = 'streaming' AND sync_priority > 0 AND " +
      `coalesce(flush_lsn, '0/0') <= ${literal(formatLsn(mark))}::pg_lsn`,
    QUERY_TIMEOUT_MS,
  );
  return row?.["silent"] === 0;
}

async function position(
  query: Query,
  role: SeenNames["role"],
  which: "end" | "flushed",
): Promise<Lsn> {
  const expression = role === "replica"
    ? "coalesce(pg_last_wal_replay_lsn(), '0/0')"
    : which === "end"
    ? "pg_current_wal_insert_lsn()"
    : "pg_current_wal_flush_lsn()";
  const [row] = await query(
    `SELECT ${expression}::text AS lsn`,
    QUERY_TIMEOUT_MS,
  );
  const lsn = parseLsn(String(row?.["lsn"]));
  if (lsn === null) throw new PostgresError(`${expression} gives no position`);
  return lsn;
}
