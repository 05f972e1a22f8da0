/**
 * Sessions in a store that does not end them by itself. Whoever holds a session
 * counts its renewals in the store; whoever looks on times them, each on its own
 * monotonic clock, and a session that shows the same count for its whole ttl is
 * over. No clock of the store and no wall clock is asked, so none can be wrong.
 *
 * Why it is safe: a holder counts its deadline from before it asks for a renewal,
 * and nobody can see a renewal before it was asked for. So every observer starts
 * later than the holder, and gives up later. Only the rates of two clocks over
 * one ttl matter, and the deadline has an allowance for these.
 */
import { after, type Moment, type SessionId } from "../../base/units.ts";

/** A session as the store shows it. */
export interface SessionSighting {
  readonly id: SessionId;
  /** Another text after each renewal. */
  readonly renewals: string;
  readonly ttlMs: number;
}

/** A session as this process has watched it. */
export interface WatchedSession extends SessionSighting {
  /** When it is over, if nothing changes. */
  readonly endsAt: Moment;
}

/** Nothing was seen yet. */
export const NO_SESSIONS: readonly WatchedSession[] = [];

/**
 * What is known after another look: who has renewed since the last one, or is
 * seen for the first time, has a whole ttl from now.
 *
 * @param now When the store's answer was here, not when it was asked for: the
 * renewal that it shows may be as young as that.
 */
export function watchSessions(
  known: readonly WatchedSession[],
  seen: readonly SessionSighting[],
  now: Moment,
): readonly WatchedSession[] {
  return seen.map((sighting) => {
    const before = known.find(({ id }) => id === sighting.id);
    const isSame = before !== undefined &&
      before.renewals === sighting.renewals &&
      before.ttlMs === sighting.ttlMs;
    return isSame
      ? before
      : { ...sighting, endsAt: after(now, sighting.ttlMs) };
  });
}

/** Those that are over: whoever ends one must name the renewals that it saw. */
export function endedSessions(
  known: readonly WatchedSession[],
  now: Moment,
): readonly WatchedSession[] {
  return known.filter(({ endsAt }) => endsAt <= now);
}

/** When the next of them may be over; null: there is none. */
export function nextEnd(known: readonly WatchedSession[]): Moment | null {
  return known.reduce<Moment | null>(
    (soonest, { endsAt }) =>
      soonest === null || endsAt < soonest ? endsAt : soonest,
    null,
  );
}
