/**
 * Waits until clients of the primary have finished what they began, closing
 * sessions as they become idle. The proxies hold new clients meanwhile.
 */
import type { Clock } from "../../ports/clock.ts";

/** How often the sessions are looked at. */
const LOOK_MS = 50;
/** At first only sessions that a pool keeps are closed. */
const IDLE_MS = 250;
/** After that time, or half of all, also those between two transactions. */
const PATIENT_MS_MAX = 1_000;

/** The clients' sessions on the local instance. */
export interface ClientSessions {
  /** Ends those that are idle for that long; how many are left. */
  endIdleSessions(idleMsMin: number): Promise<number>;
}

/** What a drain needs. */
export interface DrainParts {
  readonly clock: Clock;
  readonly sessions: ClientSessions;
  readonly timeoutMs: number;
}

/** Sessions left when it ended: with a transaction that took too long, or not asked in vain. */
export async function drainSessions(
  parts: DrainParts,
  signal: AbortSignal,
): Promise<number> {
  const { clock, sessions, timeoutMs } = parts;
  const startedAt = clock.now();
  let left = 0;
  while (!signal.aborted) {
    const spentMs = clock.now() - startedAt;
    const isPatient = spentMs < Math.min(PATIENT_MS_MAX, timeoutMs / 2);
    left = await sessions.endIdleSessions(isPatient ? IDLE_MS : 0);
    if (left === 0 || spentMs >= timeoutMs) break;
    await clock.sleep(LOOK_MS, signal);
  }
  return left;
}
