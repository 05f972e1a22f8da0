/**
 * Who could take over from the leader now, who not, and why: the core's own
 * comparisons, asked for each member with the answers of all. Reads only.
 *
 * The leader is taken to be gone: its answer does not count, as in a failover.
 */
import type { Lsn } from "../../base/units.ts";
import {
  compareInRace,
  isInSync,
  isSyncActive,
  isUsable,
  publishedPosition,
} from "./candidates.ts";
import { slotNameOf } from "../../codec/slot_name.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { Facts, WaitReason } from "../../model/decision.ts";
import type { Member, MemberName } from "../../model/member.ts";
import type { PeerAnswer } from "../../model/peer_view.ts";
import { settingsIn } from "../../codec/settings_codec.ts";

/** Why a member cannot take over: the core's codes, and what only we see. */
export type RefusalReason =
  | WaitReason
  | "no_answer"
  | "not_registered"
  | "watchdog_failed";

/** What becomes of one member. */
export type Verdict =
  | { readonly kind: "leads"; readonly name: MemberName }
  | {
    readonly kind: "can";
    readonly name: MemberName;
    readonly position: Lsn;
  }
  | {
    readonly kind: "cannot";
    readonly name: MemberName;
    readonly reason: RefusalReason;
    readonly facts: Facts;
  };

/** What is asked. */
export interface TakeoverQuestion {
  readonly view: ClusterView;
  readonly answers: readonly PeerAnswer[];
  /** A planned switchover: the leader waits for the others, so lag does not count. */
  readonly isPlanned: boolean;
}

/** The verdict on each member, those without a key included, sorted by name. */
export function takeoverVerdicts(
  question: TakeoverQuestion,
): readonly Verdict[] {
  return [
    ...question.view.members.map((member) => verdictOn(member, question)),
    ...absentNames(question.view).map((name) => absence(name, question)),
  ].toSorted((one, other) => one.name < other.name ? -1 : 1);
}

/**
 * Members that other keys name although their own is gone: it ends one ttl after
 * the agent's last cycle. Who is only known by a slot is called as its slot is.
 */
function absentNames(view: ClusterView): readonly MemberName[] {
  const { members, leader, failsafe, sync, history, status } = view;
  const present = [...members.map(({ name }) => name), leader?.name ?? null];
  const named = [
    ...Object.keys(failsafe ?? {}),
    ...[sync.leader, ...sync.standbys],
    history?.at(-1)?.newLeader ?? null,
    ...status.retainSlots ?? [],
  ];
  const seen = new Set(
    present.flatMap((name) => name === null ? [] : [slotNameOf(name)]),
  );
  return named.flatMap((name) => {
    if (name === null || seen.has(slotNameOf(name))) return [];
    seen.add(slotNameOf(name));
    return [name];
  });
}

/** The leader's slot tells how far PostgreSQL got there, whatever its agent does. */
function absence(
  name: MemberName,
  { view, answers }: TakeoverQuestion,
): Verdict {
  const slotLsn = view.status.slots?.[slotNameOf(name)] ?? null;
  const leaderLsn = leaderPosition(view, answers);
  const behindBytes = slotLsn === null || leaderLsn === null
    ? null
    : leaderLsn > slotLsn
    ? leaderLsn - slotLsn
    : 0n;
  const { ttlMs } = settingsIn(view);
  return {
    kind: "cannot",
    name,
    reason: "not_registered",
    facts: { ttlMs, slotLsn, behindBytes },
  };
}

function verdictOn(member: Member, question: TakeoverQuestion): Verdict {
  const { view, answers } = question;
  const { name } = member;
  if (name === view.leader?.name) return { kind: "leads", name };
  const cannot = (reason: RefusalReason, facts: Facts = {}): Verdict => ({
    kind: "cannot",
    name,
    reason,
    facts,
  });
  const settings = settingsIn(view);
  if (settings.isPaused && !question.isPlanned) return cannot("paused");
  if (member.tags.isNofailover) return cannot("nofailover");
  if (isSyncActive(settings, view) && !isInSync(view, name)) {
    return cannot("not_synchronous");
  }
  const answer = answers.find((each) => each.name === name);
  if (answer === undefined || answer.kind === "silent") {
    const detail = answer?.detail ?? "it published no api_url";
    return cannot("no_answer", { detail });
  }
  if (answer.hasWatchdogFailed) return cannot("watchdog_failed");
  if (!isUsable(answer) || answer.position === null) {
    return cannot(answer.isNofailover ? "nofailover" : "position_unknown");
  }
  const others = answers.filter((each) =>
    each.name !== name && each.name !== view.leader?.name
  );
  const race = compareInRace(
    {
      ...{ self: name, tags: member.tags, settings },
      lastLeader: view.leader?.name ?? null,
      position: answer.position,
      timeline: answer.timeline ?? 0,
    },
    view,
    {
      answers: others,
      options: {
        isLagChecked: !question.isPlanned,
        isRanked: true,
        ignored: [],
      },
    },
  );
  return race.kind === "win"
    ? { kind: "can", name, position: answer.position }
    : cannot(race.reason, race.facts);
}

/** The newest position that is known of the leader; null: unknown. */
export function leaderPosition(
  view: ClusterView,
  answers: readonly PeerAnswer[],
): Lsn | null {
  const name = view.leader?.name;
  const answer = answers.find((each) => each.name === name);
  if (answer?.kind === "answered" && answer.position !== null) {
    return answer.position;
  }
  const member = view.members.find((each) => each.name === name);
  return (member === undefined ? null : publishedPosition(member)) ??
    view.status.leaderLsn;
}
