/**
 * What becomes of a container's volume. Nobody gives orders there, so the rule is
 * strict: a cluster is founded only when every founder has said that its volume
 * holds none. A container that lost its volume, the only one that comes up, or
 * two of three lost ones find none of that, and wait for a majority of those who
 * know; so there are never two clusters.
 *
 * A member whose data are gone may have promised what it knows no more (Raft's
 * votes), so it comes back as another member: the old one is taken out, by a
 * majority, and a learner is added.
 */
import type {
  ContainerObservation,
  ContainerStep,
  ContainerWait,
} from "../../model/container.ts";
import type { EtcdMember, EtcdView } from "../../model/etcd_member.ts";
import { hasNeverRun } from "./never_ran.ts";
import { hasQuorumWithout } from "./quorum.ts";

/** The next step. */
export function nextContainerStep(o: ContainerObservation): ContainerStep {
  const { order, hasData, agreed } = o;
  switch (order?.kind) {
    case undefined:
      return hasData ? GO : nextOfEmpty(o);
    case "member":
      if (agreed === null) return hasData ? GO : waitForCluster(o);
      // Two clusters: what that means is the operator's to say.
      if (agreed.clusterId !== order.clusterId) return GO;
      if (!isListed(agreed, order.memberId)) return { kind: "rejoin" };
      return hasData ? GO : nextOfLost(o, agreed);
    case "found":
    case "join":
      // It was a member already, and its data went without its order.
      return hasData || agreed === null || !wasMember(o, agreed)
        ? GO
        : nextOfLost(o, agreed);
    case "rejoin":
    case "force":
    case "restore":
      return GO;
  }
}

const GO: ContainerStep = { kind: "go" };

/** Nothing is in the volume. */
function nextOfEmpty(o: ContainerObservation): ContainerStep {
  const { agreed, self, founders } = o;
  if (agreed !== null) return nextBesideCluster(o, agreed);
  const others = founders.filter((name) => name !== self.name);
  const heard = new Map(o.greetings.map((one) => [one.name, one]));
  const known = others.filter((name) => heard.get(name)?.state === "member");
  if (known.length > 0 || others.length === founders.length) {
    return waitForCluster(o);
  }
  const silent = others.filter((name) => !heard.has(name));
  if (silent.length > 0) return wait({ kind: "founders", silent });
  const names = others.filter((name) => {
    const said = heard.get(name);
    return said?.cluster !== o.cluster ||
      said.founders.join() !== founders.join();
  });
  return names.length > 0
    ? wait({ kind: "other_plan", names })
    : { kind: "found" };
}

/** There is a cluster: it is joined, never founded beside. */
function nextBesideCluster(
  o: ContainerObservation,
  agreed: EtcdView,
): ContainerStep {
  const own = mine(o, agreed);
  if (own === null || own.name === "" && own.isLearner) return { kind: "join" };
  if (hasNeverRun(own) && isOfFounders(o, agreed)) return { kind: "found" };
  return nextOfLost(o, agreed);
}

/** Its place in the list is one that only its lost data could fill. */
function nextOfLost(o: ContainerObservation, agreed: EtcdView): ContainerStep {
  const own = mine(o, agreed);
  if (own === null) return { kind: "rejoin" };
  if (o.alive.includes(own.id)) return wait({ kind: "namesake" });
  const isSafe = own.isLearner ||
    hasQuorumWithout(agreed.members, own.id, o.alive);
  return isSafe
    ? { kind: "remove", memberId: own.id }
    : wait({ kind: "quorum" });
}

/** Whether the list is still the one that the founders began with. */
function isOfFounders(
  { founders, self }: ContainerObservation,
  { members }: EtcdView,
): boolean {
  const isAsFounded = members.every((one) =>
    !one.isLearner && (one.name === "" || founders.includes(one.name))
  );
  return isAsFounded && members.length === founders.length &&
    founders.includes(self.name);
}

function wasMember(o: ContainerObservation, agreed: EtcdView): boolean {
  const own = mine(o, agreed);
  return own !== null && own.name === o.self.name && !hasNeverRun(own);
}

function mine(
  { self }: ContainerObservation,
  { members }: EtcdView,
): EtcdMember | null {
  return members.find(({ peerUrl }) => peerUrl === self.peerUrl) ?? null;
}

function isListed({ members }: EtcdView, memberId: string): boolean {
  return members.some(({ id }) => id === memberId);
}

function waitForCluster(
  { greetings, founders, self }: ContainerObservation,
): ContainerStep {
  const known = greetings.filter(({ state }) => state === "member")
    .map(({ name }) => name);
  const members = known.length > 0
    ? known
    : founders.filter((name) => name !== self.name);
  return wait({ kind: "cluster", members });
}

function wait(what: ContainerWait): ContainerStep {
  return { kind: "wait", what };
}

/**
 * A member that is no founder and has been silent for long: containers that were
 * added come and go, and a vote that nobody casts makes a majority harder.
 *
 * @param silent Ids of the members that have not answered for long.
 * @returns The member to take out; null: none, or too few would be left.
 */
export function goneContainer(
  { members }: EtcdView,
  founders: readonly string[],
  silent: readonly string[],
): EtcdMember | null {
  const alive = members.filter(({ id }) => !silent.includes(id))
    .map(({ id }) => id);
  return members.find((one) =>
    silent.includes(one.id) && one.name !== "" &&
    !founders.includes(one.name) &&
    (one.isLearner || hasQuorumWithout(members, one.id, alive))
  ) ?? null;
}
