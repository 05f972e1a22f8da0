/**
 * FOLLOWER: another member leads. Be its replica: never writable, on its line of
 * history, streaming from the right place.
 */
import { slotsToCopy } from "../calc/slots/slots.ts";
import { memberOf } from "../model/cluster_view.ts";
import type { Decision } from "../model/decision.ts";
import type { MemberName } from "../model/member.ts";
import type { Observation } from "../model/observation.ts";
import {
  leaveUnusable,
  removeHalfMade,
  setAsideDoubtful,
} from "./bootstrap.ts";
import {
  RESTART_ON_SCHEDULE,
  restartBlockedReplay,
  restartOnRequest,
  restartOnSchedule,
} from "./operator.ts";
import {
  clone,
  isLeftAlone,
  leaderOf,
  mayBeWritable,
  pauseAfterFailure,
  replicaOf,
  startAsStandby,
  startTask,
  viewOf,
  wait,
  waitShortly,
} from "./parts.ts";
import { checkDivergence, trustStream } from "./divergence.ts";
import { RESTORE_BESIDE_LEADER } from "./restore.ts";
import type { Rule } from "./rule.ts";
import {
  isOnUpstream,
  isStandbyOutdated,
  leaderMember,
  upstreamName,
} from "./upstream.ts";

/** The first of all while another member leads, whatever was promised. */
export const UNLOCKED: Rule = {
  id: "R610",
  why: "Only the leader may be writable, or on the way to it.",
  decides: ["demote not_leader", "wait primary_without_lock"],
  match: (o) =>
    !mayBeWritable(o)
      ? null
      : o.settings.isPaused
      ? leaveUnlocked(o)
      : startTask(
        { kind: "demote", how: "immediate_nolock", deadline: null },
        "not_leader",
        { leader: leaderOf(o).name },
      ),
};

/** The rows for everybody but the leader. */
export const FOLLOWER: readonly Rule[] = [
  UNLOCKED,
  {
    id: "R620",
    why: "In pause a stopped or empty instance is left as it is.",
    decides: ["wait not_running_in_pause"],
    match: (o) =>
      isLeftAlone(o) && replicaOf(o) === null && o.request === null
        ? wait("not_running_in_pause")
        : null,
  },
  {
    id: "R630",
    why:
      "A data directory that surely is what a failed clone left is thrown away; what a failed rewind left, as soon as the leader can be copied.",
    decides: ["remove_data half_made_clone", "wait back_off"],
    match: removeHalfMade,
  },
  {
    id: "R635",
    why:
      "A data directory beside a marker that may speak of another one is moved aside, as soon as the leader can be copied.",
    decides: ["set_aside doubtful_marker", "wait back_off"],
    match: setAsideDoubtful,
  },
  {
    id: "R640",
    why:
      "A data directory that cannot be read, or that holds something else, is left alone unless an operator asks.",
    decides: ["wait system_id_invalid", "wait data_directory_unusable"],
    match: (o) => o.request?.kind === "reinitialize" ? null : leaveUnusable(o),
  },
  RESTORE_BESIDE_LEADER,
  {
    id: "R650",
    why:
      "A new copy that an operator asked for replaces the data if the leader runs.",
    decides: [
      "reinitialize reinitialize_requested",
      "refuse_request leader_not_running",
    ],
    match: reinitializeOnRequest,
  },
  {
    id: "R660",
    why: "An empty data directory is filled from a running member.",
    decides: [
      "clone data_directory_empty",
      "wait leader_unknown_address",
      "wait leader_not_running",
      "wait back_off",
    ],
    match: cloneFromMember,
  },
  {
    id: "R670",
    why: "A starting instance is given its time.",
    decides: ["wait starting_up"],
    match: (o) =>
      o.postgres.kind === "starting" ? waitShortly("starting_up") : null,
  },
  {
    id: "R680",
    why: "An instance that does not answer is watched.",
    decides: ["wait unresponsive"],
    match: (o) =>
      o.postgres.kind === "unresponsive"
        ? waitShortly("unresponsive", { detail: o.postgres.detail })
        : null,
  },
  {
    id: "R690",
    why:
      "Streaming on the leader's timeline is the proof that nothing diverged.",
    decides: ["trust_timeline not_diverged"],
    match: trustStream,
  },
  {
    id: "R700",
    why:
      "Before a member is trusted again, its WAL is compared with the leader's history.",
    decides: [
      "trust_timeline not_diverged",
      "ask_upstream divergence_suspected",
      "rewind diverged",
      "remove_data diverged",
      "remove_data twin_timeline",
      "remove_data rewind_failed",
      "wait leader_not_running",
      "wait upstream_silent",
      "wait leader_checkpoint_pending",
      "wait twin_timeline",
      "wait diverged_no_repair",
      "wait rewind_failed_no_repair",
      "wait back_off",
    ],
    match: checkDivergence,
  },
  {
    id: "R710",
    why: "A stopped instance starts as replica of the leader.",
    decides: ["start instance_down", "wait back_off"],
    match: (o) =>
      o.postgres.kind === "stopped" && o.request?.kind !== "restart"
        ? startAsStandby(o, upstreamName(o), "instance_down")
        : null,
  },
  {
    id: "R720",
    why: "A requested restart keeps the role.",
    decides: ["restart restart_requested"],
    match: restartOnRequest,
  },
  {
    id: "R725",
    why:
      "A standby whose replay waits for larger settings that are configured already restarts.",
    decides: ["restart replay_blocked"],
    match: restartBlockedReplay,
  },
  {
    id: "R730",
    why:
      "A replica streams from the leader, or from the member its tag names, with everything that this takes: settings, files, password.",
    decides: [
      "follow upstream_changed",
      "follow standby_settings_changed",
      "wait leader_unknown_address",
      "wait back_off",
    ],
    match: follow,
  },
  {
    id: "R735",
    why:
      "Permanent logical slots that are missing here are copied from the leader.",
    decides: ["copy_slots logical_slots_missing", "wait back_off"],
    match: copySlots,
  },
  {
    id: "R738",
    why: "A scheduled restart happens at its time, once, if it still fits.",
    decides: RESTART_ON_SCHEDULE,
    match: restartOnSchedule,
  },
  {
    id: "R740",
    why: "All is well: this member follows.",
    decides: ["wait following"],
    match: (o) =>
      isSettled(o) && !isCatchingUp(o)
        ? wait("following", { leader: leaderOf(o).name })
        : waitShortly("following", { leader: leaderOf(o).name }, 1_000),
  },
];

/** In pause a primary without the key goes on; only a restart may be asked of it. */
function leaveUnlocked(o: Observation): Decision | null {
  return o.request?.kind === "restart" ? null : wait("primary_without_lock");
}

/** Nothing is expected to change soon: the stream is trusted and on the leader's timeline, or none is wanted. */
function isSettled(o: Observation): boolean {
  const replica = replicaOf(o);
  const isStreaming = replica !== null && replica.isStreaming &&
    replica.timeline === leaderMember(o)?.timeline;
  return o.memory.divergence === "unsuspected" &&
    (isStreaming || upstreamName(o) === null);
}

/** Until then it cannot pledge, and the scope has one voter less. */
function isCatchingUp({ pledge, settings }: Observation): boolean {
  return settings.takeover !== null && pledge?.record.kind === "behind";
}

/** A copy that did not help is not repeated before that time: each needs a restart. */
const COPY_AGAIN_MS = 60_000;

function copySlots(o: Observation): Decision | null {
  const postgres = replicaOf(o);
  if (postgres === null || o.settings.isPaused || !isSettled(o)) return null;
  // Whoever may be about to lead does not stop its instance.
  if (viewOf(o).failover !== null) return null;
  const leader = leaderMember(o);
  const upstream = upstreamName(o);
  const isReady = leader?.role === "primary" && leader.state === "running" &&
    leader.connUrl !== null;
  if (!isReady || upstream === null) return null;
  const { self, tags, settings } = o;
  const view = viewOf(o);
  const slots = slotsToCopy({ self, tags, settings, view, postgres });
  if (slots.length === 0) return null;
  const last = o.memory.lastOutcome;
  const isRepeated = last?.task.kind === "copy_slots" &&
    o.now - last.endedAt < COPY_AGAIN_MS &&
    last.task.slots.some(({ name }) => slots.some((s) => s.name === name));
  if (isRepeated && last.result === "done") return null;
  return pauseAfterFailure(o, "copy_slots") ?? startTask(
    { kind: "copy_slots", source: leader.name, upstream, slots },
    "logical_slots_missing",
  );
}

function reinitializeOnRequest(o: Observation): Decision | null {
  if (o.request?.kind !== "reinitialize") return null;
  const { isForcedFromLeader } = o.request;
  // What is here may be all that is left: nothing goes before its source is there.
  const leader = leaderMember(o);
  if (leader?.connUrl == null || leader.state !== "running") {
    return {
      kind: "refuse_request",
      reason: "leader_not_running",
      facts: { leader: leaderOf(o).name, state: leader?.state ?? null },
    };
  }
  const source = isForcedFromLeader ? leaderOf(o).name : cloneSource(o);
  return startTask(
    { kind: "reinitialize", source, isForcedFromLeader },
    "reinitialize_requested",
  );
}

function cloneFromMember(o: Observation): Decision | null {
  if (o.postgres.kind !== "empty") return null;
  const leader = leaderMember(o);
  const source = cloneSource(o);
  if (source === leaderOf(o).name) {
    if (leader?.connUrl == null) return waitShortly("leader_unknown_address");
    if (leader.state !== "running") {
      return waitShortly("leader_not_running", { state: leader.state });
    }
  }
  return clone(o, source, "data_directory_empty");
}

/**
 * A running member that offers itself (`clonefrom`), by chance if there are
 * several, else the leader. One from which the last clone failed is passed over.
 */
function cloneSource(o: Observation): MemberName {
  const leader = leaderOf(o).name;
  const last = o.memory.lastOutcome;
  const failed = last?.task.kind === "clone" && last.result === "failed"
    ? last.task.source
    : null;
  const offers = viewOf(o).members.filter((member) =>
    member.tags.isClonefrom && member.name !== o.self &&
    member.name !== leader && member.name !== failed &&
    member.state === "running" && member.connUrl !== null
  );
  return offers[Math.floor(o.chance * offers.length)]?.name ?? leader;
}

function follow(o: Observation): Decision | null {
  if (replicaOf(o) === null) return null;
  const upstream = upstreamName(o);
  if (isOnUpstream(o)) {
    if (!isStandbyOutdated(o)) return null;
    return pauseAfterFailure(o, "follow") ??
      startTask({ kind: "follow", upstream }, "standby_settings_changed");
  }
  const isKnown = upstream === null ||
    (memberOf(viewOf(o), upstream)?.connUrl ?? null) !== null;
  if (!isKnown) return waitShortly("leader_unknown_address");
  return pauseAfterFailure(o, "follow") ??
    startTask({ kind: "follow", upstream }, "upstream_changed", { upstream });
}
