/**
 * Branded primitives, so that a WAL position is never compared with a lag and a
 * moment is never added to a moment. The only place of the core, besides codecs,
 * where `as` is allowed.
 */

/** A WAL position (64 bit). Inside the program a bigint, outside decimal or `X/Y` text. */
export type Lsn = bigint & { readonly brand: "Lsn" };

/** A moment on the host's monotonic boot-time clock, in milliseconds. Comparable between the processes of one host only. */
export type Moment = number & { readonly brand: "Moment" };

/** The store's mark of a key's last change, opaque text: equal or not, never older or newer. */
export type Revision = string & { readonly brand: "Revision" };

/** The store's name of a session, opaque text. */
export type SessionId = string & { readonly brand: "SessionId" };

/** Marks a bigint (or integral number) as WAL position. */
export function lsn(value: bigint | number): Lsn {
  return BigInt(value) as Lsn;
}

/** Marks a number of milliseconds as moment of the monotonic clock. */
export function moment(ms: number): Moment {
  return ms as Moment;
}

/** The moment `ms` milliseconds after `start` (before, if negative). */
export function after(start: Moment, ms: number): Moment {
  return (start + ms) as Moment;
}

/** Milliseconds from `now` until `deadline`; negative once it has passed. */
export function remainingMs(deadline: Moment, now: Moment): number {
  return deadline - now;
}

/** JavaScript's timers and poll(2) hold no more: a longer one fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/**
 * `ms` as a timer may have it. What is no number fires at once, and what is
 * longer than 24 days after 24 days.
 */
export function timerMs(ms: number): number {
  return ms > 0 ? Math.min(ms, TIMER_MS_MAX) : 0;
}

/** Marks the text of a store's counter or mark as revision. */
export function revision(value: string | bigint | number): Revision {
  return String(value) as Revision;
}

/** Longer marks, or such with blanks and control characters in them, no store has. */
const REVISION_TEXT = /^[!-~]{1,200}$/;

/** Whether text of another process may be a revision. */
export function isRevisionText(value: unknown): value is string {
  return typeof value === "string" && REVISION_TEXT.test(value);
}

/** Marks text as session id. */
export function sessionId(value: string): SessionId {
  return value as SessionId;
}

/** The higher of two positions; null counts as "unknown, lower than all". */
export function maxLsn(a: Lsn | null, b: Lsn | null): Lsn | null {
  if (a === null) return b;
  if (b === null) return a;
  return a > b ? a : b;
}

/**
 * PostgreSQL's text form of a position, hexadecimal without zero padding.
 *
 * Source: PostgreSQL 17 manual, "pg_lsn Type".
 *
 * @example
 * ```ts
 * import { formatLsn, lsn } from "./units.ts";
 * if (formatLsn(lsn(67108960n)) !== "0/4000060") throw new Error("wrong");
 * ```
 */
export function formatLsn(value: Lsn): string {
  const high = value >> 32n;
  const low = value & 0xffffffffn;
  return `${high.toString(16)}/${low.toString(16)}`.toUpperCase();
}

/** Reads `X/Y` text; null if it is not such a text. */
export function parseLsn(text: string): Lsn | null {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match === null) return null;
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}
