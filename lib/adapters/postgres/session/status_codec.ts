/**
 * Turns the row of `status_query.ts` into the model's view of a running
 * instance. Wrong or missing columns are a broken server, hence errors.
 */
import { type Lsn, parseLsn } from "../../../core/base/units.ts";
import type {
  PrimaryView,
  ReplicaView,
  SlotView,
  UpstreamAddress,
  WalSender,
} from "../../../core/model/postgres_view.ts";
import { PostgresError } from "../../../ports/errors.ts";
import { parseConninfo } from "./conninfo.ts";
import type { RecoverySettings } from "../settings/recovery.ts";

type Row = Readonly<Record<string, unknown>>;

/** Facts of a running instance that its SQL row does not hold. */
export interface RowContext {
  readonly postmasterPid: number;
  readonly areStandbysManaged: boolean;
}

/** What the row says, and what the adapter itself needs of it. */
export interface StatusRow {
  readonly view: PrimaryView | ReplicaView;
  readonly backendPid: number;
  /** When that session read the configuration. */
  readonly loadedAt: string;
  /** The recovery settings that a standby runs with; null: it is none. */
  readonly recovery: RecoverySettings | null;
}

const DEFAULT_PORT = 5432;

/**
 * Decodes the row. `pendingRestart` is empty and `namesInForceLsn` null: both are known elsewhere.
 *
 * @throws {PostgresError} If a column is missing or of a wrong kind.
 */
export function decodeStatus(row: Row, context: RowContext): StatusRow {
  const shared = {
    kind: "running" as const,
    systemId: text(row, "system_id"),
    serverVersion: number(row, "server_version"),
    postmasterPid: context.postmasterPid,
    postmasterStartTime: text(row, "start_time"),
    walSenders: list(row, "wal_senders").map(walSender),
    slots: list(row, "slots").map(slot),
    synchronousStandbyNames: text(row, "synchronous_standby_names"),
    areStandbysManaged: context.areStandbysManaged,
    namesInForceLsn: null,
    pendingRestart: {},
  };
  const backendPid = number(row, "backend_pid");
  const loadedAt = text(row, "loaded_at");
  if (row["is_in_recovery"] === true) {
    const recovery = recoverySettings(row["recovery_settings"]);
    const view = { ...shared, ...replicaFacts(row, recovery) };
    return { backendPid, loadedAt, view, recovery };
  }
  const flushedLsn = lsnOrNull(row["flushed_lsn"]);
  if (flushedLsn === null) throw wrong("flushed_lsn");
  return {
    backendPid,
    loadedAt,
    recovery: null,
    view: {
      ...shared,
      role: "primary",
      timeline: parseInt(text(row, "timeline"), 16),
      flushedLsn,
      checkpointTimeline: number(row, "checkpoint_timeline"),
    },
  };
}

type ReplicaFacts = Pick<
  ReplicaView,
  | "role"
  | "timeline"
  | "receivedLsn"
  | "replayedLsn"
  | "replayedTimestamp"
  | "isReplayPaused"
  | "isStreaming"
  | "upstreamLsn"
  | "upstream"
  | "hasRestoreCommand"
>;

function replicaFacts(row: Row, recovery: RecoverySettings): ReplicaFacts {
  const receiver = record(row["receiver"]);
  const isStreaming = receiver["status"] === "streaming";
  return {
    role: "replica",
    // Not streaming: a lower bound, which the caller replaces by the timeline
    // of the replay that only a replication connection tells.
    timeline: isStreaming ? number(receiver, "received_tli") : Math.max(
      number(row, "checkpoint_timeline"),
      number(row, "recovery_timeline"),
    ),
    receivedLsn: lsnOrNull(row["received_lsn"]),
    replayedLsn: lsnOrNull(row["replayed_lsn"]),
    replayedTimestamp: textOrNull(row["replayed_timestamp"]),
    isReplayPaused: row["is_replay_paused"] === true,
    isStreaming,
    upstreamLsn: lsnOrNull(receiver["latest_end_lsn"]),
    upstream: upstream(recovery["primary_conninfo"] ?? ""),
    hasRestoreCommand: row["has_restore_command"] === true,
  };
}

/** Settings by name; those that the version does not know are missing. */
export function recoverySettings(value: unknown): RecoverySettings {
  if (typeof value !== "object" || value === null) {
    throw wrong("recovery_settings");
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, setting]) =>
      typeof setting === "string" ? [[name, setting]] : []
    ),
  );
}

/** The first host of a live primary_conninfo. */
function upstream(conninfo: string): UpstreamAddress | null {
  const keywords = parseConninfo(conninfo);
  const host = keywords["host"]?.split(",")[0] ?? "";
  if (host === "") return null;
  const port = Number(keywords["port"]?.split(",")[0] || DEFAULT_PORT);
  return { host, port };
}

function walSender(row: Row): WalSender {
  return {
    applicationName: text(row, "application_name"),
    username: textOrNull(row["usename"]) ?? "",
    clientAddress: textOrNull(row["client_addr"]),
    // Null between the start of the process and its first word.
    state: textOrNull(row["state"]) ?? "startup",
    syncState: syncState(row["sync_state"]),
    syncPriority: Number(row["sync_priority"] ?? 0),
    writtenLsn: lsnOrNull(row["write_lsn"]),
    flushedLsn: lsnOrNull(row["flush_lsn"]),
    replayedLsn: lsnOrNull(row["replay_lsn"]),
  };
}

function syncState(value: unknown): WalSender["syncState"] {
  return value === "sync" || value === "quorum" || value === "potential"
    ? value
    : "async";
}

function slot(row: Row): SlotView {
  return {
    name: text(row, "slot_name"),
    type: row["slot_type"] === "logical" ? "logical" : "physical",
    isActive: row["active"] === true,
    restartLsn: lsnOrNull(row["restart_lsn"]),
    confirmedFlushLsn: lsnOrNull(row["confirmed_flush_lsn"]),
    xmin: textOrNull(row["xmin"]),
    catalogXmin: textOrNull(row["catalog_xmin"]),
    database: textOrNull(row["database"]),
    plugin: textOrNull(row["plugin"]),
    walStatus: textOrNull(row["wal_status"]),
    isNeverSynced: row["failover"] === true,
  };
}

function record(value: unknown): Row {
  return typeof value === "object" && value !== null ? value as Row : {};
}

function list(row: Row, name: string): readonly Row[] {
  const value = row[name];
  if (!Array.isArray(value)) throw wrong(name);
  return value.map(record);
}

function text(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== "string") throw wrong(name);
  return value;
}

function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return String(value);
}

function number(row: Row, name: string): number {
  const value = row[name];
  if (typeof value !== "number") throw wrong(name);
  return value;
}

function lsnOrNull(value: unknown): Lsn | null {
  return typeof value === "string" ? parseLsn(value) : null;
}

function wrong(column: string): PostgresError {
  return new PostgresError(`PostgreSQL's status has no valid "${column}"`);
}
