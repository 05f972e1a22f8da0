/**
 * The time limits that the lease discipline rests on, derived from the TTL in one
 * place. All in milliseconds.
 */
import { type Moment, remainingMs } from "../../base/units.ts";
import type { LeaseView } from "../../model/lease_view.ts";
import type { MemberRole } from "../../model/member.ts";
import type { ClusterSettings } from "../../model/settings.ts";

/** What two clocks may drift apart during one TTL: 1 per mille is far above any sane clock, plus scheduling. */
export function driftAllowanceMs(ttlMs: number): number {
  return Math.ceil(ttlMs / 1000) + 50;
}

/** Time reserved to stop a primary before the lease ends. */
export function stopBudgetMs(settings: ClusterSettings): number {
  return Math.min(5_000, Math.floor(settings.ttlMs / 4));
}

/**
 * How long an orderly handing over may take before it becomes an immediate stop;
 * null: as long as it takes. Only where commits wait for a replica that has them.
 */
export function handOverPatienceMs(
  { synchronousMode, primaryStopTimeoutMs }: Pick<
    ClusterSettings,
    "synchronousMode" | "primaryStopTimeoutMs"
  >,
): number | null {
  return synchronousMode !== "off" && primaryStopTimeoutMs > 0
    ? primaryStopTimeoutMs
    : null;
}

/** A promotion is only begun while at least that much of the lease is left. */
export function promoteBudgetMs(settings: ClusterSettings): number {
  return stopBudgetMs(settings) + Math.min(3_000, settings.ttlMs / 4);
}

/** Milliseconds of lease left; null if none is held; negative once it has passed. */
export function leaseRemainingMs(lease: LeaseView, now: Moment): number | null {
  return lease.kind === "held" ? remainingMs(lease.deadline, now) : null;
}

/** A call of the store gets at least that long, or it could never succeed. */
export const STORE_CALL_MIN_MS = 100;

/** What a primary without a lease, which should have stopped, waits for the store. */
const AFTER_LEASE_MS = 1_000;

/**
 * How long the store may take in one cycle: retry_timeout, or what the lease
 * leaves until a primary must stop, which needs no answer (R020).
 *
 * @param member Its role, and milliseconds of lease left: null if it holds none,
 * negative once it has passed.
 */
export function storeBudgetMs(
  member: { readonly role: MemberRole; readonly leftMs: number | null },
  settings: ClusterSettings,
): number {
  const { role, leftMs } = member;
  if (leftMs === null) return settings.retryTimeoutMs;
  if (leftMs <= 0) {
    return role === "primary"
      ? Math.min(AFTER_LEASE_MS, settings.retryTimeoutMs)
      : settings.retryTimeoutMs;
  }
  const untilStopMs = leftMs - stopBudgetMs(settings);
  return Math.max(
    STORE_CALL_MIN_MS,
    Math.min(settings.retryTimeoutMs, untilStopMs),
  );
}

/** Pause before the next try after `failures` failures in a row: 1 s doubling up to `loop_wait`. */
export function backOffMs(failures: number, settings: ClusterSettings): number {
  return Math.min(settings.loopWaitMs, 1_000 * 2 ** Math.min(failures - 1, 6));
}
