/**
 * What a member would observe if the leader key were free now: made of its key
 * and its answer, so that the core's own comparisons can be asked about it.
 */
import { moment } from "../core/base/units.ts";
import type { UsablePeer } from "../core/calc/lead/candidates.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Member } from "../core/model/member.ts";
import { FIRST_MEMORY } from "../core/model/memory.ts";
import type { Observation } from "../core/model/observation.ts";
import type { ReplicaView } from "../core/model/postgres_view.ts";
import { settingsOf } from "./replies.ts";

/** The observation of `member`, a replica that answered. */
export function hypotheticalObservation(
  view: ClusterView,
  member: Member,
  answer: UsablePeer,
): Observation {
  return {
    now: moment(0),
    wallTimeMs: 0,
    chance: 0,
    self: member.name,
    tags: member.tags,
    canBootstrap: false,
    document: view.config?.document ?? {},
    settings: settingsOf(view),
    dcs: { kind: "reachable", view },
    postgres: hypotheticalReplica(answer),
    standbyChange: "nothing",
    lease: { kind: "none" },
    peers: { kind: "not_asked" },
    upstream: { kind: "not_asked" },
    task: { kind: "idle" },
    request: null,
    memory: {
      ...FIRST_MEMORY,
      role: "replica",
      knownPeers: view.leader === null
        ? null
        : { leader: view.leader.name, members: view.members },
    },
  };
}

/** Only position and timeline of it are compared. */
function hypotheticalReplica({ position, timeline }: UsablePeer): ReplicaView {
  return {
    kind: "running",
    role: "replica",
    systemId: "",
    timeline: timeline ?? 0,
    serverVersion: 0,
    postmasterPid: 0,
    postmasterStartTime: "",
    walSenders: [],
    slots: [],
    synchronousStandbyNames: "",
    areStandbysManaged: false,
    namesInForceLsn: null,
    pendingRestart: {},
    receivedLsn: position,
    replayedLsn: position,
    replayedTimestamp: null,
    isReplayPaused: false,
    isStreaming: true,
    upstreamLsn: null,
    upstream: null,
    hasRestoreCommand: false,
  };
}
