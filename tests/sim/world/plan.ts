/**
 * What a seed decides before its world begins: how many members, which settings,
 * which faults may happen at all. Each seed turns some faults off entirely
 * ("swarm"), because two rare things meet more often when a third stays away.
 */
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
  DEFAULT_TAKEOVER,
} from "../../../lib/core/model/settings.ts";
import { NO_TAGS, type Tags } from "../../../lib/core/model/member.ts";
import { decodeStandbyCluster } from "../../../lib/core/codec/settings_codec.ts";
import { NO_SLOT_SETTINGS } from "../../../lib/core/model/slot_settings.ts";
import { SLOT } from "./logical_slots.ts";
import { REMOTE_ADDRESS } from "./remote.ts";
import { Rng } from "./rng.ts";

/** Everything that can go wrong, or that operators may ask for. */
export const FAULTS = [
  "freeze",
  "agent_kill",
  "agent_stop",
  "postgres_kill",
  "postgres_hang",
  "member_kill",
  "store_cut",
  "peer_cut",
  "store_outage",
  "slow_calls",
  "slow_postgres",
  "failing_postgres",
  "switchover",
  "restart",
  "drift",
] as const;

/** What came later; drawn from a stream of its own, so that old seeds stay as they are. */
export const LATER_FAULTS = [
  "pause",
  "scheduled_switchover",
  "scheduled_restart",
  "reinitialize",
  "pre_promote",
  "watchdog",
] as const;

/** What disks and settings do; a third stream, for the same reason. */
export const DATA_FAULTS = [
  "data_loss",
  "broken_copy",
  "blocked_replay",
] as const;

/** Only in failsafe mode: the leader loses the store for long, and a member that agreed loses the leader and its agent. */
const FAILSAFE_FAULT = "siege";

/** Only in standby clusters: the remote is away. */
const REMOTE_FAULT = "remote_outage";

/** Only with takeover: a host is cut off from everybody but its clients. */
const TAKEOVER_FAULT = "host_cut";

/** One kind of fault. */
export type Fault =
  | typeof TAKEOVER_FAULT
  | typeof FAILSAFE_FAULT
  | typeof REMOTE_FAULT
  | typeof FAULTS[number]
  | typeof LATER_FAULTS[number]
  | typeof DATA_FAULTS[number];

/** The seed's decisions. */
export interface Plan {
  readonly seed: number;
  readonly members: number;
  readonly settings: ClusterSettings;
  /** Tags by member. */
  readonly tags: ReadonlyMap<string, Tags>;
  readonly faults: ReadonlySet<Fault>;
  /** Mean time between two faults of one kind. */
  readonly faultEveryMs: number;
  readonly safetyMs: number;
  /** Members have a fencing command. */
  readonly isFencing: boolean;
  /** True: all directories are empty. False: a primary and its replicas run. */
  readonly isFresh: boolean;
  /** It is told to follow a remote primary from the beginning; when that ends, null: never. */
  readonly standbyUntilMs: number | null;
  /** Clients write to every writable instance; false: only where a proxy would. */
  readonly areClientsDirect: boolean;
  /** Who ends sessions: the store, or each member that watches it, on its own clock. */
  readonly expiry: "store" | "observers";
}

/** Length of the liveness phase, after everything is healed. */
export function livenessMs(plan: Plan): number {
  return 2 * plan.settings.ttlMs + 120_000;
}

/** Draws the plan of a seed. */
export function planOf(seed: number): Plan {
  const rng = new Rng(seed, "plan");
  const faults = new Set<Fault>(FAULTS.filter(() => rng.chance(0.35)));
  const later = new Rng(seed, "later faults");
  for (const fault of LATER_FAULTS) if (later.chance(0.12)) faults.add(fault);
  const data = new Rng(seed, "data faults");
  for (const fault of DATA_FAULTS) if (data.chance(0.12)) faults.add(fault);
  const members = rng.pick([2, 3, 3, 3, 3, 3, 3, 5]);
  const settings = withFencing(
    seed,
    withLaterModes(seed, settingsOf(rng)),
  );
  const faultEveryMs = rng.pick([10_000, 25_000, 60_000]);
  const safetyMs = rng.int(60_000, 180_000);
  const standby = new Rng(seed, "standby cluster");
  const isFailsafe = settings.isFailsafeMode && !settings.isStandbyCluster;
  if (isFailsafe && data.chance(0.9)) faults.add(FAILSAFE_FAULT);
  if (settings.isStandbyCluster && data.chance(0.5)) faults.add(REMOTE_FAULT);
  const isCalm = settings.takeover !== null && planLosses(seed, faults);
  return {
    seed,
    members,
    tags: tagsOf(seed, members),
    settings,
    faults,
    faultEveryMs: isCalm ? faultEveryMs / 3 : faultEveryMs,
    safetyMs,
    isFencing: isFenced(seed, settings),
    isFresh: rng.chance(0.1),
    standbyUntilMs: standby.chance(0.5)
      ? standby.int(safetyMs / 3, safetyMs)
      : null,
    areClientsDirect: rng.chance(0.7),
    expiry: new Rng(seed, "expiry").chance(0.4) ? "observers" : "store",
  };
}

/** @returns Calm but for lost hosts, as half of these worlds are: elsewhere few voters are ever ready. */
function planLosses(seed: number, faults: Set<Fault>): boolean {
  const rng = new Rng(seed, "takeover faults");
  if (rng.chance(0.7)) faults.add(TAKEOVER_FAULT);
  if (rng.chance(0.5)) return false;
  for (const fault of FAULTS) if (rng.chance(0.8)) faults.delete(fault);
  faults.add(TAKEOVER_FAULT);
  if (rng.chance(0.4)) faults.add("member_kill");
  if (rng.chance(0.2)) faults.add("freeze");
  if (rng.chance(0.2)) faults.add("slow_calls");
  return true;
}

/** A takeover needs a synchronous mode. */
function takeoverOf(
  seed: number,
  settings: ClusterSettings,
): Pick<ClusterSettings, "takeover" | "synchronousMode"> {
  const rng = new Rng(seed, "takeover");
  const takeover = rng.chance(0.5) ? DEFAULT_TAKEOVER : null;
  const isAsked = takeover !== null && settings.synchronousMode === "off" &&
    rng.chance(0.8);
  const synchronousMode = isAsked
    ? rng.pick(["on", "quorum"] as const)
    : settings.synchronousMode;
  return { takeover, synchronousMode };
}

/** Asynchronous worlds with takeover; in others pledges do. */
function isFenced(
  seed: number,
  { takeover, synchronousMode, isStandbyCluster }: ClusterSettings,
): boolean {
  return takeover !== null && synchronousMode === "off" && !isStandbyCluster &&
    new Rng(seed, "fencing").chance(0.8);
}

/** Some of the asynchronous worlds without takeover get it, for the sake of fencing. */
function withFencing(seed: number, settings: ClusterSettings): ClusterSettings {
  const { takeover, synchronousMode } = settings;
  const isPlain = takeover === null && synchronousMode === "off";
  return isPlain && new Rng(seed, "fenced worlds").chance(0.4)
    ? { ...settings, takeover: DEFAULT_TAKEOVER }
    : settings;
}

function settingsOf(rng: Rng): ClusterSettings {
  const isRewindAllowed = rng.chance(0.6);
  return {
    ...DEFAULT_SETTINGS,
    ...rng.pick([
      { ttlMs: 30_000, loopWaitMs: 10_000, retryTimeoutMs: 10_000 },
      { ttlMs: 30_000, loopWaitMs: 10_000, retryTimeoutMs: 10_000 },
      { ttlMs: 20_000, loopWaitMs: 5_000, retryTimeoutMs: 5_000 },
      { ttlMs: 60_000, loopWaitMs: 10_000, retryTimeoutMs: 10_000 },
    ]),
    synchronousMode: rng.chance(0.6) ? "on" : "off",
    isSynchronousModeStrict: rng.chance(0.2),
    synchronousNodeCount: rng.pick([1, 1, 2]),
    primaryStartTimeoutMs: rng.pick([0, 10_000, 300_000]),
    isTimelineChecked: rng.chance(0.2),
    isRewindAllowed,
    isDataRemovedOnRewindFailure: true,
    isDataRemovedOnDivergedTimelines: !isRewindAllowed || rng.chance(0.3),
  };
}

/** At most one member must not lead, and never n1, which may be alone with its data. */
function tagsOf(seed: number, members: number): ReadonlyMap<string, Tags> {
  const rng = new Rng(seed, "tags");
  if (!rng.chance(0.2)) return new Map();
  const barred = rng.chance(0.5) ? rng.int(2, members + 1) : 0;
  return new Map(
    Array.from({ length: members }, (_, index) => [`n${index + 1}`, {
      ...NO_TAGS,
      isNofailover: index + 1 === barred,
      failoverPriority: index + 1 === barred ? 0 : rng.pick([1, 1, 2]),
      isNosync: rng.chance(0.05),
      syncPriority: rng.pick([1, 1, 3]),
    }]),
  );
}

/** These came later; streams of their own leave the other seeds as they are. */
function withLaterModes(
  seed: number,
  settings: ClusterSettings,
): ClusterSettings {
  const isQuorum = new Rng(seed, "quorum").chance(0.2);
  const synchronousMode = isQuorum ? "quorum" : settings.synchronousMode;
  return {
    ...settings,
    ...takeoverOf(seed, { ...settings, synchronousMode }),
    isFailsafeMode: new Rng(seed, "failsafe").chance(0.2),
    primaryRaceBackoffMs: new Rng(seed, "backoff").chance(0.1) ? 6_000 : 0,
    ...standbyOf(seed),
    slots: new Rng(seed, "logical slots").chance(0.15)
      ? {
        permanent: { [SLOT.name]: { type: "logical", ...SLOT } },
        ignored: [],
      }
      : NO_SLOT_SETTINGS,
  };
}

function standbyOf(
  seed: number,
): Pick<ClusterSettings, "isStandbyCluster" | "standbyCluster"> {
  const isStandbyCluster = new Rng(seed, "standby").chance(0.08);
  return {
    isStandbyCluster,
    standbyCluster: isStandbyCluster
      ? decodeStandbyCluster({ standby_cluster: REMOTE_ADDRESS })
      : null,
  };
}

/** The settings as the `config` key would hold them. */
export function documentOf(
  settings: ClusterSettings,
): Readonly<Record<string, unknown>> {
  return {
    ttl: settings.ttlMs / 1000,
    loop_wait: settings.loopWaitMs / 1000,
    retry_timeout: settings.retryTimeoutMs / 1000,
    synchronous_mode: settings.synchronousMode,
    synchronous_mode_strict: settings.isSynchronousModeStrict,
    synchronous_node_count: settings.synchronousNodeCount,
    primary_start_timeout: settings.primaryStartTimeoutMs / 1000,
    failsafe_mode: settings.isFailsafeMode,
    check_timeline: settings.isTimelineChecked,
    primary_race_backoff: settings.primaryRaceBackoffMs / 1000,
    ...(settings.isPaused ? { pause: true } : {}),
    ...(settings.takeover === null ? {} : { takeover: true }),
    ...(settings.isStandbyCluster ? { standby_cluster: REMOTE_ADDRESS } : {}),
    slots: Object.fromEntries(
      Object.entries(settings.slots.permanent).filter(([, { type }]) =>
        type === "logical"
      ),
    ),
    postgresql: {
      use_pg_rewind: settings.isRewindAllowed,
      remove_data_directory_on_rewind_failure:
        settings.isDataRemovedOnRewindFailure,
      remove_data_directory_on_diverged_timelines:
        settings.isDataRemovedOnDivergedTimelines,
    },
  };
}
