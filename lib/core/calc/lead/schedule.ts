/**
 * When a scheduled request is due.
 */
import type { ClusterSettings } from "../../model/settings.ts";

/** `near`: within this cycle, in `inMs`. `stale`: its time passed unused. */
export type Timing =
  | { readonly kind: "now" }
  | { readonly kind: "near"; readonly inMs: number }
  | { readonly kind: "later"; readonly inMs: number }
  | { readonly kind: "stale" };

/**
 * Compares a schedule with the wall clock.
 *
 * @param scheduledAt ISO 8601 with zone; null means now; unreadable text is stale.
 *
 * Source: docs/contract/ha.md 6.2, rows 2 to 4.
 */
export function switchoverTiming(
  scheduledAt: string | null,
  now: { readonly wallTimeMs: number; readonly settings: ClusterSettings },
): Timing {
  if (scheduledAt === null) return { kind: "now" };
  if (now.settings.isPaused) return { kind: "later", inMs: 0 };
  // deno-lint-ignore house/core-purity -- parsing a given text reads no clock
  const at = Date.parse(scheduledAt);
  if (Number.isNaN(at)) return { kind: "stale" };
  const inMs = at - now.wallTimeMs;
  if (inMs > now.settings.loopWaitMs) return { kind: "later", inMs };
  if (inMs > 0) return { kind: "near", inMs };
  return inMs < -1.5 * now.settings.loopWaitMs
    ? { kind: "stale" }
    : { kind: "now" };
}
