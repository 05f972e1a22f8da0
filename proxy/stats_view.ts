/** Makes the statistics of a running proxy out of its parts. */
import { backendKey } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Fence } from "./fence.ts";
import type { Front } from "./front.ts";
import {
  type PortRoutes,
  portRoutes,
} from "../lib/core/calc/host/port_routes.ts";
import { doorsOf, type DoorSpec, perDoor, type Route } from "./doors.ts";
import type { Ledger } from "./ledger.ts";
import type { BackendTotals } from "./ledger_plan.ts";
import type { LocalAgent } from "./local_agent.ts";
import type { ProxyOptions } from "./options.ts";
import type { Predecessor } from "./predecessor.ts";
import type { RouteWatch } from "./routes.ts";
import type {
  AgentStats,
  BackendStats,
  PredecessorStats,
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
  const doors = doorsOf(options);
  const ways = new Map(
    doors.map(({ name, rule }) => [name, portRoutes(watch.routes, rule)]),
  );
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
    serverConnectionsMax: options.serverConnectionsMax,
    queueMax: options.queueMax,
    routes: { primary, replicas, exclusions },
    ports: perDoor(doors.map(({ name }) => name), (name) => ({
      ...front.ledger.sums.totals(name),
      ...doorStats(doors, name, ways.get(name)),
      port: front.ports[name] ?? 0,
      times: front.ledger.sums.times(name),
      inQueue: front.ledger.sums.inLine(name),
      ...clientsOf(front.ledger, [name]),
    })),
    backends: front.ledger.sums.backends().map((b) =>
      backendStats(b, ways.get(b.route))
    ),
    changes: watch.changes,
  };
}

/** Clients of some doors, now. */
export function clientsOf(
  ledger: Ledger,
  routes: readonly Route[] = ledger.routes,
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

function doorStats(
  doors: readonly DoorSpec[],
  name: Route,
  way: PortRoutes | undefined,
) {
  const door = doors.find((one) => one.name === name);
  return {
    to: door?.rule.to ?? "leader",
    balance: door?.balance ?? "least",
    connectionsMax: door?.connectionsMax ?? 0,
    backends: (way?.tiers[0] ?? []).map((backend) => backend.name),
  };
}

/** New clients may get those of the first list; the others wait for their turn. */
function backendStats(
  totals: BackendTotals,
  way: PortRoutes | undefined,
): BackendStats {
  const key = backendKey(totals.backend);
  const isRouted = (way?.tiers[0] ?? []).some((b) => backendKey(b) === key);
  const { backend, ...numbers } = totals;
  return { ...backend, ...numbers, isRouted };
}
