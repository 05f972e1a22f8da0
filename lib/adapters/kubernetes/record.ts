/**
 * The leader's record: who leads, since when, and the last sign of life. Nobody
 * but its observers times it (`lib/core/calc/lead/observed_sessions.ts`). Pure.
 *
 * Source: docs/contract/dcs.md 12; Patroni 4.1.4 `kubernetes.py`, the fields of
 * the leader object.
 */
import { createHash } from "node:crypto";
import { type Revision, revision, sessionId } from "../../core/base/units.ts";
import type { SessionSighting } from "../../core/calc/lead/observed_sessions.ts";
import type { Annotations } from "./layout.ts";

/** Where nobody says how long a leader leads without a sign of life. */
export const DEFAULT_TTL_MS = 30_000;

const LEADER = sessionId("leader");
const TTL_S_MAX = 1_000_000;

/** What the annotations of the leader object say of the leader. */
export interface LeaderRecord {
  readonly leader: string;
  /** Null: it does not say. */
  readonly ttlMs: number | null;
  readonly acquireTime: string;
  readonly renewTime: string;
  /** How often another member took over, as text. */
  readonly transitions: string;
}

type Texts = Readonly<Record<string, string>>;

/** The record; null: nobody leads. */
export function recordOf(annotations: Texts): LeaderRecord | null {
  const text = (name: string): string =>
    Object.hasOwn(annotations, name) ? annotations[name] ?? "" : "";
  const leader = text("leader");
  if (leader === "") return null;
  const ttl = text("ttl");
  const seconds = /^[0-9]{1,9}$/.test(ttl) ? Number(ttl) : 0;
  return {
    leader,
    ttlMs: seconds > 0 ? Math.min(seconds, TTL_S_MAX) * 1000 : null,
    acquireTime: text("acquireTime"),
    renewTime: text("renewTime"),
    transitions: text("transitions"),
  };
}

/** The record as something to time; any change of it is a sign of life. */
export function sightingOf(
  record: LeaderRecord,
  defaultTtlMs: number,
): SessionSighting {
  return {
    id: LEADER,
    renewals: JSON.stringify(record),
    ttlMs: record.ttlMs ?? defaultTtlMs,
  };
}

/**
 * The revision of the key `leader`: it stays over renewals, and each bid and each
 * restart of a leading agent makes another one, on every process' view.
 */
export function termOf(record: LeaderRecord): Revision {
  const { leader, acquireTime, transitions } = record;
  return digestOf(JSON.stringify([leader, acquireTime, transitions]));
}

/** A revision made of what a key says: other text, other revision. */
export function digestOf(text: string): Revision {
  return revision(createHash("sha256").update(text).digest("hex").slice(0, 32));
}

/** Who takes the lead, for how long after each sign of life. */
export interface Taker {
  readonly name: string;
  readonly ttlMs: number;
  /** Of {@link Stamps}. */
  readonly now: string;
}

/**
 * The record of a new term.
 *
 * @param before What the object said until now; its term may be over.
 */
export function takenRecord(before: Texts, taker: Taker): Annotations {
  const { leader, transitions } = { leader: "", transitions: "", ...before };
  const known = /^[0-9]{1,9}$/.test(transitions) ? Number(transitions) : null;
  const isAnother = leader !== taker.name;
  const next = known === null ? 0 : known + (isAnother ? 1 : 0);
  return {
    leader: taker.name,
    ttl: ttlText(taker.ttlMs),
    renewTime: taker.now,
    acquireTime: taker.now,
    transitions: String(next),
  };
}

/** The same term with another sign of life. */
export function renewedRecord(record: LeaderRecord, taker: Taker): Annotations {
  const { acquireTime, transitions } = record;
  return {
    ...{ leader: record.leader, acquireTime, transitions },
    ttl: ttlText(taker.ttlMs),
    renewTime: taker.now,
  };
}

/** Never less than the holder counts on. */
function ttlText(ttlMs: number): string {
  return String(Math.ceil(ttlMs / 1000));
}

/**
 * Times for records, as Patroni spells them. No two of them are the same, also
 * if the wall clock is set back: a sign of life that looks like the one before
 * would be none.
 */
export class Stamps {
  readonly #wallTimeMs: () => number;
  #count: number;

  constructor(wallTimeMs: () => number) {
    this.#wallTimeMs = wallTimeMs;
    // Two processes of one member may take the lead in the same millisecond.
    this.#count = Math.floor(Math.random() * 1000);
  }

  /** `2026-11-29T14:00:00.123456+00:00`. */
  next(): string {
    this.#count = (this.#count + 1) % 1000;
    const text = new Date(this.#wallTimeMs()).toISOString();
    const digits = String(this.#count).padStart(3, "0");
    return text.replace("Z", `${digits}+00:00`);
  }
}
