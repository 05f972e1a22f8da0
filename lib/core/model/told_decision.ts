/**
 * A decision as a member tells it to others: what crosses the border between an
 * agent and the command line, which may be of another version.
 */
import type { Facts } from "./decision.ts";
import type { MemberName } from "./member.ts";

/** One of the last decisions, made once or several times in a row. */
export interface DecisionRecord {
  readonly rule: string;
  /** The kind of decision; another version may know more of them. */
  readonly kind: string;
  /** The task that was started; null: none. */
  readonly task: string | null;
  readonly reason: string;
  /** What it rested on; of the last time, as everything but `firstAt`. */
  readonly facts: Facts;
  /** For people. */
  readonly sentence: string;
  /** ISO 8601 in UTC with milliseconds, so that texts compare as times. */
  readonly firstAt: string;
  readonly lastAt: string;
  readonly count: number;
}

/** And who told it. */
export interface ToldDecision extends DecisionRecord {
  readonly member: MemberName;
}
