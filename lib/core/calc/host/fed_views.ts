/**
 * Which of several agents' views of the scope a proxy goes by. The newest one
 * counts: by the store's own count of changes where it has one, else by when the
 * store has backed it. An agent that is frozen, cut off from the store or slow
 * thus never undoes what another one has told.
 */
import { type Moment, moment, type Revision } from "../../base/units.ts";
import type { FedEntry, FedMessage } from "../../codec/route_feed_codec.ts";

/** What one agent's stream has told so far. */
export interface FedView {
  readonly entries: ReadonlyMap<string, FedEntry>;
  /** The greatest count of changes that it has shown; null: the store does not count. */
  readonly era: bigint | null;
  /** The store has backed it by an answer to a question of then, on this host's clock; null: by none. */
  readonly asOf: Moment | null;
}

/** How this host's clock stands to an agent's, by the quickest message so far. */
export interface ClockLink {
  /** This one less that one, with the way of the quickest message. */
  readonly offsetMs: number;
  readonly notedAt: Moment;
}

/** No two clocks drift apart faster than that, by far. */
const DRIFT = 0.001;

/**
 * Notes a message. One that was long on its way, as of an agent that was frozen
 * while it wrote, changes nothing, so it is seen to be old.
 */
export function noteArrival(
  before: ClockLink | null,
  { sentAt, now }: { readonly sentAt: number; readonly now: Moment },
): ClockLink {
  const offsetMs = now - sentAt;
  if (before === null) return { offsetMs, notedAt: now };
  const drifted = before.offsetMs + DRIFT * (now - before.notedAt);
  return { offsetMs: Math.min(drifted, offsetMs), notedAt: now };
}

/** A moment of the agent's clock on this host's. */
export function hereOf({ offsetMs }: ClockLink, at: number): Moment {
  return moment(at + offsetMs);
}

/** The view after one more message; null: it makes no sense without what came before. */
export function withMessage(
  before: FedView | null,
  message: FedMessage,
  link: ClockLink,
): FedView | null {
  const { askedAt, gone, kind, sentAt, set } = message;
  if (before === null && kind !== "all") return null;
  const entries = new Map(kind === "all" ? [] : before?.entries);
  for (const { key } of gone) entries.delete(key);
  for (const entry of set) entries.set(entry.key, entry);
  const counts = [...set, ...gone].map(({ revision }) => countOf(revision));
  const eras = kind === "all" ? counts : [before?.era ?? null, ...counts];
  const isCounted = set.every(({ revision }) => countOf(revision) !== null) &&
    (kind === "all" || before?.era !== null);
  const era = isCounted ? greatest(eras) : null;
  const backed = askedAt === null ? null : hereOf(link, askedAt);
  // Without a count, a change is as new as its telling.
  const isChange = kind === "some" && era === null;
  return { entries, era, asOf: isChange ? hereOf(link, sentAt) : backed };
}

/** Whether `one` shows a later state of the scope than `other`. */
export function isNewer(one: FedView, other: FedView): boolean {
  if (one.era !== null && other.era !== null && one.era !== other.era) {
    return one.era > other.era;
  }
  return (one.asOf ?? -Infinity) > (other.asOf ?? -Infinity);
}

/** Of some views the newest one that the store has backed since then; null: there is none. */
export function newestView(
  views: readonly FedView[],
  since: Moment,
): FedView | null {
  const backed = views.filter(({ asOf }) => asOf !== null && asOf >= since);
  return backed.reduce<FedView | null>(
    (best, one) => best === null || isNewer(one, best) ? one : best,
    null,
  );
}

function countOf(at: Revision): bigint | null {
  return /^\d{1,30}$/.test(at) ? BigInt(at) : null;
}

function greatest(counts: readonly (bigint | null)[]): bigint {
  return counts.reduce<bigint>(
    (most, one) => one !== null && one > most ? one : most,
    0n,
  );
}
