/** Makes the statistics of a running proxy out of its parts. */
import { backendKey, type Routes } from "../lib/core/calc/host/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Fence } from "./fence.ts";
import type { Front } from "./front.ts";
import {
  type BackendTotals,
  type Ledger,
  type Route,
  ROUTES,
} from "./ledger.ts";
import type { LocalAgent } from "./local_agent.ts";
import type { ProxyOptions } from "./options.ts";
import type { Predecessor } from "./predecessor.ts";
import type { RouteWatch } from "./routes.ts";
import type {
  AgentStats,
  BackendStats,
  PredecessorStats,
  RouteStats,
  Stats,
  VipStats,
} from "./stats.ts";

/** The parts that know something. */
export interface StatsSources {
  readonly options: ProxyOptions;
  readonly clock: Clock;
  readonly front: Front;
  readonly watch: RouteWatch;
  readonly agent: LocalAgent;
  readonly fence: Fence | null;
  readonly predecessor: Predecessor | null;
  readonly vips: readonly VipStats[];
  readonly state: Stats["state"];
  /** By the wall clock. */
  readonly startedAtMs: number;
  readonly clientsMax: number;
}

/** Everything that is known, for the statistics port. */
export function statsOf(sources: StatsSources): Stats {
  const { agent, clock, fence, front, options, watch } = sources;
  const { primary, replicas, exclusions } = watch.routes;
  return {
    pid: Deno.pid,
    version: options.version,
    scope: options.scope,
    name: options.memberName,
    startedAt: new Date(sources.startedAtMs).toISOString(),
    state: sources.state,
    dataPlane: front.kind,
    dcs: watch.health,
    agent: agentStats(agent, clock),
    fence: fence?.stats ?? null,
    predecessor: predecessorStats(sources.predecessor),
    vips: sources.vips,
    connectionsMax: sources.clientsMax,
    routes: { primary, replicas, exclusions },
    ports: {
      primary: routeStats(front, "primary"),
      replica: routeStats(front, "replica"),
    },
    backends: front.ledger.sums.backends().map((b) =>
      backendStats(b, watch.routes)
    ),
    changes: watch.changes,
  };
}

/** Clients of some doors, now. */
export function clientsOf(
  ledger: Ledger,
  routes: readonly Route[] = ROUTES,
): { readonly sessions: number; readonly held: number } {
  const sessions = ledger.sums.backends()
    .filter((backend) => routes.includes(backend.route))
    .reduce((sum, backend) => sum + backend.sessions, 0);
  const inside = routes.map((one) => ledger.sums.inside(one))
    .reduce((sum, count) => sum + count, 0);
  return { sessions, held: Math.max(0, inside - sessions) };
}

function agentStats(agent: LocalAgent, clock: Clock): AgentStats | null {
  if (agent.heartbeat === null) return null;
  const { pid, role, leaseDeadlineMs } = agent.heartbeat;
  return {
    pid,
    role,
    isConnected: agent.presence.isConnected,
    leaseRemainingMs: leaseDeadlineMs === null
      ? null
      : leaseDeadlineMs - clock.now(),
  };
}

function predecessorStats(
  predecessor: Predecessor | null,
): PredecessorStats | null {
  const state = predecessor?.state ?? null;
  if (state === null) return null;
  const { pid, version, sessions } = state;
  return { pid, version, sessions };
}

function routeStats(front: Front, route: Route): RouteStats {
  return {
    ...front.ledger.sums.totals(route),
    port: front.ports[route],
    ...clientsOf(front.ledger, [route]),
  };
}

function backendStats(totals: BackendTotals, routes: Routes): BackendStats {
  const { primary, replicas } = routes;
  const open = totals.route === "replica" ? replicas : [primary];
  const key = backendKey(totals.backend);
  const isRouted = open.some((b) => b !== null && backendKey(b) === key);
  const { backend, ...numbers } = totals;
  return { ...backend, ...numbers, isRouted };
}
