/**
 * The dynamic document (the `config` key) as decisions need it: defaults, lenient
 * numbers and booleans, aliases, and the timing rule.
 *
 * A broken timing part is not taken over: the settings in force stay. The same
 * document is still used for everything else, as on every Patroni node.
 */
import {
  type BaseUnit,
  isTruthyFlag,
  parseBool,
  parseInteger,
} from "../base/scalars.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
  type SynchronousMode,
} from "../model/settings.ts";
import {
  asObject,
  type JsonObject,
  readScalarText,
  readText,
  readTexts,
} from "./json.ts";
import type { ClusterView } from "../model/cluster_view.ts";
import type { StandbyCluster } from "../model/standby_cluster.ts";
import { slotNameOf } from "./slot_name.ts";
import { decodeSlots, hasLeaderlessClone } from "./slots_codec.ts";
import { readTakeover } from "./takeover_codec.ts";
import { readTiming, type TimingFloors, tooLarge } from "./timing_codec.ts";

/** The scope's settings as a view shows them. */
export function settingsIn(
  { config }: Pick<ClusterView, "config">,
): ClusterSettings {
  return decodeSettings(config?.document ?? null);
}

/** What a document is read against. */
export interface SettingsContext {
  /** Settings in force; their timing stays if the document's is unusable. */
  readonly previous?: ClusterSettings;
  /** The local `postgresql` section, which beats the dynamic one per key. */
  readonly localPostgresql?: JsonObject;
  /** Smallest times; {@link settingsProblems} is to be given the same. */
  readonly floors?: TimingFloors | undefined;
}

/** Numbers of the document with their unit, default and factor to the model. */
interface IntegerRule {
  readonly keys: readonly string[];
  readonly unit?: BaseUnit;
  readonly fallback: number;
  /** What is larger counts as this. */
  readonly max?: number;
}

/** Times beside those of the lease, in seconds. */
const TIMES = {
  primaryRaceBackoff: {
    keys: ["primary_race_backoff"],
    fallback: 0,
    max: 3_600,
  },
  primaryStartTimeout: {
    keys: ["primary_start_timeout", "master_start_timeout"],
    fallback: 300,
    max: 7 * 86_400,
  },
  primaryStopTimeout: {
    keys: ["primary_stop_timeout", "master_stop_timeout"],
    fallback: 0,
    max: 86_400,
  },
  memberSlotsTtl: {
    keys: ["member_slots_ttl"],
    unit: "s",
    fallback: 1_800,
    max: 366 * 86_400,
  },
} as const satisfies Readonly<Record<string, IntegerRule>>;

/**
 * Settings of a document; `null` (no usable document) gives those in force.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const settings = decodeSettings({ ttl: "40", pause: "on" });
 * assert.equal(settings.ttlMs, 40_000);
 * assert.equal(settings.isPaused, true);
 * ```
 *
 * Source: docs/contract/configuration.md 4; docs/contract/dcs.md 3.2.
 */
export function decodeSettings(
  document: JsonObject | null,
  context: SettingsContext = {},
): ClusterSettings {
  const previous = context.previous ?? DEFAULT_SETTINGS;
  if (document === null) return previous;
  const { timing } = readTiming(document, context.floors);
  const { ttlMs, loopWaitMs, retryTimeoutMs } = timing ?? previous;
  return {
    ttlMs,
    loopWaitMs,
    retryTimeoutMs,
    ...failoverSettings(document),
    ...synchronousSettings(document),
    ...postgresSettings(document, context.localPostgresql ?? {}),
    slots: decodeSlots(document).settings,
    takeover: readTakeover(document).timing,
    isFailsafeMode: isOn(document["failsafe_mode"]),
    isPaused: isOn(document["pause"]),
    isStandbyCluster: isStandbyCluster(document),
    standbyCluster: decodeStandbyCluster(document),
  };
}

/**
 * What was repaired or refused in a document, one sentence each, for a warning
 * when the document is taken over.
 */
export function settingsProblems(
  document: JsonObject | null,
  floors?: TimingFloors,
): readonly string[] {
  if (document === null) return [];
  return [
    ...timeProblems(document, floors),
    ...decodeSlots(document).problems,
    ...readTakeover(document).problems,
  ];
}

/** What was repaired or refused of a document's times. */
export function timeProblems(
  document: JsonObject,
  floors?: TimingFloors,
): readonly string[] {
  const others = Object.values(TIMES).flatMap((rule: IntegerRule) => {
    const [key = "", value] = given(document, rule);
    const { max = Infinity } = rule;
    return value > max ? [tooLarge(key, value, max)] : [];
  });
  return [...readTiming(document, floors).problems, ...others];
}

function failoverSettings(document: JsonObject) {
  return {
    maximumLagOnFailoverBytes: integer(document, {
      keys: ["maximum_lag_on_failover"],
      fallback: DEFAULT_SETTINGS.maximumLagOnFailoverBytes,
    }),
    primaryRaceBackoffMs: 1000 * integer(document, TIMES.primaryRaceBackoff),
    isTimelineChecked: isOn(document["check_timeline"]),
    timelinesHistoryMax: integer(document, {
      keys: ["max_timelines_history"],
      fallback: DEFAULT_SETTINGS.timelinesHistoryMax,
    }),
    primaryStartTimeoutMs: 1000 * integer(document, TIMES.primaryStartTimeout),
    primaryStopTimeoutMs: 1000 * integer(document, TIMES.primaryStopTimeout),
    memberSlotsTtlMs: 1000 * integer(document, TIMES.memberSlotsTtl),
  };
}

function synchronousSettings(document: JsonObject) {
  const isSynchronousModeStrict = isOn(document["synchronous_mode_strict"]);
  const count = integer(document, {
    keys: ["synchronous_node_count"],
    fallback: DEFAULT_SETTINGS.synchronousNodeCount,
  });
  return {
    synchronousMode: synchronousMode(document),
    isSynchronousModeStrict,
    synchronousNodeCount: Math.max(count, isSynchronousModeStrict ? 1 : 0),
    maximumLagOnSyncnodeBytes: integer(document, {
      keys: ["maximum_lag_on_syncnode"],
      fallback: DEFAULT_SETTINGS.maximumLagOnSyncnodeBytes,
    }),
  };
}

function postgresSettings(document: JsonObject, local: JsonObject) {
  const dynamic = asObject(document["postgresql"]) ?? {};
  const flag = (key: string): boolean =>
    isTruthyFlag(Object.hasOwn(local, key) ? local[key] : dynamic[key]);
  return {
    // A local use_slots is ignored: all members must agree on it.
    hasSlots: Object.hasOwn(dynamic, "use_slots")
      ? isOn(dynamic["use_slots"])
      : true,
    commitPosition: commitPosition(dynamic, local),
    hasLeaderlessClone: hasLeaderlessClone(dynamic, local),
    isRewindAllowed: flag("use_pg_rewind"),
    isDataRemovedOnRewindFailure: flag(
      "remove_data_directory_on_rewind_failure",
    ),
    isDataRemovedOnDivergedTimelines: flag(
      "remove_data_directory_on_diverged_timelines",
    ),
  };
}

/** Source: docs/contract/ha.md 11.2, "position column". */
function commitPosition(
  dynamic: JsonObject,
  local: JsonObject,
): ClusterSettings["commitPosition"] {
  const parameters = {
    ...asObject(dynamic["parameters"]),
    ...asObject(local["parameters"]),
  };
  switch (readText(parameters["synchronous_commit"])?.toLowerCase()) {
    case "remote_apply":
      return "replayed";
    case "remote_write":
      return "written";
    default:
      return "flushed";
  }
}

function synchronousMode(document: JsonObject): SynchronousMode {
  if (isStandbyCluster(document)) return "off";
  const value = document["synchronous_mode"];
  const isQuorum = typeof value === "string" &&
    value.toLowerCase() === "quorum";
  if (isQuorum) return "quorum";
  return isOn(value) ? "on" : "off";
}

/**
 * The section `standby_cluster` if it is active, else null.
 *
 * Source: docs/contract/configuration.md 4.3.
 */
export function decodeStandbyCluster(
  document: JsonObject,
): StandbyCluster | null {
  const section = asObject(document["standby_cluster"]);
  if (section === null || !isStandbyCluster(document)) return null;
  const port = parseInteger(section["port"]);
  const hasHost = isTruthyFlag(section["host"]) ||
    isTruthyFlag(section["port"]);
  const slot = readText(section["primary_slot_name"]);
  return {
    host: hasHost ? readText(section["host"]) ?? "localhost" : null,
    port: port ?? 5432,
    primarySlotName: slot === null ? null : slotNameOf(slot),
    createReplicaMethods: readTexts(section["create_replica_methods"]) ??
      ["basebackup"],
    restoreCommand: readText(section["restore_command"]),
    archiveCleanupCommand: readText(section["archive_cleanup_command"]),
    recoveryMinApplyDelay: readScalarText(section["recovery_min_apply_delay"]),
  };
}

function isStandbyCluster(document: JsonObject): boolean {
  const section = asObject(document["standby_cluster"]);
  return section !== null &&
    ["host", "port", "restore_command"].some((key) =>
      isTruthyFlag(section[key])
    );
}

function integer(document: JsonObject, rule: IntegerRule): number {
  const [, value] = given(document, rule);
  return Math.min(value, rule.max ?? Infinity);
}

/** The first key that is there counts, even if its value is unusable. */
function given(
  document: JsonObject,
  rule: IntegerRule,
): readonly [key: string | undefined, value: number] {
  const key = rule.keys.find((name) => Object.hasOwn(document, name));
  const value = key === undefined ? undefined : document[key];
  return [key, parseInteger(value, rule.unit) ?? rule.fallback];
}

function isOn(value: unknown): boolean {
  return parseBool(value) === true;
}
