/**
 * Which proxy of a group carries its virtual addresses. One of them holds a key
 * of the store, under the discipline of every lease here: it may act until the
 * moment before it sent its last renewal, plus the ttl, less the clocks' drift.
 * Whoever is not sure that it holds carries nothing.
 */
import type {
  VipCandidate,
  VipGroupView,
} from "../../codec/vip_group_codec.ts";
import { after, type Moment, remainingMs } from "../../base/units.ts";
import type { Revision } from "../../base/units.ts";
import type { HostAddresses, Vip } from "../../model/vip.ts";
import { driftAllowanceMs } from "../lead/budgets.ts";
import { isSame } from "./vip.ts";

/** Why a proxy stands for no address. */
export type VipObstacle =
  | { readonly kind: "ending" }
  | { readonly kind: "scope_unread" }
  | { readonly kind: "no_member" }
  | { readonly kind: "host_unread" }
  | { readonly kind: "not_allowed"; readonly why: string }
  | { readonly kind: "no_interface"; readonly interface: string }
  | { readonly kind: "no_carrier"; readonly interface: string }
  /** It held the key and could not bind the addresses; another one may try. */
  | { readonly kind: "stands_back" };

/** What one turn of the election is decided on. */
export interface VipLook {
  readonly now: Moment;
  readonly self: VipCandidate;
  /** Null: this proxy could carry the addresses. */
  readonly obstacle: VipObstacle | null;
  /** As read after the last renewal; null: the store did not answer. */
  readonly view: VipGroupView | null;
  /** Until when the own session, and each key on it, is sure to last; null: there is none. */
  readonly sessionUntil: Moment | null;
  /** Until when the key is sure to be this proxy's, as the store was seen last; null: it is not. */
  readonly heldUntil: Moment | null;
  /** It holds, and its addresses have not been there for a while. */
  readonly isFailing: boolean;
  /** Since when nobody has held the key; null: somebody does. */
  readonly vacantSince: Moment | null;
  readonly ttlMs: number;
  /** Who has left its addresses on this host to this proxy; null: nobody. */
  readonly heirOf: string | null;
}

/** What to do about the key and the addresses of a group. */
export type VipMove =
  /** Carry the addresses, at most until that moment. */
  | { readonly kind: "carry"; readonly until: Moment }
  /** Put the key, if there is none. */
  | { readonly kind: "bid" }
  /** Put the key in place of that one of the proxy that this one replaces. */
  | { readonly kind: "inherit"; readonly revision: Revision }
  /** Take the addresses away, then delete that key. */
  | {
    readonly kind: "release";
    readonly revision: Revision;
    readonly reason: VipReleaseReason;
  }
  | { readonly kind: "wait"; readonly reason: VipWaitReason };

/** Why a holder gives its key back. */
export type VipReleaseReason =
  | "unfit"
  | "outranked"
  | "cannot_bind"
  /** The key hangs on a session that this process does not renew any more. */
  | "old_session";

/** Why a proxy carries nothing. */
export type VipWaitReason =
  | "unfit"
  | "store_away"
  | "lease_over"
  | "held_by_other"
  | "outranked";

/** What this proxy does about one group. */
export function vipMove(look: VipLook): VipMove {
  const { now, obstacle, self, sessionUntil, view } = look;
  if (view === null) {
    if (look.heldUntil === null) return wait("store_away");
    return obstacle === null ? carryUntil(look.heldUntil, now) : wait("unfit");
  }
  const { holder } = view;
  if (holder !== null && holder.id === self.id) {
    const { revision } = holder;
    const reason = releaseReason(look, view);
    if (reason !== null) return { kind: "release", revision, reason };
    return carryUntil(sessionUntil, now);
  }
  if (obstacle !== null) return wait("unfit");
  const isLeft = holder !== null && holder.id === look.heirOf;
  if (holder !== null && !isLeft) return wait("held_by_other");
  if (!isAhead(sessionUntil, now)) return wait("lease_over");
  if (holder !== null) return { kind: "inherit", revision: holder.revision };
  return isOutranked(look, view) ? wait("outranked") : { kind: "bid" };
}

/** Until when keys of a session renewed at `since` may be relied on. Source: docs/architecture.md, lease discipline. */
export function vipSessionUntil(since: Moment, ttlMs: number): Moment {
  return after(since, ttlMs - driftAllowanceMs(ttlMs));
}

/** What of this host keeps a proxy from carrying these addresses. */
export function hostObstacle(
  vips: readonly Vip[],
  host: HostAddresses | null,
): VipObstacle | null {
  if (host === null) return { kind: "host_unread" };
  for (const { interface: name } of vips) {
    const link = host.links.find((one) => one.name === name);
    if (link === undefined) return { kind: "no_interface", interface: name };
    if (!link.isUp) return { kind: "no_carrier", interface: name };
  }
  return null;
}

/** Whether this host carries all of these addresses. */
export function carriesAll(
  vips: readonly Vip[],
  host: HostAddresses | null,
): boolean {
  return host !== null &&
    vips.every((vip) =>
      host.bound.some((bound) => isSame(vip, bound) && !bound.isDuplicate)
    );
}

/** Whether this host carries any of these addresses, or cannot be asked. */
export function mayCarryAny(
  vips: readonly Vip[],
  host: HostAddresses | null,
): boolean {
  return host === null ||
    vips.some((vip) => host.bound.some((bound) => isSame(vip, bound)));
}

/** The obstacle as one sentence's end, for people. */
export function obstacleText(obstacle: VipObstacle): string {
  switch (obstacle.kind) {
    case "ending":
      return "this proxy takes no new clients";
    case "scope_unread":
      return "this proxy has not read its scope yet";
    case "no_member":
      return "this proxy's scope has no member";
    case "host_unread":
      return "the addresses of this host cannot be read";
    case "not_allowed":
      return obstacle.why;
    case "no_interface":
      return `this host has no interface ${obstacle.interface}`;
    case "no_carrier":
      return `the interface ${obstacle.interface} is down or has no carrier`;
    case "stands_back":
      return "it could not bind them just now, so that another proxy may try";
  }
}

function carryUntil(until: Moment | null, now: Moment): VipMove {
  return isAhead(until, now) ? { kind: "carry", until } : wait("lease_over");
}

function isAhead(until: Moment | null, now: Moment): until is Moment {
  return until !== null && remainingMs(until, now) > 0;
}

function releaseReason(
  { obstacle, isFailing, self }: VipLook,
  { holder, candidates }: VipGroupView,
): VipReleaseReason | null {
  if (obstacle !== null) return "unfit";
  if (holder?.isHeld !== true) return "old_session";
  const others = candidates.filter(({ id }) => id !== self.id);
  if (isFailing && others.length > 0) return "cannot_bind";
  const isWanted = others.some(({ priority, isPreempting }) =>
    isPreempting && priority > self.priority
  );
  return isWanted ? "outranked" : null;
}

/** A better one that does not bid may be dead: nobody waits longer than its key lasts. */
function isOutranked(
  { now, self, ttlMs, vacantSince }: VipLook,
  { candidates }: VipGroupView,
): boolean {
  const isLong = vacantSince !== null &&
    remainingMs(after(vacantSince, ttlMs), now) <= 0;
  return !isLong &&
    candidates.some(({ id, priority }) =>
      id !== self.id && priority > self.priority
    );
}

function wait(reason: VipWaitReason): VipMove {
  return { kind: "wait", reason };
}
