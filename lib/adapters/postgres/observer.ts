/**
 * One look at the instance, cheap enough for every cycle and every REST request:
 * a few files, one look at /proc, one query over a kept connection.
 */
import type { Lsn } from "../../core/base/units.ts";
import type { PendingRestartReason } from "../../core/model/member.ts";
import type {
  PostgresView,
  ReplicaView,
} from "../../core/model/postgres_view.ts";
import { FencedPostgres } from "./process/fenced_server.ts";
import { AutoConfAudit } from "./directory/auto_conf.ts";
import type { ControlFile } from "./directory/control_data.ts";
import type { DataDirectory } from "./directory/data_directory.ts";
import type { PostgresContext } from "./options.ts";
import { pendingRestart } from "./settings/pending_restart.ts";
import { livePostmaster, type PidFile } from "./process/pid_file.ts";
import type { RecoverySettings } from "./settings/recovery.ts";
import { SealAudit } from "./settings/seal_audit.ts";
import type { RestoredBackup } from "./fill/restored_backup.ts";
import { configPath } from "./settings/config_paths.ts";
import type { ConfigFiles } from "./settings/config_files.ts";
import type { WantedSettings } from "./settings/wanted_settings.ts";
import { hasSignal } from "./directory/signal_files.ts";
import type { SynchronousNames } from "./settings/synchronous_names.ts";
import { Connection, errorCode, errorText } from "./session/sql.ts";
import { decodeStatus, type StatusRow } from "./session/status_codec.ts";
import { STATUS_QUERY } from "./session/status_query.ts";
import { localTarget } from "./session/targets.ts";
import { currentTimeline } from "./session/upstream.ts";

/** What a look needs. */
export interface ObserverTools {
  readonly directory: DataDirectory;
  readonly control: ControlFile;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  readonly names: SynchronousNames;
  readonly backup: RestoredBackup;
}

type Reasons = Readonly<Record<string, PendingRestartReason>>;

const QUERY_TIMEOUT_MS = 2_500;

/** "The database system is starting up", or shutting down. */
const CANNOT_CONNECT_NOW = "57P03";
/** The session was ended under us; a new one tells what is going on. */
const LOST_CODES = /^(57P01|57P02|57P05|CONNECTION_|ECONN|EPIPE)/;
/** Nobody listens (yet, or any more). */
const NOT_LISTENING = /^(ECONNREFUSED|ENOENT)$/;

/** Looks at the local instance, cheaply enough for every cycle. */
export class Observer {
  readonly #context: PostgresContext;
  readonly #tools: ObserverTools;
  readonly #seal: SealAudit;
  readonly #audit: AutoConfAudit;
  readonly #server: FencedPostgres;
  /** Of the server that was seen last. */
  #postmasterPid = 0;
  #recovery: RecoverySettings | null = null;
  #connection: { readonly key: string; readonly sql: Connection } | null = null;
  #pending: {
    readonly backendPid: number;
    readonly loadedAt: string;
    readonly reasons: Reasons;
  } = { backendPid: 0, loadedAt: "", reasons: {} };
  /** Reasons that only the start knows (hot-standby minimums), by postmaster. */
  #startReasons: Reasons = {};

  constructor(context: PostgresContext, tools: ObserverTools) {
    this.#context = context;
    this.#tools = tools;
    this.#seal = new SealAudit(context);
    this.#audit = new AutoConfAudit(context);
    this.#server = new FencedPostgres(context);
  }

  /** Recovery settings in force at the last look; null: it was no running standby. */
  get recovery(): RecoverySettings | null {
    return this.#recovery;
  }

  /** Never throws; bounded by the time limits of the query. */
  async observe(): Promise<PostgresView> {
    this.#recovery = null;
    try {
      return await this.#look();
    } catch (error) {
      const detail = errorText(error);
      return { kind: "unusable", problem: "not_accessible", detail };
    }
  }

  /** Over the connection of the last look; none where that does not answer. */
  async streaming(): Promise<readonly string[]> {
    try {
      const rows = await this.#connection?.sql.query(
        "SELECT application_name FROM pg_stat_replication WHERE state = 'streaming'",
        QUERY_TIMEOUT_MS,
      );
      return rows?.map((row) => String(row["application_name"])) ?? [];
    } catch {
      return [];
    }
  }

  /** Over the connection of the last look; null where that does not answer. */
  async endedTransaction(): Promise<bigint | null> {
    try {
      const [row] = await this.#connection?.sql.query(
        "SELECT txid_snapshot_xmax(txid_current_snapshot())::text AS next " +
          "WHERE NOT pg_is_in_recovery()",
        QUERY_TIMEOUT_MS,
      ) ?? [];
      return row === undefined ? null : BigInt(String(row["next"]));
    } catch {
      return null;
    }
  }

  /** A restart forgets them; `reasons` are those of the new postmaster. */
  setStartReasons(reasons: Reasons): void {
    this.#startReasons = reasons;
    this.forgetPending();
  }

  /** The server took over new settings: its flags must be read again. */
  forgetPending(): void {
    this.#pending = { backendPid: 0, loadedAt: "", reasons: {} };
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    await connection?.sql.close();
  }

  async #look(): Promise<PostgresView> {
    const state = await this.#tools.directory.look();
    if (state.kind === "empty" || state.kind === "invalid_system_id") {
      const doomed = await this.#endWithoutData();
      if (doomed !== null) return doomed;
    }
    if (state.kind === "empty") return { kind: "empty" };
    if (state.kind !== "filled") {
      return { kind: "unusable", problem: state.kind, detail: state.detail };
    }
    const file = await livePostmaster(this.#context);
    if (file === null) return await this.#stopped();
    await this.#server.remember(file);
    // Not waited for: a tablespace may be on a disk that hangs.
    this.#tools.directory.remember();
    this.#postmasterPid = file.pid;
    try {
      return await this.#running(file);
    } catch (error) {
      return await this.#silent(file, error);
    }
  }

  /**
   * Ends a server whose data directory was deleted under it: it would go on
   * taking writes into files that nobody finds again. Only the next look shows
   * that it is gone; until then it may be writable. Null if there is none.
   */
  async #endWithoutData(): Promise<PostgresView | null> {
    if (await this.#server.look() === "down") return null;
    const detail = "its data directory is gone";
    this.#context.log.error(`Killing the server: ${detail}`);
    await this.#server.stop("kill");
    const postmasterPid = this.#postmasterPid;
    return { kind: "unresponsive", control: null, postmasterPid, detail };
  }

  async #stopped(): Promise<PostgresView> {
    await this.close();
    const look = await this.#tools.control.look();
    if (look.kind === "invalid") {
      const detail = "pg_controldata shows no valid system identifier";
      return { kind: "unusable", problem: "invalid_system_id", detail };
    }
    if (look.kind === "silent") {
      const detail = `pg_controldata says nothing: ${look.detail}`;
      return { kind: "unusable", problem: "not_accessible", detail };
    }
    const control = look.data;
    const isStandby = await hasSignal(this.#context);
    const restore = await this.#tools.backup.look();
    const view = { kind: "stopped", control, isStandby } as const;
    return restore === null ? view : { ...view, restore };
  }

  async #running(file: PidFile): Promise<PostgresView> {
    const row = await this.#ask(file);
    this.#recovery = row.recovery;
    const view = {
      ...row.view,
      namesInForceLsn: await this.#namesInForce(row, file),
      pendingRestart: await this.#pendingRestart(row, file),
    };
    if (view.role === "primary") return view;
    if (view.isStreaming) {
      this.#tools.files.noteStream();
      return view;
    }
    const timeline = await this.#replayTimeline(view, file);
    const restore = await this.#tools.backup.look();
    return { ...view, timeline, ...(restore === null ? {} : { restore }) };
  }

  async #ask(file: PidFile): Promise<StatusRow> {
    const isFirst = this.#connection === null;
    try {
      return await this.#askOnce(file);
    } catch (error) {
      // A kept session that was lost, or a role that changed within the query.
      const isLost = !isFirst && LOST_CODES.test(errorCode(error));
      if (!isLost && errorCode(error) !== "55000") throw error;
      return await this.#askOnce(file);
    }
  }

  async #askOnce(file: PidFile): Promise<StatusRow> {
    const standbys = (await this.#tools.wanted.current()).standbys;
    const [row] = await this.#sql(file).query(STATUS_QUERY, QUERY_TIMEOUT_MS);
    return decodeStatus(row ?? {}, {
      postmasterPid: file.pid,
      areStandbysManaged: standbys.kind === "managed",
    });
  }

  /** The kept connection; a new one after a restart or a changed address. */
  #sql(file: PidFile): Connection {
    const target = localTarget(this.#context, "superuser", file);
    const key = JSON.stringify([file.pid, target]);
    if (this.#connection?.key !== key) {
      const old = this.#connection;
      this.#connection = { key, sql: new Connection(target) };
      old?.sql.close().catch(() => {});
    }
    return this.#connection.sql;
  }

  /** Read once per session and after each reload, people's too, not in every look. */
  async #pendingRestart(row: StatusRow, file: PidFile): Promise<Reasons> {
    const { backendPid, loadedAt } = row;
    const read = { backendPid, loadedAt };
    const isRead = this.#pending.backendPid === backendPid &&
      this.#pending.loadedAt === loadedAt;
    if (!isRead) {
      const sql = this.#sql(file);
      const reasons = await pendingRestart(
        this.#context,
        (text, timeoutMs) => sql.query(text, timeoutMs),
        configPath(this.#context.options, "settings"),
      );
      await this.#seal.look((text, ms) => sql.query(text, ms));
      await this.#audit.look(
        (await this.#tools.wanted.current()).standbys.kind,
      );
      this.#pending = { ...read, reasons };
    }
    return { ...this.#startReasons, ...this.#pending.reasons };
  }

  /** What users set is nobody's key to commits. */
  async #namesInForce({ view }: StatusRow, file: PidFile): Promise<Lsn | null> {
    if (!view.areStandbysManaged) return null;
    const { synchronousStandbyNames: value, role } = view;
    return await this.#tools.names.look(file, { value, role });
  }

  /** Without a WAL receiver only a replication connection knows it exactly. */
  async #replayTimeline(view: ReplicaView, file: PidFile): Promise<number> {
    const target = localTarget(this.#context, "replication", file);
    return await currentTimeline(target) ?? view.timeline;
  }

  async #silent(file: PidFile, error: unknown): Promise<PostgresView> {
    if (await livePostmaster(this.#context) === null) {
      return await this.#stopped();
    }
    const control = await this.#tools.control.read();
    const code = errorCode(error);
    // Until it has said that it is ready, silence is part of the start.
    const isStarting = code === CANNOT_CONNECT_NOW ||
      file.status === "starting" || file.status === "" ||
      (NOT_LISTENING.test(code) && file.status !== "ready");
    if (control !== null && isStarting) {
      const isStandby = await hasSignal(this.#context);
      return { kind: "starting", control, isStandby, postmasterPid: file.pid };
    }
    const detail = errorText(error);
    return { kind: "unresponsive", control, postmasterPid: file.pid, detail };
  }
}

/**
 * Lets concurrent callers share one run, but never one that began before they
 * called: who comes during a run gets the next one.
 */
export class Shared<T> {
  readonly #work: () => Promise<T>;
  #current: Promise<T> | null = null;
  #next: Promise<T> | null = null;

  constructor(work: () => Promise<T>) {
    this.#work = work;
  }

  run(): Promise<T> {
    if (this.#current === null) {
      this.#current = this.#work().finally(() => this.#current = null);
      return this.#current;
    }
    this.#next ??= this.#after(this.#current);
    return this.#next;
  }

  async #after(current: Promise<T>): Promise<T> {
    await current.catch(() => {});
    this.#next = null;
    return await this.run();
  }
}
