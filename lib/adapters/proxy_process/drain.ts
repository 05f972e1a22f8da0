/**
 * Waits until clients of the primary have finished what they began, closing
 * sessions as they become idle. The proxies hold new clients meanwhile.
 *
 * From outside nobody can tell whether a client begins a transaction in the very
 * moment in which its session is ended. So the server itself is made to end
 * sessions that come to rest, first for a while, later for a moment. The proxies
 * see to it that everybody rests for that moment (`proxy/turns.ts`). From outside
 * come only those that do nothing at all, and last of all who never rests: that
 * can only be a client that came past the proxies, or one whose proxy has not
 * heard of the drain.
 */
import type { Clock } from "../../ports/clock.ts";

/** How often the sessions are looked at. */
const LOOK_MS = 50;
/** At first only sessions that a pool keeps are closed. */
const IDLE_MS = 250;
/** Those that do nothing at all; the others have been ended by the server by then. */
const UNUSED_MS = 500;
/** Then busy ones too. Clearly shorter than the proxies hold a turn (`PROXY_TIMES`). */
const BUSY_IDLE_MS = 20;
/** The first part, at most half of all. */
const PATIENT_MS_MAX = 1_000;
/** The part in which the server ends busy ones, at most a quarter of all. */
const BUSY_MS_MAX = 1_000;
/** So many looks in a row may fail, as they do on a machine that is too busy. */
const FAILURES_MAX = 3;
/**
 * By then every proxy has heard that it shall hold new clients. Who comes later
 * comes past the proxies; for those nobody waits.
 */
const HEARD_MS = 1_000;

/** The clients' sessions on the local instance. */
export interface ClientSessions {
  /** The server ends sessions that rest for that long; null: not any more. False: it cannot. */
  limitIdle(limitMs: number | null): Promise<boolean>;
  /** Ends those that are idle for that long; how many of at least that age are left. */
  endIdleSessions(
    limits: { readonly idleMsMin: number; readonly ageMsMin: number },
  ): Promise<number>;
}

/** What a drain needs. */
export interface DrainParts {
  readonly clock: Clock;
  readonly sessions: ClientSessions;
  readonly timeoutMs: number;
}

/**
 * Sessions left when it ended: with a transaction that took too long, or not asked in vain.
 *
 * @throws If the sessions cannot be looked at, several times in a row.
 */
export async function drainSessions(
  parts: DrainParts,
  signal: AbortSignal,
): Promise<number> {
  const { clock, sessions, timeoutMs } = parts;
  const startedAt = clock.now();
  const patientMs = Math.min(PATIENT_MS_MAX, timeoutMs / 2);
  const isHelped = await sessions.limitIdle(IDLE_MS);
  const lastMs = patientMs +
    (isHelped ? Math.min(BUSY_MS_MAX, timeoutMs / 4) : 0);
  const calmMs = isHelped ? UNUSED_MS : IDLE_MS;
  let isBusyTurn = false;
  let [left, hasClients, failures] = [0, false, 0];
  while (!signal.aborted) {
    const spentMs = clock.now() - startedAt;
    if (isHelped && !isBusyTurn && spentMs >= patientMs) {
      isBusyTurn = await sessions.limitIdle(BUSY_IDLE_MS);
    }
    try {
      left = await sessions.endIdleSessions({
        idleMsMin: spentMs < lastMs ? calmMs : 0,
        ageMsMin: Math.max(0, spentMs - HEARD_MS),
      });
      failures = 0;
    } catch (error) {
      if (++failures > FAILURES_MAX) throw error;
    }
    hasClients ||= left > 0;
    const isQuiet = failures === 0 && left === 0 &&
      (!hasClients || spentMs >= IDLE_MS);
    if (isQuiet || spentMs >= timeoutMs) break;
    await clock.sleep(LOOK_MS, signal);
  }
  if (signal.aborted) await sessions.limitIdle(null);
  return left;
}
