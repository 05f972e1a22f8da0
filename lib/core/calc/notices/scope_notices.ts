/**
 * What two looks at the scope, one after the other, give to tell. The leader
 * tells; of a missing leader the first of the members that are left does. While
 * nobody leads nothing else is told: the next leader compares with what there
 * was before.
 */
import { after, type Moment } from "../../base/units.ts";
import { clusterTimeline, type ClusterView } from "../../model/cluster_view.ts";
import type { MemberName } from "../../model/member.ts";
import type { Notice, NoticeEvent } from "../../model/notice.ts";
import { leadOf, type Observation } from "../../model/observation.ts";

/** What was seen before. */
export interface SeenBefore {
  /** Who led last; null: nobody was seen to lead. */
  readonly leader: { readonly name: MemberName; readonly term: string } | null;
  /** Since when nobody leads; null: somebody does. */
  readonly vacantSince: Moment | null;
  readonly isMissingTold: boolean;
  /** When somebody led last. */
  readonly members: readonly MemberName[];
  /** When somebody led last. */
  readonly isPaused: boolean;
}

/** What follows from a look. */
export interface Looked {
  /** Null: nothing yet, the store has not answered. */
  readonly seen: SeenBefore | null;
  readonly notices: readonly Notice[];
}

type Told = Pick<Notice, "key" | "text" | "data">;

/**
 * Compares what is seen now with what was seen before.
 *
 * @param before Null: this is the first look, of which nothing is told.
 */
export function lookAtScope(before: SeenBefore | null, o: Observation): Looked {
  const view = o.dcs.kind === "reachable" ? o.dcs.view : null;
  if (view === null) return { seen: before, notices: [] };
  const lead = leadOf(o);
  if (before === null) return { seen: firstSeen(view, o), notices: [] };
  if (lead === "nobody") return lookWithoutLeader(before, view, o);
  const notices = lead === "self" ? leadersNotices(before, view, o) : [];
  return { seen: firstSeen(view, o), notices };
}

function firstSeen(view: ClusterView, o: Observation): SeenBefore {
  const { leader } = view;
  const isLed = leader !== null && leadOf(o) !== "nobody";
  return {
    leader: isLed ? { name: leader.name, term: leader.revision } : null,
    vacantSince: isLed ? null : o.now,
    isMissingTold: false,
    members: namesIn(view),
    isPaused: o.settings.isPaused,
  };
}

function lookWithoutLeader(
  before: SeenBefore,
  view: ClusterView,
  o: Observation,
): Looked {
  const vacantSince = before.vacantSince ?? o.now;
  const seen = { ...before, vacantSince };
  const isLong = o.now > after(vacantSince, o.settings.loopWaitMs);
  const isDue = isLong && !before.isMissingTold &&
    view.initialize.kind === "initialized";
  if (!isDue) return { seen, notices: [] };
  const { leader } = before;
  const former = leader?.name ?? null;
  const left = namesIn(view).filter((name) =>
    name !== former || name === o.self
  );
  // The key of one that is gone as well may stand for a while: then the next one tells.
  if (left.length > 0 && left[0] !== o.self) return { seen, notices: [] };
  const told = notice("leader_missing", o, {
    // Two that tell it say the same.
    key: leader?.term ?? `none ${o.wallTimeMs}`,
    text: former === null
      ? "Nobody leads"
      : `Nobody leads since ${former} does not`,
    data: { before: former, members: namesIn(view) },
  });
  return { seen: { ...seen, isMissingTold: true }, notices: [told] };
}

function leadersNotices(
  before: SeenBefore,
  view: ClusterView,
  o: Observation,
): readonly Notice[] {
  const term = view.leader?.revision ?? "";
  const names = namesIn(view);
  return [
    ...changeOfLeader(before, view, o),
    ...before.members.filter((name) => name !== o.self && !names.includes(name))
      .map((name) => memberNotice("member_lost", name, o)),
    ...names.filter((name) => name !== o.self && !before.members.includes(name))
      .map((name) => memberNotice("member_back", name, o)),
    ...(before.isPaused === o.settings.isPaused ? [] : [
      notice(o.settings.isPaused ? "paused" : "resumed", o, {
        key: view.config?.revision ?? term,
        text: o.settings.isPaused
          ? "Maintenance mode is on: nobody takes over by itself"
          : "Maintenance mode is off",
        data: {},
      }),
    ]),
  ];
}

/** A leader that only wrote its key anew is the same one. */
function changeOfLeader(
  { leader, vacantSince }: SeenBefore,
  view: ClusterView,
  o: Observation,
): readonly Notice[] {
  const isSame = leader?.name === o.self && vacantSince === null;
  if (isSame || view.leader === null) return [];
  const before = leader?.name ?? null;
  const from = before === null || before === o.self
    ? ""
    : ` in place of ${before}`;
  return [
    notice("leader_changed", o, {
      key: view.leader.revision,
      text: `${o.self} leads${from}`,
      data: { leader: o.self, before, timeline: clusterTimeline(view) },
    }),
  ];
}

function memberNotice(
  event: "member_lost" | "member_back",
  member: MemberName,
  o: Observation,
): Notice {
  return notice(event, o, {
    key: `${member} ${o.wallTimeMs}`,
    text: event === "member_lost"
      ? `${member} is gone: its agent or its host does not answer the store`
      : `${member} is there`,
    data: { member },
  });
}

function notice(event: NoticeEvent, o: Observation, told: Told): Notice {
  return { event, atMs: o.wallTimeMs, ...told };
}

function namesIn({ members }: ClusterView): readonly MemberName[] {
  return members.map(({ name }) => name);
}
