/**
 * Decides health checks: which status a load balancer's path gets, whether the
 * agent is alive and whether the member is ready. Paths and their order are
 * Patroni's, substring matches included, because balancers out there rely on
 * `/master`, `/primary/` or `/standby_leader`.
 *
 * Source: Patroni 4.1.4, observed behavior; docs/contract/rest-api.md 4.
 */
import type { Lsn, Moment } from "../../base/units.ts";
import { maxLsn } from "../../base/units.ts";
import { parseInteger } from "../../base/scalars.ts";
import type { MemberRole, MemberState } from "../../model/member.ts";

/** The answer of a check, as HTTP status. */
export type HealthStatus = 200 | 503;

/** Everything that a health check may look at. */
export interface HealthFacts {
  readonly state: MemberState;
  readonly role: MemberRole;
  /** There is a DCS view younger than the TTL. */
  readonly hasView: boolean;
  readonly isPaused: boolean;
  readonly isStandbyCluster: boolean;
  /** The lock timer runs: this member holds the lease by its own clock. */
  readonly isLockHeld: boolean;
  readonly isNoloadbalance: boolean;
  /** Listed in the sync key, by the mode that is in force; null: not listed. */
  readonly syncState: "sync" | "quorum" | null;
  /** Last position the leader published. */
  readonly leaderLsn: Lsn | null;
  /** Last position that the WAL receiver heard of. */
  readonly upstreamLsn: Lsn | null;
  readonly receivedLsn: Lsn | null;
  readonly replayedLsn: Lsn | null;
  readonly isStreaming: boolean;
  /** As the status document says it; null: neither, or not in recovery. */
  readonly replicationState: "streaming" | "in archive recovery" | null;
  readonly isFailsafeActive: boolean;
  /** The tags as configured and published, values in their own types. */
  readonly tags: Readonly<Record<string, unknown>>;
}

/** Query parameters; the first non-empty value of each. */
export type HealthQuery = ReadonlyMap<string, string>;

/** What the local agent says of itself for `/liveness`. */
export interface LivenessFacts {
  readonly now: Moment;
  readonly nextCycleAt: Moment;
  readonly ttlMs: number;
  readonly isPaused: boolean;
  readonly isRunningPrimary: boolean;
}

interface Verdicts {
  readonly leader: boolean;
  readonly primary: boolean;
  readonly standbyLeader: boolean;
  readonly replica: boolean;
}

interface Row {
  readonly matches: (path: string) => boolean;
  readonly isOk: (verdicts: Verdicts, facts: HealthFacts) => boolean;
  readonly tags: "ignored" | "applied";
}

/** In this order; the first match wins. */
const ROWS: readonly Row[] = [
  {
    matches: (path) => containsAny(path, ["standby_leader", "standby-leader"]),
    isOk: (verdicts) => verdicts.standbyLeader,
    tags: "ignored",
  },
  {
    matches: (path) => path.includes("leader"),
    isOk: (verdicts) => verdicts.leader,
    tags: "ignored",
  },
  {
    matches: (path) =>
      path === "/" || containsAny(path, ["master", "primary", "read-write"]),
    isOk: (verdicts) => verdicts.primary,
    tags: "ignored",
  },
  {
    matches: (path) => path.includes("replica"),
    isOk: (verdicts) => verdicts.replica,
    tags: "applied",
  },
  {
    matches: (path) =>
      path.includes("read-only") && !containsAny(path, ["sync", "quorum"]),
    isOk: (verdicts) => isReadWrite(verdicts) || verdicts.replica,
    tags: "applied",
  },
  {
    matches: (path) => path.includes("health"),
    isOk: (_, facts) => facts.state === "running",
    tags: "applied",
  },
  {
    matches: (path) => isAny(path, ["/sync", "/synchronous"]),
    isOk: (verdicts, facts) => isSynced(verdicts, facts, "sync"),
    tags: "applied",
  },
  {
    matches: (path) => path === "/quorum",
    isOk: (verdicts, facts) => isSynced(verdicts, facts, "quorum"),
    tags: "applied",
  },
  {
    matches: (path) => isAny(path, ["/async", "/asynchronous"]),
    isOk: (verdicts, facts) =>
      facts.hasView && facts.syncState === null && verdicts.replica,
    tags: "applied",
  },
  {
    matches: (path) => path === "/read-only-quorum",
    isOk: (verdicts, facts) =>
      facts.hasView &&
      (isReadWrite(verdicts) || isSynced(verdicts, facts, "quorum")),
    tags: "applied",
  },
  {
    matches: (path) =>
      isAny(path, ["/read-only-sync", "/read-only-synchronous"]),
    isOk: (verdicts, facts) =>
      facts.hasView &&
      (isReadWrite(verdicts) || isSynced(verdicts, facts, "sync")),
    tags: "applied",
  },
];

/**
 * Status of the health check at `path`.
 *
 * @param path Path without query, leading slash included, not decoded.
 *
 * Source: docs/contract/rest-api.md 4.1 to 4.3.
 */
export function healthCheck(
  path: string,
  facts: HealthFacts,
  query: HealthQuery,
): HealthStatus {
  const row = ROWS.find((row) => row.matches(path));
  if (row === undefined) return 503;
  if (!row.isOk(verdictsOf(facts, query), facts)) return 503;
  return row.tags === "ignored" || areTagsMatched(facts, query) ? 200 : 503;
}

/**
 * Status of `/liveness`: the loop is due, or at most one threshold late.
 *
 * The threshold is the TTL for a running primary, else twice the TTL.
 *
 * Source: docs/contract/rest-api.md 4.4.
 */
export function liveness(facts: LivenessFacts): HealthStatus {
  if (facts.isPaused) return 200;
  const thresholdMs = facts.isRunningPrimary ? facts.ttlMs : 2 * facts.ttlMs;
  return facts.nextCycleAt + thresholdMs > facts.now ? 200 : 503;
}

/**
 * Status of `/readiness`: leading, or streaming close enough to the leader.
 *
 * @param maximumLagBytes Limit where the query names none that can be read.
 *
 * Source: docs/contract/rest-api.md 4.5.
 */
export function readiness(
  facts: HealthFacts,
  query: HealthQuery,
  maximumLagBytes: number,
): HealthStatus {
  if (facts.isLockHeld) return 200;
  if (facts.state !== "running" || !facts.isStreaming) return 503;
  if (!facts.hasView && facts.upstreamLsn === null) {
    return facts.isFailsafeActive ? 200 : 503;
  }
  const limit = lagLimitBytes(query) ?? BigInt(Math.round(maximumLagBytes));
  const own = query.get("mode") === "write"
    ? facts.receivedLsn
    : facts.replayedLsn;
  return leaderPosition(facts) - (own ?? 0n) > limit ? 503 : 200;
}

function verdictsOf(facts: HealthFacts, query: HealthQuery): Verdicts {
  const replica = !facts.isNoloadbalance && !isLagging(facts, query) &&
    isReplicating(facts, query) && facts.role === "replica" &&
    facts.state === "running";
  if (!facts.hasView && facts.isPaused) {
    const primary = facts.role === "primary";
    const standbyLeader = facts.role === "standby_leader";
    return {
      leader: primary || standbyLeader,
      primary,
      standbyLeader,
      replica,
    };
  }
  if (!facts.isLockHeld) {
    return { leader: false, primary: false, standbyLeader: false, replica };
  }
  if (!facts.isStandbyCluster) {
    return { leader: true, primary: true, standbyLeader: false, replica };
  }
  const standbyLeader = facts.role === "replica" ||
    facts.role === "standby_leader";
  return { leader: true, primary: false, standbyLeader, replica: false };
}

function isReadWrite(verdicts: Verdicts): boolean {
  return verdicts.primary || verdicts.standbyLeader;
}

function isSynced(
  verdicts: Verdicts,
  facts: HealthFacts,
  wanted: "sync" | "quorum",
): boolean {
  return facts.hasView && facts.syncState === wanted && verdicts.replica;
}

function isLagging(facts: HealthFacts, query: HealthQuery): boolean {
  const limit = lagLimitBytes(query);
  if (limit === null) return false;
  const leader = leaderPosition(facts);
  return leader > 0n && leader > (facts.replayedLsn ?? 0n) + limit;
}

/** Any text may be asked for; one that is no state matches nobody. */
function isReplicating(facts: HealthFacts, query: HealthQuery): boolean {
  const wanted = query.get("replication_state");
  return wanted === undefined || wanted === facts.replicationState;
}

function leaderPosition(facts: HealthFacts): bigint {
  return maxLsn(facts.leaderLsn, facts.upstreamLsn) ?? 0n;
}

/** Null: no limit was given, or none that can be read. */
function lagLimitBytes(query: HealthQuery): bigint | null {
  const bytes = parseInteger(query.get("lag") ?? "", "B");
  return bytes === null || !Number.isFinite(bytes) ? null : BigInt(bytes);
}

function areTagsMatched(facts: HealthFacts, query: HealthQuery): boolean {
  for (const [parameter, wanted] of query) {
    if (!parameter.startsWith("tag_")) continue;
    const name = parameter.slice("tag_".length);
    if (!Object.hasOwn(facts.tags, name)) return false;
    if (tagText(facts.tags[name]) !== wanted) return false;
  }
  return true;
}

/** Texts as they stand; `true`, `1` or `1.4` for other types. */
function tagText(value: unknown): string {
  if (typeof value === "string") return value;
  return value === null ? "none" : String(value).toLowerCase();
}

function containsAny(path: string, parts: readonly string[]): boolean {
  return parts.some((part) => path.includes(part));
}

function isAny(path: string, paths: readonly string[]): boolean {
  return paths.includes(path);
}
