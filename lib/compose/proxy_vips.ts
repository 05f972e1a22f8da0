/** Connects a stand-alone proxy with the election of its virtual addresses. */
import { randomUUID } from "node:crypto";
import { runHostProgram } from "../adapters/os/host_programs.ts";
import { HostVips } from "../adapters/os/vip_host.ts";
import type { ProxyHostConfig } from "../config/proxy_host.ts";
import type { VipObstacle } from "../core/calc/host/vip_election.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { Proxy } from "../../proxy/proxy.ts";
import type { Stats } from "../../proxy/stats.ts";
import { VipElection } from "../../proxy/vip_election.ts";

/** What is connected. */
interface ProxyVipParts {
  readonly config: ProxyHostConfig;
  readonly dcs: Dcs;
  /** The election whose addresses on this host are left to this one; null: of none. */
  readonly heirOf: string | null;
  readonly proxy: Pick<Proxy, "showVips" | "stats">;
  readonly clock: Clock;
  readonly log: Log;
}

/** Takes part in the election; null: no address is configured. Says at once what this host lacks. */
export async function takePartInVips(
  { config, dcs, heirOf, proxy, clock, log }: ProxyVipParts,
): Promise<VipElection | null> {
  const { vipGroups: groups, proxy: { vipTtlMs: ttlMs } } = config;
  if (groups.length === 0) return null;
  const carrier = new HostVips({ clock, log, run: runHostProgram });
  await carrier.check(groups.flatMap(({ vips }) => vips));
  const election = new VipElection({
    ...{ clock, dcs, log, carrier, groups, ttlMs, heirOf },
    id: randomUUID(),
    // Hosts with the same file are told apart.
    name: config.isNamed ? config.name : Deno.hostname(),
    obstacle: () => obstacleOf(proxy.stats()),
  });
  proxy.showVips(() => election.stats());
  return election;
}

/** What keeps a proxy with these statistics from being the one that clients come to. */
export function obstacleOf(
  { state, dcs, routes }: Pick<Stats, "state" | "dcs" | "routes">,
): VipObstacle | null {
  if (state !== "running") return { kind: "ending" };
  if (dcs.kind === "not_read_yet") return { kind: "scope_unread" };
  const { primary, replicas, exclusions } = routes;
  const hasMember = primary !== null || replicas.length > 0 ||
    exclusions.some(({ name }) => name !== null);
  return hasMember ? null : { kind: "no_member" };
}
