/** What a server of scopes must be, and what is wrong with one that is not. */
import type { Rows } from "../session/sql.ts";

/** What was asked of a server when a session began. */
export interface ServerFacts {
  readonly isStandby: boolean;
  readonly isReadOnly: boolean;
  readonly hasFsync: boolean;
  readonly systemId: string;
  /** Eight hexadecimal digits; empty on a standby. */
  readonly timeline: string;
  /** It waits for a standby before it confirms. */
  readonly isSynchronous: boolean;
  readonly hasStandbys: boolean;
}

/** @throws {Error} If the row is none of ours. */
export function factsOf([row = {}]: Rows): ServerFacts {
  const { system_id: systemId, timeline } = row;
  if (typeof systemId !== "string" || typeof timeline !== "string") {
    throw new Error("it does not say which server it is");
  }
  return {
    isStandby: row["in_recovery"] === true,
    isReadOnly: row["is_read_only"] === true,
    hasFsync: row["has_fsync"] === true,
    ...{ systemId, timeline },
    isSynchronous: row["is_synchronous"] === true,
    hasStandbys: row["has_standbys"] === true,
  };
}

/** Another one after each promotion: what the old primary confirmed may be lost then. */
export function eraOf({ systemId, timeline }: ServerFacts): string {
  return `${systemId}/${timeline}`;
}

/** Why no scope can be kept there; `isForNow`: another host, or time, may help. */
export interface ServerProblem {
  readonly isForNow: boolean;
  readonly text: string;
}

/** Null: it will do. */
export function problemOf(
  facts: ServerFacts,
  where: string,
): ServerProblem | null {
  if (facts.isStandby) {
    return { isForNow: true, text: `PostgreSQL at ${where} is a standby` };
  }
  if (facts.isReadOnly) {
    return {
      isForNow: true,
      text:
        `PostgreSQL at ${where} is read-only (default_transaction_read_only)`,
    };
  }
  if (!facts.hasFsync) {
    return {
      isForNow: false,
      text: `PostgreSQL at ${where} has fsync off: it would forget in a ` +
        "crash who leads",
    };
  }
  return null;
}

/** What is not as it should be, but no reason to refuse; null: nothing. */
export function doubtOf(facts: ServerFacts, where: string): string | null {
  if (!facts.hasStandbys || facts.isSynchronous) return null;
  return `PostgreSQL at ${where}, which keeps this scope, has standbys and ` +
    "waits for none of them (synchronous_standby_names is empty): its " +
    "failover can lose what it has confirmed, and nobody may take the lead " +
    "for one ttl then";
}
