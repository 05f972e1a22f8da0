/**
 * What the agent does next for the member of etcd on this host: one step for each
 * observation. Each step is harmless when it is done twice, and what was done
 * shows in the next observation, so that an agent that was killed between any two
 * steps goes on where it was.
 */
import type {
  EtcdMember,
  EtcdObservation,
  EtcdRefusal,
  EtcdStep,
  EtcdView,
  EtcdWait,
} from "../../model/etcd_member.ts";
import type { EtcdOrder } from "../../model/etcd_order.ts";
import { hasNeverRun } from "./never_ran.ts";
import { hasQuorumWithVoter } from "./quorum.ts";

type Of<K extends EtcdOrder["kind"]> = EtcdOrder & { readonly kind: K };

/** The next step. */
export function nextEtcdStep(o: EtcdObservation): EtcdStep {
  const { order } = o;
  if (order === null) {
    if (o.isRunning) return nextRunning(o, null);
    return o.hasData ? nextStart(o) : refuse("no_order");
  }
  switch (order.kind) {
    case "found":
    case "join":
      return o.isRunning
        ? nextRunning(o, order)
        : o.hasData
        ? nextStart(o)
        : nextEmpty(o, order);
    case "member":
      return o.isRunning
        ? nextRunning(o, order)
        : o.hasData
        ? nextStartOfMember(o, order)
        : nextLost(o, order);
    case "rejoin":
      if (o.isRunning) return stop("order");
      return o.hasData
        ? { kind: "set_aside" }
        : note({ kind: "join", through: order.through });
    case "force":
      return nextForce(o);
    case "restore":
      return o.isRunning
        ? stop("order")
        : { kind: "restore", snapshot: order.snapshot };
  }
}

/** A place in the list that waits for this host; null: there is none. */
function vacancyIn(o: EtcdObservation): EtcdMember | null {
  return memberAt(o.agreed, o.self.peerUrl, (one) => one.name === "");
}

function memberAt(
  view: EtcdView | null,
  peerUrl: string,
  isWanted: (one: EtcdMember) => boolean,
): EtcdMember | null {
  return view?.members.find((one) =>
    one.peerUrl === peerUrl && isWanted(one)
  ) ?? null;
}

/** @param order Null: it was lost, and its data tell who it is. */
function nextRunning(
  o: EtcdObservation,
  order: Of<"found" | "join" | "member"> | null,
): EtcdStep {
  const { own, agreed } = o;
  if (own === null) return wait("answer");
  if (order?.kind === "member" && order.clusterId !== own.clusterId) {
    return stop("data_of_other_cluster");
  }
  // Those it is to join may be another cluster than the one of its data.
  if (order?.kind === "join" && agreed !== null) {
    if (agreed.clusterId !== own.clusterId) {
      return stop("data_of_other_cluster");
    }
  }
  // The others have a quorum and this one has no leader.
  if (own.leaderId === null && agreed !== null) {
    const gone = goneOnWithout(agreed, own);
    if (gone !== null) return stop(gone);
  }
  if (own.leaderId === null || agreed === null) return wait("quorum");
  if (own.isLearner) {
    return hasQuorumWithVoter(agreed.members, o.alive)
      ? { kind: "promote", memberId: own.memberId }
      : wait("voters");
  }
  const { clusterId, memberId } = own;
  const isNoted = order?.kind === "member" && order.memberId === memberId;
  return isNoted ? { kind: "rest" } : note({
    kind: "member",
    clusterId,
    memberId,
  });
}

function nextStart(o: EtcdObservation): EtcdStep {
  return o.mayStart
    ? { kind: "start", how: { kind: "again" } }
    : wait("next_start");
}

/** The others may have gone on without it. */
function nextStartOfMember(
  o: EtcdObservation,
  order: Of<"member">,
): EtcdStep {
  const { agreed } = o;
  const gone = agreed === null ? null : goneOnWithout(agreed, order);
  if (agreed === null || gone === null) return nextStart(o);
  return gone === "removed" && vacancyIn(o) !== null
    ? rejoin(agreed)
    : refuse(gone);
}

/** Why this member has no part in what the others have agreed on; null: it has. */
function goneOnWithout(
  agreed: EtcdView,
  { clusterId, memberId }: {
    readonly clusterId: string;
    readonly memberId: string;
  },
): EtcdRefusal | null {
  if (agreed.clusterId !== clusterId) return "other_cluster_runs";
  return agreed.members.some(({ id }) => id === memberId) ? null : "removed";
}

/** Its data are gone. As a voter it may have promised what it knows no more. */
function nextLost(o: EtcdObservation, order: Of<"member">): EtcdStep {
  const { agreed } = o;
  const isSame = agreed?.clusterId === order.clusterId;
  return agreed !== null && isSame && vacancyIn(o) !== null
    ? rejoin(agreed)
    : refuse("data_lost");
}

function nextEmpty(
  o: EtcdObservation,
  order: Of<"found" | "join">,
): EtcdStep {
  if (order.kind === "join") return nextJoin(o);
  const { members } = order;
  const isFounder = members.some(({ name, peerUrl }) =>
    name === o.self.name && peerUrl === o.self.peerUrl
  );
  if (!isFounder) return refuse("not_a_founder");
  const known = nextOfKnown(o);
  if (known !== null) return known;
  return o.mayStart
    ? { kind: "start", how: { kind: "found", members } }
    : wait("next_start");
}

/**
 * A founder whose folder is empty while the cluster exists: it was there already,
 * unless it is the one that has not started yet. Null: it founds with the others.
 */
function nextOfKnown({ agreed, self }: EtcdObservation): EtcdStep | null {
  if (agreed === null) return null;
  const mine = memberAt(agreed, self.peerUrl, () => true);
  if (mine === null) return refuse("removed");
  if (!hasNeverRun(mine)) return refuse("data_lost");
  return mine.isLearner ? rejoin(agreed) : null;
}

function nextJoin({ agreed, self, mayStart }: EtcdObservation): EtcdStep {
  if (agreed === null) return wait("cluster");
  const { members } = agreed;
  const mine = memberAt(agreed, self.peerUrl, () => true);
  if (mine === null) {
    if (members.some(({ name }) => name === self.name)) {
      return refuse("name_taken");
    }
    const isChanging = members.some(({ name, isLearner }) =>
      isLearner || name === ""
    );
    return isChanging ? wait("other_change") : { kind: "add_learner" };
  }
  if (mine.name !== "") return refuse("data_lost");
  if (!mayStart) return wait("next_start");
  const known = members.filter(({ name }) => name !== "")
    .map(({ name, peerUrl }) => ({ name, peerUrl }));
  const all = [...known, { name: self.name, peerUrl: self.peerUrl }];
  return { kind: "start", how: { kind: "join", members: all } };
}

/**
 * A process from before the order still has the others in its list, and one that
 * was started without a quorum answers nobody.
 */
function nextForce(o: EtcdObservation): EtcdStep {
  const { own, local } = o;
  if (!o.isRunning) {
    if (!o.hasData) return refuse("data_lost");
    return o.mayStart
      ? { kind: "start", how: { kind: "force" } }
      : wait("next_start");
  }
  if (own === null || local === null) {
    return o.isForced ? wait("answer") : stop("order");
  }
  if (local.members.length > 1) return stop("order");
  if (own.leaderId === null) return wait("quorum");
  const { clusterId, memberId } = own;
  return note({ kind: "member", clusterId, memberId });
}

function rejoin({ members }: EtcdView): EtcdStep {
  const through = members.flatMap(({ clientUrls }) => clientUrls);
  return note({ kind: "rejoin", through });
}

function wait(what: EtcdWait): EtcdStep {
  return { kind: "wait", what };
}

function refuse(why: EtcdRefusal): EtcdStep {
  return { kind: "refuse", why };
}

function stop(why: EtcdRefusal | "order"): EtcdStep {
  return { kind: "stop", why };
}

function note(order: EtcdOrder): EtcdStep {
  return { kind: "note_order", order };
}
