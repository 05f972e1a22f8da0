/** The proxy's statistics as one plain value, and as Prometheus text. */
import type {
  Backend,
  Exclusion,
  ExclusionReason,
} from "../lib/core/calc/host/routing.ts";
import type { Facts } from "../lib/core/model/decision.ts";
import type { BackendField, Route, RouteTotals } from "./ledger.ts";
import type { FenceStats } from "./fence_record.ts";
import type { RouteChange } from "./route_table.ts";
import type { DcsHealth } from "./routes.ts";

/** One door, now and in total. */
export interface RouteStats extends RouteTotals {
  readonly port: number;
  readonly sessions: number;
  readonly held: number;
}

/** One backend on one route, now and in total. */
export interface BackendStats
  extends Backend, Readonly<Record<BackendField, number>> {
  readonly route: Route;
  readonly isRouted: boolean;
}

/** What the local agent last said; null: no agent spoke. */
export interface AgentStats {
  readonly pid: number;
  readonly isConnected: boolean;
  readonly role: string;
  readonly leaseRemainingMs: number | null;
}

/** The proxy that this one replaced, while it still has sessions. */
export interface PredecessorStats {
  readonly pid: number;
  readonly version: string;
  readonly sessions: number;
}

/** One group of virtual addresses of a stand-alone proxy. */
export interface VipStats {
  readonly group: string;
  readonly addresses: readonly string[];
  /** This proxy holds them now. */
  readonly isCarried: boolean;
  /** The name of the proxy that does; null: none, or nobody knows. */
  readonly carrier: string | null;
}

/** The document at `/stats`. */
export interface Stats {
  readonly pid: number;
  readonly version: string;
  readonly scope: string;
  readonly name: string | null;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly state: "running" | "draining";
  /** How bytes are moved, in a word. */
  readonly dataPlane: string;
  readonly dcs: DcsHealth;
  readonly agent: AgentStats | null;
  /** Null: no fence here, as on an application host. */
  readonly fence: FenceStats | null;
  readonly predecessor: PredecessorStats | null;
  /** Empty where no address of a stand-alone proxy is configured. */
  readonly vips: readonly VipStats[];
  readonly connectionsMax: number;
  readonly routes: {
    readonly primary: Backend | null;
    readonly replicas: readonly Backend[];
    readonly exclusions: readonly Exclusion[];
  };
  readonly ports: Readonly<Record<Route, RouteStats>>;
  readonly backends: readonly BackendStats[];
  /** Newest first. */
  readonly changes: readonly RouteChange[];
}

/** Facts may hold a bigint, which JSON has no word for. */
export function statsJson(stats: Stats): string {
  return JSON.stringify(
    stats,
    (_key, value: unknown) => typeof value === "bigint" ? `${value}` : value,
  );
}

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly samples: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

/**
 * The statistics in Prometheus' text format.
 *
 * Source: Prometheus, "Exposition formats", text-based format 0.0.4.
 */
export function prometheusText(stats: Stats): string {
  const metrics = [
    ...routeMetrics(stats),
    ...backendMetrics(stats),
    ...fenceMetrics(stats.fence),
    ...vipMetrics(stats.vips),
    {
      name: "predecessor_sessions",
      type: "gauge",
      help: "Sessions that a replaced proxy still serves.",
      samples: [{ labels: {}, value: stats.predecessor?.sessions ?? 0 }],
    } as const,
  ];
  return metrics.map((metric) => {
    const name = `matriarch_proxy_${metric.name}`;
    const samples = metric.samples.map(({ labels, value }) =>
      `${name}${labelText({ scope: stats.scope, ...labels })} ${value}\n`
    );
    return `# HELP ${name} ${metric.help}\n# TYPE ${name} ${metric.type}\n` +
      samples.join("");
  }).join("");
}

function fenceMetrics(fence: FenceStats | null): readonly Metric[] {
  if (fence === null) return [];
  const counter = (name: string, help: string, value: number): Metric => ({
    name: `${name}_total`,
    type: "counter",
    help,
    samples: [{ labels: {}, value }],
  });
  return [
    counter("fencings", "Primaries taken from a silent agent.", fence.fencings),
    counter(
      "fencings_called_off",
      "Fencings ended by an agent that came back.",
      fence.calledOff,
    ),
    counter(
      "leader_keys_given_back",
      "Leader keys given back after a fencing.",
      fence.keysGivenBack,
    ),
  ];
}

function vipMetrics(vips: readonly VipStats[]): readonly Metric[] {
  if (vips.length === 0) return [];
  const samples = vips.map(({ group, isCarried }) => ({
    labels: { group },
    value: Number(isCarried),
  }));
  const help = "Whether this proxy holds the addresses of the group.";
  return [{ name: "vip_carried", type: "gauge", help, samples }];
}

function routeMetrics(stats: Stats): readonly Metric[] {
  const ports = [
    { route: "primary", port: stats.ports.primary },
    { route: "replica", port: stats.ports.replica },
  ];
  const metric = (
    head: Omit<Metric, "samples">,
    valueOf: (port: RouteStats) => number,
  ): Metric => ({
    ...head,
    samples: ports.map(({ route, port }) => ({
      labels: { route },
      value: valueOf(port),
    })),
  });
  const gauge = (name: string, help: string) =>
    ({ name, help, type: "gauge" }) as const;
  const counter = (name: string, help: string) =>
    ({ name: `${name}_total`, help, type: "counter" }) as const;
  const backendsOf = (port: RouteStats): number =>
    port === stats.ports.primary
      ? Number(stats.routes.primary !== null)
      : stats.routes.replicas.length;
  return [
    metric(
      gauge("sessions", "Clients joined to a backend."),
      (p) => p.sessions,
    ),
    metric(gauge("held", "Clients that wait for a backend."), (p) => p.held),
    metric(gauge("routed_backends", "Backends that new clients may get."), (
      p,
    ) => backendsOf(p)),
    metric(counter("accepted", "Clients accepted."), (p) => p.accepted),
    metric(
      counter("connected", "Clients that got a backend."),
      (p) => p.connected,
    ),
    metric(counter("hold_timeouts", "Clients that waited in vain (57P03)."), (
      p,
    ) => p.holdTimeouts),
    metric(
      counter("too_many", "Clients refused as too many (53300)."),
      (p) => p.tooMany,
    ),
    metric(
      counter("gone", "Clients that left while they waited."),
      (p) => p.gone,
    ),
    metric(
      counter("cut", "Sessions cut because the route changed."),
      (p) => p.cut,
    ),
    metric(
      counter("garbage", "Clients that spoke another protocol."),
      (p) => p.garbage,
    ),
    metric(
      counter("crowded", "Silent clients that made room for others."),
      (p) => p.crowded,
    ),
    metric(
      counter("late", "Clients that did not finish their first packet."),
      (p) => p.late,
    ),
    metric(
      counter("denied", "Clients from networks that are not allowed."),
      (p) => p.denied,
    ),
  ];
}

function backendMetrics(stats: Stats): readonly Metric[] {
  const metric = (
    name: string,
    help: string,
    valueOf: (backend: BackendStats) => number,
  ): Metric => ({
    name: `backend_${name}_total`,
    type: "counter",
    help,
    samples: stats.backends.map((backend) => ({
      labels: {
        route: backend.route,
        name: backend.name,
        address: `${backend.host}:${backend.port}`,
      },
      value: valueOf(backend),
    })),
  });
  return [
    metric(
      "sessions",
      "Sessions given to the backend.",
      (b) => b.sessionsTotal,
    ),
    metric(
      "sent_bytes",
      "Bytes from clients to the backend.",
      (b) => b.bytesSent,
    ),
    metric(
      "received_bytes",
      "Bytes from the backend to clients.",
      (b) => b.bytesReceived,
    ),
    metric("dial_failures", "Connections that failed.", (b) => b.dialFailures),
  ];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const texts = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')
      .replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return `{${texts.join(",")}}`;
}

/** Why the primary route leads nowhere, as a sentence for a client. */
export function exclusionSentence(exclusion: Exclusion): string {
  const who = exclusion.name === null ? "" : `Member "${exclusion.name}" `;
  return `${who}${SENTENCES[exclusion.reason]}${factsText(exclusion.facts)}.`;
}

const SENTENCES: Readonly<Record<ExclusionReason, string>> = {
  no_leader: "There is no leader at the moment",
  leader_unknown: "is the leader, but has published no address yet",
  is_leader: "is the leader",
  not_primary: "is the leader, but not (yet) a primary",
  not_replica: "is not a replica",
  not_running: "is not running",
  not_streaming: "does not stream",
  lag_exceeds_maximum: "is too far behind",
  lag_time_exceeds_maximum: "has been behind for too long",
  stopping: "is about to stop or restart",
  position_unknown: "has published no position",
  noloadbalance: "is not load balanced (tag noloadbalance)",
  address_unknown: "has published no usable address",
  other_zone: "is in another zone",
  lease_over: "cannot have renewed its lease, the DCS is away",
  handover_requested: "is about to hand over to another leader",
  local_not_primary: "is no longer a primary, its agent says",
  local_lease_passed: "has not renewed its lease",
  local_fenced: "is fenced: its agent is dead or frozen",
};

function factsText(facts: Facts): string {
  const texts = Object.entries(facts).map(([name, value]) =>
    `${name}: ${value}`
  );
  return texts.length === 0 ? "" : ` (${texts.join(", ")})`;
}
