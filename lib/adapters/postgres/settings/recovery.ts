/**
 * Recovery settings: what a standby of a given upstream must have, and whether
 * changing to it needs a restart.
 *
 * Source: docs/contract/ha.md 10.2, docs/contract/configuration.md 6.4.
 */
import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";
import type { StandbyCluster } from "../../../core/model/standby_cluster.ts";
import type { PostgresPeer } from "../../../ports/postgres.ts";
import {
  accountConninfo,
  formatConninfo,
  parseConninfo,
} from "../session/conninfo.ts";
import type { EffectivePostgresConfig, PostgresContext } from "../options.ts";

/** Recovery settings by name. */
export type RecoverySettings = Readonly<Record<string, string>>;

/** Emptied on a standby, to shield it against included files. */
const TARGETS = [
  "recovery_target",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_xid",
];

/** Known to no server that this adapter supports. */
const GONE: ReadonlySet<string> = new Set([
  "pause_at_recovery_target",
  "standby_mode",
  "trigger_file",
]);

/** Settings of `conf` that the version knows. */
export function knownRecoverySettings(
  conf: RecoverySettings,
  major: number,
): Record<string, string> {
  const result: Record<string, string> = {};
  for (const [name, value] of Object.entries(conf)) {
    if (GONE.has(name) || !RECOVERY_NAMES.has(name)) continue;
    if (name === "promote_trigger_file" && major >= 16) continue;
    result[name] = value;
  }
  return result;
}

/** What a standby of `upstream` must have. Null upstream: no streaming. */
export function standbySettings(
  context: PostgresContext,
  config: EffectivePostgresConfig,
  standby: {
    readonly upstream: PostgresPeer | null;
    readonly major: number;
    /** Null: no standby cluster. */
    readonly cluster: StandbyCluster | null;
  },
): RecoverySettings {
  const own = knownRecoverySettings(config.recoveryConf, standby.major);
  const kept = Object.entries(own).filter(([name]) =>
    !name.startsWith("recovery_target") && !name.startsWith("primary_")
  );
  const settings: Record<string, string> = {
    ...Object.fromEntries(kept),
    ...clusterSettings(standby.cluster, standby.upstream),
    ...Object.fromEntries(TARGETS.map((name) => [name, ""])),
    recovery_target_timeline: "latest",
    primary_conninfo: "",
    primary_slot_name: "",
  };
  if (standby.upstream === null) return settings;
  settings["primary_conninfo"] = primaryConninfo(
    context,
    standby.upstream,
    standby.major,
  );
  const { remote } = standby.upstream;
  settings["primary_slot_name"] = remote !== undefined
    ? remote.slotName ?? ""
    : config.hasSlots
    ? context.options.slotName
    : "";
  return settings;
}

/** What the section `standby_cluster` adds; the delay is the leader's alone. */
function clusterSettings(
  cluster: StandbyCluster | null,
  upstream: PostgresPeer | null,
): RecoverySettings {
  if (cluster === null) return {};
  const { restoreCommand, archiveCleanupCommand } = cluster;
  const delay = upstream?.remote === undefined
    ? null
    : cluster.recoveryMinApplyDelay;
  return {
    ...(restoreCommand === null ? {} : { restore_command: restoreCommand }),
    ...(archiveCleanupCommand === null
      ? {}
      : { archive_cleanup_command: archiveCleanupCommand }),
    ...(delay === null ? {} : { recovery_min_apply_delay: delay }),
  };
}

function primaryConninfo(
  context: PostgresContext,
  upstream: PostgresPeer,
  major: number,
): string {
  const { options } = context;
  return formatConninfo({
    sslmode: "prefer",
    gssencmode: "prefer",
    channel_binding: "prefer",
    sslnegotiation: "postgres",
    dbname: options.database,
    passfile: options.pgpass,
    application_name: options.memberName,
    ...(isSlotOnOneOf(upstream) ? { target_session_attrs: "read-write" } : {}),
    ...accountConninfo(context, "replication", upstream),
  }, major);
}

/**
 * What it takes to get from the live settings, as SHOW says them, to the wanted
 * ones. A live value that is unknown counts as different.
 */
export function changeNeeded(
  live: RecoverySettings,
  wanted: RecoverySettings,
  major: number,
): "nothing" | "reload" | "restart" {
  let change: "nothing" | "reload" = "nothing";
  for (const [name, value] of Object.entries(wanted)) {
    if (isSameSetting(name, { live: live[name], wanted: value, major })) {
      continue;
    }
    const isRestart = name.startsWith("recovery_target") ||
      (name === "restore_command" && major < 14);
    if (isRestart) return "restart";
    change = "reload";
  }
  return change;
}

function isSameSetting(
  name: string,
  values: {
    readonly live: string | undefined;
    readonly wanted: string;
    readonly major: number;
  },
): boolean {
  if (values.live === undefined) return false;
  if (name === "recovery_min_apply_delay") {
    const live = milliseconds(values.live);
    return live !== null && live === milliseconds(values.wanted);
  }
  if (name !== "primary_conninfo") return values.live === values.wanted;
  const [live, wanted] = [values.live, values.wanted].map((text) => {
    const { dbname, ...others } = parseConninfo(text);
    const compared = values.major < 17 || dbname === undefined
      ? others
      : { ...others, dbname };
    return JSON.stringify(Object.entries(compared).sort());
  });
  return live === wanted;
}

const TIME_UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A time as the server reads it, without unit in ms; null: it cannot be read.
 *
 * Source: PostgreSQL 17 manual, "Parameter Names and Values".
 */
function milliseconds(text: string): number | null {
  const match =
    /^([+-]?[\d.]{1,40}(?:[eE][+-]?\d{1,9})?|0[xX][0-9a-fA-F]{1,16})\s{0,9}(\w{0,9})$/
      .exec(text.trim());
  const factor = TIME_UNITS[match?.[2] || "ms"];
  const amount = Number(match?.[1]);
  if (factor === undefined || Number.isNaN(amount)) return null;
  return Math.round(amount * factor);
}

/** A slot is only on the primary of several hosts. */
function isSlotOnOneOf({ host, remote }: PostgresPeer): boolean {
  return host.includes(",") && (remote?.slotName ?? null) !== null;
}

/** The commands that every standby of a standby cluster runs, after its section changed. */
export function withClusterCommands(
  recovery: RecoverySettings,
  config: EffectivePostgresConfig,
  cluster: StandbyCluster | null,
): RecoverySettings {
  const others = Object.entries(recovery).filter(([name]) =>
    name !== "restore_command" && name !== "archive_cleanup_command"
  );
  const wanted = {
    restore_command: cluster?.restoreCommand ??
      config.recoveryConf["restore_command"],
    archive_cleanup_command: cluster?.archiveCleanupCommand ??
      config.recoveryConf["archive_cleanup_command"],
  };
  const set = Object.entries(wanted).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]]
  );
  return Object.fromEntries([...others, ...set]);
}
