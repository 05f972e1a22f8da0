/**
 * The PostgreSQL parameters that only the dynamic document may set, because
 * all members of a scope must agree on them.
 *
 * Source: docs/contract/configuration.md 6.1; Patroni 4.1.4 `postgresql/config.py`, CMDLINE_OPTIONS.
 */
import { parseBool, parseInteger } from "../core/base/scalars.ts";

/** One parameter under control. Versions as in `server_version_num`. */
export interface ControlledParameter {
  readonly name: string;
  /** Null: there is none, or it follows from local keys. */
  readonly fallback: string | null;
  /** First version that knows it. */
  readonly since: number;
  /** First version that no longer knows it. */
  readonly until: number;
  /** Whether it is given on the command line, not only in the file. */
  readonly isOnCommandLine: boolean;
  /** Value to use, `null` when the dynamic value is refused. */
  readonly accept: (value: unknown) => string | null;
}

const ALWAYS = 90100;
const NEVER = Infinity;
const WAL_SEGMENT_MB = 16;

/** All of them, in the order in which they are written. */
export const CONTROLLED_PARAMETERS: readonly ControlledParameter[] = [
  controlled("listen_addresses", null, { accept: refuse }),
  controlled("port", null, { accept: refuse }),
  controlled("cluster_name", null, { since: 90500, accept: refuse }),
  controlled("wal_level", "hot_standby", { accept: acceptWalLevel }),
  controlled("hot_standby", "on", { accept: acceptTrue }),
  controlled("max_connections", "100", { accept: atLeast(25) }),
  controlled("max_wal_senders", "10", { accept: atLeast(3) }),
  controlled("wal_keep_segments", null, {
    until: 130000,
    isOnCommandLine: false,
    accept: atLeast(1),
  }),
  controlled("wal_keep_size", null, {
    since: 130000,
    isOnCommandLine: false,
    accept: acceptWalKeepSize,
  }),
  controlled("max_prepared_transactions", "0", { accept: atLeast(0) }),
  controlled("max_locks_per_transaction", "64", { accept: atLeast(32) }),
  controlled("track_commit_timestamp", "off", {
    since: 90500,
    accept: acceptBool,
  }),
  controlled("max_replication_slots", "10", {
    since: 90400,
    accept: atLeast(4),
  }),
  controlled("max_worker_processes", "8", { since: 90400, accept: atLeast(2) }),
  controlled("wal_log_hints", "on", { since: 90400, accept: acceptBool }),
];

const BY_NAME: ReadonlyMap<string, ControlledParameter> = new Map(
  CONTROLLED_PARAMETERS.map((parameter) => [parameter.name, parameter]),
);

/** The controlled parameter of this name in any case, `null` for others. */
export function controlledParameter(name: string): ControlledParameter | null {
  return BY_NAME.get(name.toLowerCase()) ?? null;
}

/**
 * What `wal_keep_size` or `wal_keep_segments` is, when only the other one or
 * neither was given.
 *
 * @param segments Accepted `wal_keep_segments`, null when not given.
 * @param size Accepted `wal_keep_size`, null when not given.
 * @param version As in `server_version_num`.
 */
export function walKeep(
  segments: string | null,
  size: string | null,
  version: number,
): string {
  if (version >= 130000) {
    if (size !== null) return size;
    const megabytes = Number(segments ?? 8) * WAL_SEGMENT_MB;
    return `${megabytes}MB`;
  }
  if (segments !== null) return segments;
  const megabytes = parseInteger(size, "MB") ?? 8 * WAL_SEGMENT_MB;
  return String(Math.floor((megabytes + 8) / WAL_SEGMENT_MB));
}

/** `wal_level` by the name that the version knows. */
export function walLevelFor(level: string, version: number): string {
  if (level === "logical") return level;
  return version >= 90600 ? "replica" : "hot_standby";
}

function controlled(
  name: string,
  fallback: string | null,
  rest:
    & Pick<ControlledParameter, "accept">
    & Partial<ControlledParameter>,
): ControlledParameter {
  return {
    name,
    fallback,
    since: ALWAYS,
    until: NEVER,
    isOnCommandLine: true,
    ...rest,
  };
}

function refuse(): null {
  return null;
}

function atLeast(min: number): (value: unknown) => string | null {
  return (value) => {
    const number = parseInteger(value);
    return number !== null && number >= min ? String(number) : null;
  };
}

function acceptWalLevel(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const level = value.toLowerCase();
  return ["hot_standby", "replica", "logical"].includes(level) ? level : null;
}

function acceptTrue(value: unknown): string | null {
  return parseBool(value) === true ? "on" : null;
}

function acceptBool(value: unknown): string | null {
  const isOn = parseBool(value);
  return isOn === null ? null : isOn ? "on" : "off";
}

function acceptWalKeepSize(value: unknown): string | null {
  const megabytes = parseInteger(value, "MB");
  return megabytes !== null && megabytes >= WAL_SEGMENT_MB
    ? String(value)
    : null;
}
