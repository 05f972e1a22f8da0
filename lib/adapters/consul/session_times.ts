/**
 * How long Consul is asked to keep a session, and what the caller may count on.
 *
 * Consul promises that a session lives for its TTL after a renewal, and ends it
 * at twice that (as every version does; nothing promises it). Patroni asks for
 * half the ttl and counts on the factor 2. But a session can also end at once:
 * when the Consul agent that made it leaves its cluster (a client agent does so
 * when it is stopped), when a health check of the session fails, or when an
 * operator destroys it. The leader notices nothing of that as long as it cannot
 * ask, and goes on for the rest of its ttl.
 *
 * What Consul does promise whatever ends a session is its lock delay: for that
 * time nobody can take the keys that hung on it. So the lock delay is the ttl
 * that the caller counts on, and the session's own TTL is half of it, so that a
 * dead leader's key is free after twice the ttl.
 */

/** Consul cuts a longer lock delay to this. */
const LOCK_DELAY_MS_MAX = 60_000;

/** Of a session, in the units of Consul's API. */
export interface SessionTimes {
  /** As Consul's TTL. */
  readonly ttl: string;
  /** As Consul's LockDelay. */
  readonly lockDelay: string;
  /** Nobody takes the keys earlier after a renewal, whatever happens. */
  readonly promisedMs: number;
}

/** The times of a session whose holder wants to count on `ttlMs`. */
export function sessionTimes(ttlMs: number): SessionTimes {
  const promisedMs = Math.min(ttlMs, LOCK_DELAY_MS_MAX);
  return {
    ttl: `${Math.ceil(ttlMs / 2)}ms`,
    lockDelay: `${Math.ceil(promisedMs)}ms`,
    promisedMs,
  };
}
