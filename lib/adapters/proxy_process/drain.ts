/**
 * Waits until clients of the primary have finished what they began, closing
 * sessions as they become idle. The proxies hold new clients meanwhile.
 *
 * Sessions that rest for a while are ended from outside. A busy one rests so
 * shortly that it could begin a transaction in the same moment: those the
 * server ends itself, which never hits a transaction. Only at the very end, or
 * where the server is too old, they too are ended from outside.
 */
import type { Clock } from "../../ports/clock.ts";

/** How often the sessions are looked at. */
const LOOK_MS = 50;
/** At first only sessions that a pool keeps are closed. */
const IDLE_MS = 250;
/** Without the server's help: after that time, or half of all, also those between two transactions. */
const PATIENT_MS_MAX = 1_000;
/** With it: for the last part, at most that long. */
const LAST_MS_MAX = 500;

/** The clients' sessions on the local instance. */
export interface ClientSessions {
  /** The server ends sessions as they come to rest, or does not any more; false: it can not. */
  setLettingGo(clients: "let_go" | "stay"): Promise<boolean>;
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
  const patientMs = await sessions.setLettingGo("let_go")
    ? timeoutMs - Math.min(LAST_MS_MAX, timeoutMs / 4)
    : Math.min(PATIENT_MS_MAX, timeoutMs / 2);
  let left = 0;
  while (!signal.aborted) {
    const spentMs = clock.now() - startedAt;
    const isPatient = spentMs < patientMs;
    left = await sessions.endIdleSessions(isPatient ? IDLE_MS : 0);
    if (left === 0 || spentMs >= timeoutMs) break;
    await clock.sleep(LOOK_MS, signal);
  }
  if (signal.aborted) await sessions.setLettingGo("stay");
  return left;
}
