/**
 * A change of leader as it is remembered: kept in the store beside the history,
 * because the members that lived through it may be gone when somebody asks.
 */
import type { Facts } from "./decision.ts";
import type { MemberName } from "./member.ts";

/**
 * One step of a change. An open list: another version may know more of them.
 * Ours are `detected` (the free leader key), `decided` (the bid that won), in
 * their place `suspected`, `pledged` and `taken` (the key of a lost leader),
 * `promoted` (writable) and `first_write` (the first transaction that wrote
 * anything has ended, its standbys asked).
 */
export interface FailoverPhase {
  readonly name: string;
  /** Milliseconds since the epoch, by the clock of the host that says so. */
  readonly atMs: number;
}

/** What the clients of one proxy felt of a change. */
export interface FeltByClients {
  /** The member beside the proxy, or its host and port. */
  readonly proxy: string;
  /** When the way to the old leader was closed, milliseconds since the epoch by the proxy's clock; as the next. */
  readonly closedAtMs: number;
  /** When there was a way to the new one. */
  readonly routedAtMs: number;
  /** Sessions that were open and ended. */
  readonly ended: number;
  /** Clients that had to wait for a backend. */
  readonly waited: number;
  /** Of the longest of these waits, in milliseconds. */
  readonly longestWaitMs: number;
  /** Clients that waited in vain or went away meanwhile. */
  readonly failed: number;
}

/** WAL that a member had written and the new leader had not. */
export interface LeftBehind {
  readonly member: MemberName;
  /** At least so many; after a crash the end of the WAL is not known exactly. */
  readonly bytes: number;
}

/** One change of leader. */
export interface FailoverRecord {
  /** Revision of the new leader's key. */
  readonly term: string;
  readonly leader: MemberName;
  /** Who led before; null: nobody knows. */
  readonly before: MemberName | null;
  /** The one that it began. */
  readonly timeline: number;
  /** The rule of the bid, its reason and its sentence. */
  readonly rule: string;
  readonly reason: string;
  readonly sentence: string;
  readonly facts: Facts;
  /** In the order of their times. */
  readonly phases: readonly FailoverPhase[];
  /** Up to where the old leader was last known to be, less where the new one began; null: not known. */
  readonly lostBytes: number | null;
  readonly leftBehind: readonly LeftBehind[];
  readonly felt: readonly FeltByClients[];
}
