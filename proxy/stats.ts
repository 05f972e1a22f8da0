/** The proxy's statistics as one plain value, and as Prometheus text. */
import type {
  Backend,
  Exclusion,
  ExclusionReason,
} from "../lib/core/model/routes.ts";
import type { Facts } from "../lib/core/model/decision.ts";
import type {
  PortBalance,
  PortTarget,
} from "../lib/core/calc/host/port_routes.ts";
import type { PerDoor, Route } from "./doors.ts";
import type { BackendField, RouteTotals } from "./ledger_plan.ts";
import type { FenceStats } from "./fence_record.ts";
import type { RouteChange } from "./route_table.ts";
import type { DcsHealth } from "./routes.ts";
import { type Histogram, type Timing, TIMINGS } from "./timings.ts";

/** One door, now and in total. */
export interface RouteStats extends RouteTotals {
  readonly port: number;
  readonly to: PortTarget;
  readonly balance: PortBalance;
  readonly connectionsMax: number;
  /** Names of the members that new clients get now. */
  readonly backends: readonly string[];
  readonly sessions: number;
  readonly held: number;
  /** Of those held: who waits for a place on a server. */
  readonly inQueue: number;
  readonly times: Readonly<Record<Timing, Histogram>>;
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
  /** Sessions of one server; 0: no limit. */
  readonly serverConnectionsMax: number;
  /** Clients of one port that may wait for a place there. */
  readonly queueMax: number;
  readonly routes: {
    readonly primary: Backend | null;
    readonly replicas: readonly Backend[];
    readonly exclusions: readonly Exclusion[];
  };
  readonly ports: PerDoor<RouteStats>;
  readonly backends: readonly BackendStats[];
  /** Newest first. */
  readonly changes: readonly RouteChange[];
}

/** Facts may hold a bigint, which JSON has no word for. */
export function statsJson(
  stats: Stats | { readonly clusters: readonly Stats[] },
): string {
  return JSON.stringify(
    stats,
    (_key, value: unknown) => typeof value === "bigint" ? `${value}` : value,
  );
}

interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly samples: readonly {
    /** Of a histogram's parts; absent: none. */
    readonly suffix?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

/**
 * The statistics of one cluster or several in Prometheus' text format.
 *
 * Source: Prometheus, "Exposition formats", text-based format 0.0.4.
 */
export function prometheusText(...all: readonly Stats[]): string {
  const families = new Map<string, { head: Metric; lines: string[] }>();
  for (const stats of all) {
    for (const metric of metricsOf(stats)) {
      const name = `matriarch_proxy_${metric.name}`;
      const family = families.get(name) ?? { head: metric, lines: [] };
      families.set(name, family);
      for (const { suffix = "", labels, value } of metric.samples) {
        const labelled = labelText({ scope: stats.scope, ...labels });
        family.lines.push(`${name}${suffix}${labelled} ${value}\n`);
      }
    }
  }
  return [...families].map(([name, { head: { help, type }, lines }]) =>
    `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`
  ).join("");
}

function metricsOf(stats: Stats): readonly Metric[] {
  return [
    ...routeMetrics(stats),
    ...timeMetrics(stats),
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

/** Name, help and what is counted. */
const COUNTERS: readonly (readonly [string, string, keyof RouteTotals])[] = [
  ["accepted", "Clients accepted.", "accepted"],
  ["connected", "Clients that got a backend.", "connected"],
  ["waited", "Clients that had to wait.", "waited"],
  ["hold_timeouts", "Clients that waited in vain (57P03).", "holdTimeouts"],
  ["too_many", "Clients refused as too many (53300).", "tooMany"],
  ["gone", "Clients that left while waiting.", "gone"],
  ["cut", "Sessions cut because the route changed.", "cut"],
  ["garbage", "Clients that spoke another protocol.", "garbage"],
  ["crowded", "Silent clients that made room for others.", "crowded"],
  ["idle", "Sessions ended because nothing moved.", "idle"],
  [
    "throttled",
    "Clients refused as too many of a source at once.",
    "throttled",
  ],
  ["late", "Clients that did not finish their first packet.", "late"],
  ["denied", "Clients from networks that are not allowed.", "denied"],
  ["queued", "Clients that had to wait for a place on a server.", "queued"],
  [
    "queue_timeouts",
    "Clients that waited for a place in vain (53300).",
    "queueTimeouts",
  ],
  [
    "queue_full",
    "Clients refused because too many waited already (53300).",
    "queueFull",
  ],
];

function routeMetrics(stats: Stats): readonly Metric[] {
  const ports = Object.entries(stats.ports)
    .map(([route, port]) => ({ route, port }));
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
  return [
    metric(
      gauge("sessions", "Clients joined to a backend."),
      (p) => p.sessions,
    ),
    metric(gauge("held", "Clients that wait for a backend."), (p) => p.held),
    metric(
      gauge("in_queue", "Clients that wait for a place on a server."),
      (p) => p.inQueue,
    ),
    metric(
      gauge("routed_backends", "Backends that new clients may get."),
      (p) => p.backends.length,
    ),
    ...COUNTERS.map(([name, help, event]) =>
      metric(counter(name, help), (p) => p[event])
    ),
  ];
}

const TIMES: Readonly<Record<Timing, string>> = {
  hold: "How long clients waited for a backend that had to wait.",
  session: "How long clients that have gone were joined to a backend.",
  dial: "How long it took until a backend was connected.",
  queue: "How long clients waited for a place on a server that had to wait.",
};

function timeMetrics(stats: Stats): readonly Metric[] {
  const ports = Object.entries(stats.ports);
  return TIMINGS.map((timing) => ({
    name: `${timing}_seconds`,
    type: "histogram",
    help: TIMES[timing],
    samples: ports.flatMap(([route, { times }]) =>
      histogramSamples(route, times[timing])
    ),
  }));
}

function histogramSamples(
  route: Route,
  { bounds, counts, sum }: Histogram,
): Metric["samples"] {
  const buckets = counts.map((value, at) => ({
    suffix: "_bucket",
    labels: { route, le: String(bounds[at] ?? "+Inf") },
    value,
  }));
  return [
    ...buckets,
    { suffix: "_sum", labels: { route }, value: sum },
    { suffix: "_count", labels: { route }, value: counts.at(-1) ?? 0 },
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
    samples: backendSamples(stats, valueOf),
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
    {
      name: "backend_connections",
      type: "gauge",
      help: "Sessions on the backend now.",
      samples: backendSamples(stats, (b) => b.sessions),
    },
    metric("outages", "Times it could not be reached.", (b) => b.outages),
    {
      name: "backend_failing",
      type: "gauge",
      help: "Whether clients are led elsewhere because it cannot be reached.",
      samples: backendSamples(stats, (b) => Number(b.failing > 0)),
    },
  ];
}

function backendSamples(
  stats: Stats,
  valueOf: (backend: BackendStats) => number,
): Metric["samples"] {
  return stats.backends.map((backend) => ({
    labels: {
      route: backend.route,
      name: backend.name,
      address: `${backend.host}:${backend.port}`,
    },
    value: valueOf(backend),
  }));
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
  pooler_unknown: "has published no usable pooler (postgresql.proxy_address)",
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
