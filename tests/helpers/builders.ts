/**
 * Builders for core values: each names only what a test cares about.
 */
import {
  type Lsn,
  lsn,
  type Moment,
  moment,
  revision,
} from "../../lib/core/base/units.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import type { AcquireReason, Decision } from "../../lib/core/model/decision.ts";
import { type Member, NO_TAGS } from "../../lib/core/model/member.ts";
import { FIRST_MEMORY } from "../../lib/core/model/memory.ts";
import type { Observation } from "../../lib/core/model/observation.ts";
import type { PeerAnswer } from "../../lib/core/model/peer_view.ts";
import type {
  ControlData,
  PostgresView,
  PrimaryView,
  ReplicaView,
  WalSender,
} from "../../lib/core/model/postgres_view.ts";
import { DEFAULT_SETTINGS } from "../../lib/core/model/settings.ts";
import type { TaskOutcome } from "../../lib/core/model/task_view.ts";

/** The system identifier of every built scope. */
const SYSTEM_ID = "7277694203142172922";

/** The position that built instances are at. */
export const HERE: Lsn = lsn(0x5000000n);

/** The moment of every built observation. */
export const NOW: Moment = moment(1_000_000);

/** A running replica in the DCS. Ports are made from the name's last digit. */
export function member(name: string, changes: Partial<Member> = {}): Member {
  const port = 5430 + Number(/\d$/.exec(name)?.[0] ?? 0);
  return {
    name,
    connUrl: `postgres://127.0.0.1:${port}/postgres`,
    apiUrl: `http://127.0.0.1:${port + 2000}/patroni`,
    state: "running",
    role: "replica",
    version: "4.1.4",
    timeline: 1,
    xlogLsn: HERE,
    receivedLsn: HERE,
    replayedLsn: HERE,
    replicationState: "streaming",
    tags: NO_TAGS,
    proxyUrl: null,
    doors: null,
    pledging: null,
    fencing: null,
    isCheckpointAfterPromotePending: false,
    pendingRestart: null,
    scheduledRestart: null,
    isPaused: false,
    ...changes,
  };
}

/** A leader's member key. */
export function leaderMember(
  name: string,
  changes: Partial<Member> = {},
): Member {
  return member(name, { role: "primary", replicationState: null, ...changes });
}

/** A scope of n1 (leader), n2 and n3. */
export function cluster(changes: Partial<ClusterView> = {}): ClusterView {
  return {
    initialize: { kind: "initialized", systemId: SYSTEM_ID },
    config: { document: { ttl: 30 }, revision: revision(2) },
    leader: { name: "n1", isHeld: false, revision: revision(10) },
    status: { leaderLsn: HERE, slots: null, retainSlots: null },
    members: [leaderMember("n1"), member("n2"), member("n3")],
    failover: null,
    sync: { leader: null, quorum: 0, standbys: [], revision: null },
    history: [],
    failsafe: null,
    pledges: [],
    fencing: null,
    failovers: null,
    isMoving: false,
    ...changes,
  };
}

/** The same scope after its leader key is gone. */
export function unlocked(changes: Partial<ClusterView> = {}): ClusterView {
  return cluster({ leader: null, ...changes });
}

/** What pg_controldata says of a primary that was shut down. */
export function control(changes: Partial<ControlData> = {}): ControlData {
  return {
    systemId: SYSTEM_ID,
    state: "shut down",
    timeline: 1,
    checkpointLsn: HERE,
    minRecoveryEndLsn: null,
    minRecoveryEndTimeline: null,
    hasChecksums: false,
    hasWalLogHints: true,
    settings: {},
    ...changes,
  };
}

const RUNNING = {
  kind: "running",
  systemId: SYSTEM_ID,
  timeline: 1,
  serverVersion: 150_018,
  postmasterPid: 4711,
  postmasterStartTime: "2026-11-20 05:00:00.000000+00:00",
  walSenders: [],
  slots: [],
  synchronousStandbyNames: "",
  areStandbysManaged: false,
  namesInForceLsn: HERE,
  pendingRestart: {},
} as const;

/** A running primary. */
export function primary(changes: Partial<PrimaryView> = {}): PrimaryView {
  return {
    ...RUNNING,
    role: "primary",
    flushedLsn: HERE,
    checkpointTimeline: changes.timeline ?? 1,
    ...changes,
  };
}

/** A running replica that streams from n1. */
export function replica(changes: Partial<ReplicaView> = {}): ReplicaView {
  return {
    ...RUNNING,
    role: "replica",
    receivedLsn: HERE,
    replayedLsn: HERE,
    replayedTimestamp: null,
    isReplayPaused: false,
    isStreaming: true,
    upstreamLsn: HERE,
    upstream: { host: "127.0.0.1", port: 5431 },
    hasRestoreCommand: false,
    ...changes,
  };
}

/** A stopped instance; a primary's data directory unless told otherwise. */
export function stopped(
  changes: Partial<Extract<PostgresView, { kind: "stopped" }>> = {},
): PostgresView {
  return { kind: "stopped", control: control(), isStandby: false, ...changes };
}

/** A postmaster that rejects connections; as primary unless told otherwise. */
export function starting(
  changes: Partial<Extract<PostgresView, { kind: "starting" }>> = {},
): PostgresView {
  return {
    kind: "starting",
    control: control(),
    isStandby: false,
    postmasterPid: 4711,
    ...changes,
  };
}

/** A WAL sender to `name` that has everything. */
export function sender(
  name: string,
  changes: Partial<WalSender> = {},
): WalSender {
  return {
    applicationName: name,
    username: "replicator",
    clientAddress: "127.0.0.1",
    state: "streaming",
    syncState: "async",
    syncPriority: 0,
    writtenLsn: HERE,
    flushedLsn: HERE,
    replayedLsn: HERE,
    ...changes,
  };
}

/** A peer's answer from a replica at HERE. */
export function answer(
  name: string,
  changes: Partial<Extract<PeerAnswer, { kind: "answered" }>> = {},
): PeerAnswer {
  return {
    kind: "answered",
    name,
    isInRecovery: true,
    position: HERE,
    timeline: 1,
    isNofailover: false,
    failoverPriority: 1,
    hasWatchdogFailed: false,
    endedReceivers: [],
    ...changes,
  };
}

/** A bid for the free key. */
export function bid(
  reason: AcquireReason,
): Extract<Decision, { kind: "acquire_lease" }> {
  const vacancy = { leaderLsn: null, syncRevision: null };
  return { kind: "acquire_lease", reason, vacancy };
}

/** A renewal of the lease of n1. */
export function renewal(): Decision {
  const key = { name: "n1", isHeld: false, revision: revision(10) };
  return { kind: "renew_lease", reason: "cycle", key };
}

/** How a task ended just now. */
export function outcome(
  task: TaskOutcome["task"],
  changes: Partial<TaskOutcome> = {},
): TaskOutcome {
  return { task, result: "done", detail: "", endedAt: NOW, ...changes };
}

/**
 * What n2, a streaming replica under the leader n1, sees. `view` is a short cut
 * for a reachable store; `null` means unreachable.
 */
export function observation(
  changes: Partial<Observation> & { readonly view?: ClusterView | null } = {},
): Observation {
  const { view = cluster(), ...rest } = changes;
  return {
    now: NOW,
    wallTimeMs: 1_800_000_000_000,
    chance: 0,
    self: "n2",
    tags: NO_TAGS,
    canBootstrap: true,
    document: {},
    settings: DEFAULT_SETTINGS,
    dcs: view === null
      ? { kind: "unreachable", since: NOW, detail: "time-out" }
      : { kind: "reachable", view },
    postgres: replica(),
    standbyChange: "nothing",
    lease: { kind: "none" },
    pledge: null,
    fencing: null,
    peers: { kind: "not_asked" },
    upstream: { kind: "not_asked" },
    task: { kind: "idle" },
    request: null,
    memory: {
      ...FIRST_MEMORY,
      role: "replica",
      divergence: "unsuspected",
      isSyncWriteUncertain: false,
    },
    ...rest,
  };
}

/** What n1, the leader with a fresh lease, sees. */
export function leaderObservation(
  changes: Partial<Observation> & { readonly view?: ClusterView | null } = {},
): Observation {
  return observation({
    self: "n1",
    postgres: primary(),
    lease: {
      kind: "held",
      deadline: moment(NOW + 29_000),
      isFresh: true,
      source: "store",
      cover: "not_asked",
    },
    memory: {
      ...FIRST_MEMORY,
      role: "primary",
      divergence: "unsuspected",
      isSyncWriteUncertain: false,
    },
    ...changes,
  });
}
