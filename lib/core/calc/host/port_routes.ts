/**
 * Where one client port leads, of a routing table: which members of it serve the
 * port's kind of clients, in what order of preference, and whose sessions may go
 * on although no new ones come.
 */
import type { MemberName } from "../../model/member.ts";
import { drainedBackends } from "./routing.ts";
import {
  type Backend,
  backendKey,
  type MemberTraits,
  type Routes,
} from "../../model/routes.ts";

/** What a port leads to. */
export type PortTarget =
  /** The one instance that takes writes. */
  | "leader"
  /** Any replica that is fresh enough. */
  | "replica"
  /** Such a replica that is a synchronous standby. */
  | "sync"
  /** Such a replica that is none. */
  | "async"
  /** The leader, also that of a standby cluster, and such replicas. */
  | "any"
  /** The leader of a standby cluster. */
  | "standby_leader";

/** All of them. */
export const PORT_TARGETS = [
  ...["leader", "replica", "sync", "async", "any"] as const,
  "standby_leader",
] as const satisfies readonly PortTarget[];

/** How a port spreads its clients. */
export type PortBalance =
  /** To the server with the fewest sessions; equal ones take turns. */
  | "least"
  /** In turns, whatever sessions there are. */
  | "round_robin"
  /** Each source to the same server, for as long as that is there. */
  | "source";

/** All of them. */
export const BALANCES = [
  "least",
  "round_robin",
  "source",
] as const satisfies readonly PortBalance[];

/** How a port chooses among the members of a table. */
export interface PortRule {
  readonly to: PortTarget;
  /** Members with this `zone` tag are preferred; null: as the proxy has it. */
  readonly zone: string | null;
  /** The leader serves when nobody else can; null: as the proxy has it. */
  readonly isFallback: boolean | null;
}

/** The way of one port. */
export interface PortRoutes {
  /** For new clients; a later list only if nobody of the earlier ones can be had. */
  readonly tiers: readonly (readonly Backend[])[];
  /** No new clients, but those they have may go on. */
  readonly resting: readonly Backend[];
  /** Of all these, who is about to be stopped as planned. */
  readonly drained: readonly Backend[];
}

/** Whether a port leads to one instance at the most. */
export function isSingle({ to }: PortRule): boolean {
  return to === "leader" || to === "standby_leader";
}

/**
 * The way of a port with that rule. A member of weight 0 gets no new readers.
 */
export function portRoutes(table: Routes, rule: PortRule): PortRoutes {
  if (rule.to === "leader") return leaderRoutes(table);
  const { leaderReads } = table;
  if (rule.to === "standby_leader") {
    return standbyRoutes(leaderReads?.isStandby ? leaderReads : null);
  }
  const leader = leaderReads === null || leaderReads.isResting
    ? []
    : [leaderReads.backend];
  const isOpen = ({ name }: Backend): boolean =>
    traitsOf(table, name).weight > 0;
  const pool = [...table.readers, ...(rule.to === "any" ? leader : [])]
    .filter((backend) => isOpen(backend) && isOfKind(table, rule, backend));
  const near = pool.filter(({ name }) => isNear(table, rule, name));
  const far = pool.filter((backend) => !near.includes(backend));
  const isFallback = rule.isFallback ?? table.isReplicaFallback;
  const last = isFallback && rule.to !== "any" ? leader : [];
  const tiers = [near, far, last].filter((tier) => tier.length > 0);
  const open = new Set(tiers.flat().map(backendKey));
  const isLeaderUsed = rule.to === "any" || isFallback;
  const finishing = isLeaderUsed && leaderReads?.isResting
    ? [leaderReads.backend]
    : [];
  const stopping = [...drainedBackends(table, "replica"), ...finishing];
  const resting = unique([...table.readers, ...table.resting, ...finishing])
    .filter((backend) => !open.has(backendKey(backend)));
  const stoppingKeys = new Set(stopping.map(backendKey));
  const drained = resting.filter((one) => stoppingKeys.has(backendKey(one)));
  return { tiers, resting, drained };
}

/** What is known of a member of the table. */
export function traitsOf(table: Routes, name: MemberName): MemberTraits {
  return table.traits[name] ?? NO_TRAITS;
}

const NO_TRAITS: MemberTraits = {
  zone: null,
  weight: 1,
  isSync: false,
  isNear: true,
};

function leaderRoutes({ primary, primaryResting }: Routes): PortRoutes {
  const resting = primaryResting === null ? [] : [primaryResting];
  const tiers = primary === null ? [] : [[primary]];
  return { tiers, resting, drained: resting };
}

function standbyRoutes(leader: Routes["leaderReads"]): PortRoutes {
  if (leader === null) return { tiers: [], resting: [], drained: [] };
  const { backend, isResting } = leader;
  return isResting
    ? { tiers: [], resting: [backend], drained: [backend] }
    : { tiers: [[backend]], resting: [], drained: [] };
}

function isOfKind(
  table: Routes,
  { to }: PortRule,
  { name }: Backend,
): boolean {
  if (to !== "sync" && to !== "async") return true;
  return traitsOf(table, name).isSync === (to === "sync");
}

function isNear(
  table: Routes,
  { zone }: PortRule,
  name: MemberName,
): boolean {
  const traits = traitsOf(table, name);
  return zone === null ? traits.isNear : traits.zone === zone;
}

function unique(backends: readonly Backend[]): readonly Backend[] {
  return [...new Map(backends.map((one) => [backendKey(one), one])).values()];
}
