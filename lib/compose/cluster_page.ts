/** Connects the cluster page with a member's agent. */
import type { HostVips } from "../adapters/os/vip_host.ts";
import { OnlookerHttp } from "../adapters/peers/onlooker_http.ts";
import {
  lookAtProxies,
  type ProxyQuestion,
} from "../adapters/peers/proxy_looks.ts";
import type { PeersOptions } from "../adapters/peers/client_options.ts";
import type { Agent } from "../agent/agent.ts";
import type { DcsMeter } from "../agent/dcs_meter.ts";
import type { LocalConfig } from "../config/local_config.ts";
import type { UiParts } from "../http/context.ts";
import type { RestSettings } from "../http/rest_settings.ts";
import { callMember } from "./member_call.ts";
import type { PostgresView } from "../core/model/postgres_view.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { AgentApi } from "../ports/agent_api.ts";
import type { Clock } from "../ports/clock.ts";
import type { DcsNode } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { Watchdog } from "../ports/watchdog.ts";
import { ClusterFeed } from "../ui/feed.ts";
import type { OwnFacts, VipFacts } from "../ui/own_facts.ts";
import { StoreNodes } from "../ui/store_nodes.ts";
import { MATRIARCH_VERSION } from "./versions.ts";

/** What it shows, and where that comes from. */
interface PageParts {
  readonly config: LocalConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly agent: Pick<Agent, "last">;
  readonly dcs: Pick<DcsMeter, "health" | "nodes">;
  readonly proxy: Pick<ProxyProcess, "state"> | null;
  readonly watchdog: Pick<Watchdog, "isActive"> | null;
  readonly vip: Pick<HostVips, "acquired">;
  readonly peers: () => PeersOptions;
  readonly current: {
    readonly rest: RestSettings;
    readonly config: LocalConfig;
  };
}

/** The page of a member. */
export function clusterPage(api: AgentApi, parts: PageParts): UiParts {
  const { clock, log, peers } = parts;
  const { scope, name } = api.identity;
  const startedAtMs = clock.wallTimeMs();
  let known: ClusterView | null = null;
  const feed = new ClusterFeed({
    clock,
    onlooker: new OnlookerHttp(peers),
    proxies: () => lookAtProxies(proxyQuestion(parts.current.config)),
    source: () => {
      const { view, dcsLastSeen } = api.glance();
      known = view ?? known;
      return {
        ...{ scope, shownBy: name, view: known, proxy: null },
        storeAwaySinceMs: view === null
          ? Math.max(dcsLastSeen * 1000, startedAtMs)
          : null,
        hasActions: parts.current.rest.credentials !== null,
      };
    },
    onError: (error) =>
      log.warning("The cluster page could not be made", { error }),
  });
  parts.agent.last.onSeen(() => feed.seen());
  const nodes = new StoreNodes(parts.dcs, clock);
  return {
    feed,
    ownFacts: async () => ownFacts(api, parts, await nodes.now()),
    callMember: (call) => callMember(call, peers()),
  };
}

/** Stand-alone proxies mostly have the login that the member's own has. */
function proxyQuestion(
  { scope, proxy, uiProxies }: LocalConfig,
): ProxyQuestion {
  const { statsUsername: username = null, statsPassword: password = null } =
    proxy ?? {};
  return {
    ...{ urls: uiProxies, scope },
    login: username === null || password === null
      ? null
      : { username, password },
  };
}

function ownFacts(
  api: AgentApi,
  parts: PageParts,
  nodes: readonly DcsNode[],
): OwnFacts {
  const { config, dcs, proxy, watchdog } = parts;
  const { dcsLastSeen, hasWatchdogFailed, lastDecision, postgres } = api
    .glance();
  const state = proxy?.state() ?? null;
  return {
    version: MATRIARCH_VERSION,
    proxy: state === null ? null : {
      version: state.version,
      sessions: state.sessions,
      held: state.held,
      isFenceArmed: state.isFenceArmed,
    },
    watchdog: hasWatchdogFailed
      ? "failed"
      : watchdog === null
      ? "off"
      : watchdog.isActive
      ? "active"
      : "ready",
    vips: vipFacts(config, parts.vip),
    store: {
      kind: config.dcs.kind,
      ...{ ...dcs.health, nodes },
      seenAtMs: dcsLastSeen * 1000,
    },
    upstream: upstreamFacts(postgres),
    isUpstreamTold: postgres.kind === "running",
    decision: lastDecision,
  };
}

function upstreamFacts(postgres: PostgresView): OwnFacts["upstream"] {
  if (postgres.kind !== "running" || postgres.role !== "replica") return null;
  const { upstream, isStreaming } = postgres;
  return upstream === null ? null : { ...upstream, isStreaming };
}

/** The host itself knows best which addresses it has, unless a program moves them. */
function vipFacts(
  { vip }: LocalConfig,
  { acquired }: Pick<HostVips, "acquired">,
): readonly VipFacts[] {
  if (vip.length === 0) return [];
  const here = new Set(
    Deno.networkInterfaces().map(({ address }) => address),
  );
  return vip.map(({ address, exec }) => ({
    address,
    isCarried: exec === null ? here.has(address) : acquired.includes(address),
  }));
}
