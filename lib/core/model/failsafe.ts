/**
 * Failsafe mode: what a leader tells the other members while the store is away,
 * and what they answer.
 */
import type { Lsn, Moment } from "../base/units.ts";
import type { MemberName } from "./member.ts";

/** A leader's word that it goes on. Source: docs/contract/ha.md 12. */
export interface FailsafePing {
  readonly name: MemberName;
  readonly connUrl: string;
  readonly apiUrl: string;
  /** Positions of its slots by name. */
  readonly slots: Readonly<Record<string, Lsn>>;
  /** For how long it takes a consent; null: a Patroni member, which does not say. */
  readonly ttlMs: number | null;
}

/** Somebody whom a leader must ask. */
export interface FailsafeMember {
  readonly name: MemberName;
  readonly apiUrl: string;
}

/** The last consent that this member may have given before its agent was restarted. */
export interface LastConsent {
  /** None was given later. */
  readonly at: Moment;
  /** For how long it was promised; null: not known, the scope's ttl counts. */
  readonly ttlMs: number | null;
}

/** Members have not agreed since `since`, in one question after another. */
export interface FailsafeRefusal {
  /** Before the first of these questions. */
  readonly since: Moment;
  /** One of them says that it leads itself. */
  readonly isByLeader: boolean;
}

/** One member's answer. */
export interface FailsafeAnswer {
  readonly name: MemberName;
  readonly isAccepted: boolean;
  /** It says that it leads itself. */
  readonly isLeading: boolean;
  /** The member's position; null: it did not say. */
  readonly position: Lsn | null;
  /** Why not accepted; empty if it was. */
  readonly detail: string;
}
