/**
 * Virtual addresses: which of them this member carries now, for how long, and
 * what has to be done on the host for that. The host forgets an address whose
 * time is up without any of our code running, so the time is never longer than
 * the right to lead.
 */
import { deadlineOf } from "../../model/lease_view.ts";
import { after, type Moment, remainingMs } from "../../base/units.ts";
import { type ClusterView, memberOf } from "../../model/cluster_view.ts";
import type { Member, MemberName } from "../../model/member.ts";
import { leadOf, type Observation } from "../../model/observation.ts";
import { spreadAddresses } from "./vip_spread.ts";
import type { BoundAddress, CommandWords, Vip } from "../../model/vip.ts";

/** The kernel takes addresses away up to that much after their time. */
const KERNEL_LATE_MS = 1_000;

/**
 * So much later than meant the kernel may be told. It belongs to the time by
 * which a lease is counted short for the drift of clocks.
 */
const TOLD_LATE_MS = 40;

/** How many announcements follow a binding. Source: RFC 5227, ANNOUNCE_NUM, and one for a lost frame. */
const ANNOUNCEMENTS = 3;

/** What this member's part in one address is. */
export type VipPart =
  /** Carry it; at most until that moment. */
  | {
    readonly kind: "carry";
    readonly until: Moment;
    /** Another member is about to let it go: to be tried again soon. */
    readonly isAwaited?: true;
  }
  /** Go on carrying it if it is here, but do not take it. */
  | { readonly kind: "keep"; readonly until: Moment }
  | { readonly kind: "none" };

/** One thing to do on the host. */
export type VipStep =
  | {
    readonly kind: "bind";
    readonly vip: Vip;
    readonly until: Moment;
  }
  | { readonly kind: "renew"; readonly vip: Vip; readonly until: Moment }
  | {
    readonly kind: "unbind";
    readonly vip: Vip;
    readonly bound: BoundAddress;
  };

const NONE: VipPart = { kind: "none" };

/**
 * This member's part in each of `vips`.
 *
 * The primary's address needs a running primary and a lease. In pause, while
 * nobody can say who leads, it stays where it is. So it is with the address of a
 * standby leader.
 *
 * A single read-only address belongs to the first streaming replica by name; one
 * that has it keeps it while it streams, so that it does not move without need.
 * Several are spread, and each belongs to one replica as long as that streams.
 * With fallback the leader, of a standby cluster too, carries them while there is
 * no such replica.
 */
export function vipParts(
  vips: readonly Vip[],
  o: Observation,
): readonly { readonly vip: Vip; readonly part: VipPart }[] {
  const shared = vips.filter(({ role }) => role === "replica");
  return vips.map((vip) => ({ vip, part: vipPart(vip, o, shared) }));
}

function vipPart(
  vip: Vip,
  o: Observation,
  shared: readonly Vip[],
): VipPart {
  if (isGivingUp(o) || o.postgres.kind !== "running") return NONE;
  const ownUntil = after(o.now, o.settings.ttlMs);
  switch (vip.role) {
    case "primary":
      return primaryPart(o, ownUntil);
    case "standby_leader":
      return standbyLeaderPart(o, ownUntil);
    case "proxy":
      return NONE;
    case "replica":
      return replicaPart(vip, o, shared);
  }
}

/** What has to be done so that `bound` becomes what `parts` say. */
export function planVips(
  parts: readonly { readonly vip: Vip; readonly part: VipPart }[],
  bound: readonly BoundAddress[],
): readonly VipStep[] {
  return parts.flatMap(({ vip, part }): VipStep[] => {
    const found = bound.find((address) => isSame(vip, address));
    if (part.kind === "none") {
      return found === undefined ? [] : [{ kind: "unbind", vip, bound: found }];
    }
    if (found !== undefined) {
      const { until } = part;
      return part.kind === "keep" || isAsConfigured(vip, found)
        ? [{ kind: "renew", vip, until }]
        : [{ kind: "unbind", vip, bound: found }, { kind: "bind", vip, until }];
    }
    return part.kind === "carry"
      ? [{ kind: "bind", vip, until: part.until }]
      : [];
  });
}

/**
 * Seconds that the kernel may keep an address which must be gone by `until`;
 * 0: too late, it must not be bound.
 *
 * @example
 * ```ts
 * import { moment } from "../../base/units.ts";
 * import { vipLifetimeS } from "./vip.ts";
 * const seconds = vipLifetimeS(moment(29_900), moment(0));
 * if (seconds !== 28) throw new Error(String(seconds));
 * ```
 */
export function vipLifetimeS(until: Moment, now: Moment): number {
  const leftMs = remainingMs(until, now) - KERNEL_LATE_MS;
  return Math.max(0, Math.floor(leftMs / 1000));
}

/**
 * Whether an address that the kernel was given for so many seconds, `now` at the
 * latest, is gone by `until`.
 */
export function isWithin(
  lifetimeS: number,
  until: Moment,
  now: Moment,
): boolean {
  return lifetimeS * 1000 + KERNEL_LATE_MS <= remainingMs(until, now) +
      TOLD_LATE_MS;
}

/** What is known of an address that is here, for {@link needsAnnouncing}. */
interface AnnouncedAddress {
  readonly wasUp: boolean;
  readonly isUp: boolean;
  /** Null: not since this process knows of it. */
  readonly announcedAt: Moment | null;
  readonly now: Moment;
}

/** Whether the network has to be told again where an address is. */
export function needsAnnouncing(
  { announceEveryMs }: Vip,
  { wasUp, isUp, announcedAt, now }: AnnouncedAddress,
): boolean {
  if (!isUp) return false;
  // Behind another cable there may be another switch.
  if (!wasUp) return true;
  return announceEveryMs !== null && (announcedAt === null ||
    remainingMs(after(announcedAt, announceEveryMs), now) <= 0);
}

/** Whether an interface carries that very address. */
export function isSame(vip: Vip, bound: BoundAddress): boolean {
  return vip.interface === bound.interface && vip.address === bound.address;
}

/** Whether it is bound in the way that the configuration has it now. */
function isAsConfigured(vip: Vip, bound: BoundAddress): boolean {
  const label = bound.label ?? vip.label ?? vip.interface;
  return vip.prefixLength === bound.prefixLength &&
    (isIpv6(vip.address) || label === (vip.label ?? vip.interface));
}

/** Binds the address or renews its time; `lifetimeS` null: for ever. Source: ip-address(8). */
export function bindCommand(vip: Vip, lifetimeS: number | null): CommandWords {
  const lifetime = lifetimeS === null ? "forever" : String(lifetimeS);
  return [
    ...["ip", "address", "replace", `${vip.address}/${vip.prefixLength}`],
    ...["dev", vip.interface],
    ...(vip.label === null ? [] : ["label", vip.label]),
    ...["valid_lft", lifetime, "preferred_lft", lifetime],
  ];
}

/** Takes an address away, whatever prefix it was bound with. */
export function unbindCommand(bound: BoundAddress): CommandWords {
  const { address, prefixLength } = bound;
  const local = `${address}/${prefixLength}`;
  return ["ip", "address", "delete", local, "dev", bound.interface];
}

/**
 * The two programs that are called arping; Debian has a package of each. They
 * differ in options, and in what code 1 means.
 */
export type Arping = "iputils" | "habets";

/** Prints the version and ends with code 0, or, where `-V` wants a word, with another. */
export const ARPING_VERSION: CommandWords = ["arping", "-V"];

/** Which of them ended with that code after {@link ARPING_VERSION}. */
export function arpingBy(code: number): Arping {
  return code === 0 ? "iputils" : "habets";
}

/** Tells the network where the address is now; nothing for IPv6, which arping does not speak. Source: arping(8) of both. */
export function announceCommands(
  vip: Vip,
  by: Arping,
): readonly CommandWords[] {
  const { address, gateway } = vip;
  if (isIpv6(address)) return [];
  const isIputils = by === "iputils";
  const common = ["arping", "-q", isIputils ? "-I" : "-i", vip.interface];
  const from = [isIputils ? "-s" : "-S", address];
  const count = ["-c", String(ANNOUNCEMENTS), address];
  return [
    [...common, "-U", ...(isIputils ? [] : from), ...count],
    ...(gateway === null
      ? []
      : [[...common, "-c", "1", "-w", "1", ...from, gateway]]),
  ];
}

/** Asks who else has the address, see {@link ownerAnswer}; null for IPv6, which arping does not speak. */
export function findOwnerCommand(vip: Vip, by: Arping): CommandWords | null {
  if (isIpv6(vip.address)) return null;
  const how = by === "iputils" ? ["-D", "-I"] : ["-0", "-i"];
  return [
    ...["arping", ...how, vip.interface, "-c", "1", "-w", "1"],
    vip.address,
  ];
}

/**
 * What the end of {@link findOwnerCommand} means. iputils says 1 when somebody
 * answers, the other one when nobody does, or (nothing else tells them apart
 * by the code) when it may not ask.
 */
export function ownerAnswer(
  by: Arping,
  code: number,
): "owned" | "free" | "unasked" {
  const [owned, free] = by === "iputils" ? [1, 0] : [0, 1];
  return code === owned ? "owned" : code === free ? "free" : "unasked";
}

/** Whether what an arping said tells that it could ask at all. */
export function hasAsked(by: Arping, output: string): boolean {
  return by === "iputils" || /packets? transmitted/.test(output);
}

/** The hardware address in an arping's output; null if there is none. */
export function ownerIn(output: string): string | null {
  const match = /(?:\[|from )((?:[0-9A-F]{2}:){5}[0-9A-F]{2})\b/i.exec(output);
  return match?.[1]?.toLowerCase() ?? null;
}

/** Whether the text is an IPv6 address. */
export function isIpv6(address: string): boolean {
  return address.includes(":");
}

/** What a callback's three arguments mean for an address; null: nothing. */
export function callbackStep(
  action: string,
  role: string,
): "bind" | "unbind" | null {
  switch (action) {
    case "on_stop":
      return "unbind";
    case "on_start":
    case "on_restart":
    case "on_role_change":
      return ["primary", "master", "promoted"].includes(role)
        ? "bind"
        : "unbind";
    default:
      return null;
  }
}

function replicaPart(
  vip: Vip,
  o: Observation,
  shared: readonly Vip[],
): VipPart {
  const fallback = vip.isReplicaFallback ? fallbackPart(o) : NONE;
  if (fallback.kind !== "none") return fallback;
  const { postgres } = o;
  if (postgres.kind !== "running") return NONE;
  if (postgres.role !== "replica" || !postgres.isStreaming) return NONE;
  if (o.tags.isNoloadbalance) return NONE;
  const until = after(o.now, o.settings.ttlMs);
  const keep: VipPart = { kind: "keep", until };
  if (o.dcs.kind === "unreachable") return keep;
  // Of a standby cluster: it streams as well, but is there for the others.
  if (leadOf(o) === "self") return NONE;
  const { view } = o.dcs;
  if (!isKnown(view, o.self)) return NONE;
  const fit = fitReplicas(view);
  if (shared.length < 2) {
    return fit[0] === o.self ? { kind: "carry", until } : keep;
  }
  const owner = spreadAddresses(
    shared.map(({ address }) => address),
    fit,
  )[shared.indexOf(vip)];
  if (owner === o.self) return { kind: "carry", until, isAwaited: true };
  return owner === undefined ? keep : NONE;
}

/** Like a primary, but what it leads is a cluster that takes no writes. */
function standbyLeaderPart(o: Observation, ownUntil: Moment): VipPart {
  const { postgres, settings } = o;
  // Who is about to promote holds the lease as a replica, too.
  return settings.isStandbyCluster && postgres.kind === "running" &&
      postgres.role === "replica"
    ? leaderPart(o, ownUntil)
    : NONE;
}

function primaryPart(o: Observation, ownUntil: Moment): VipPart {
  if (o.postgres.kind !== "running" || o.postgres.role !== "primary") {
    return NONE;
  }
  return leaderPart(o, ownUntil);
}

/** Of whoever leads, by its lease. */
function leaderPart(o: Observation, ownUntil: Moment): VipPart {
  const deadline = deadlineOf(o.lease);
  if (deadline !== null && remainingMs(deadline, o.now) > 0) {
    return { kind: "carry", until: deadline };
  }
  return o.settings.isPaused && o.dcs.kind === "unreachable"
    ? { kind: "keep", until: ownUntil }
    : NONE;
}

/** The leader's part in the replicas' address while none of them can have it. */
function fallbackPart(o: Observation): VipPart {
  const deadline = deadlineOf(o.lease);
  const isLeading = deadline !== null && remainingMs(deadline, o.now) > 0;
  if (!isLeading) return NONE;
  if (o.dcs.kind === "unreachable") return { kind: "keep", until: deadline };
  const { view } = o.dcs;
  return leadOf(o) === "self" && fitReplicas(view).length === 0
    ? { kind: "carry", until: deadline }
    : NONE;
}

function fitReplicas(view: ClusterView): readonly MemberName[] {
  return view.members.filter((member) => isFit(view, member))
    .map(({ name }) => name);
}

function isFit(view: ClusterView, member: Member): boolean {
  return member.name !== view.leader?.name && member.state === "running" &&
    member.role === "replica" && member.replicationState === "streaming" &&
    !member.tags.isNoloadbalance;
}

function isKnown(view: ClusterView, name: string): boolean {
  return memberOf(view, name) !== null;
}

function isGivingUp(o: Observation): boolean {
  if (o.task.kind !== "running") return false;
  const { kind } = o.task.task;
  return kind === "demote" || kind === "restart" || kind === "rewind" ||
    kind === "remove_data" || kind === "reinitialize";
}
