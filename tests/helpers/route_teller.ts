/**
 * The part of an agent that tells proxies the routes, alone: `route_teller.ts PORT
 * ETCD_HOSTS`, for `bench:route-change`.
 */
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { RouteFeed } from "../../lib/agent/route_feed.ts";
import { openDcsTarget } from "../../lib/compose/dcs.ts";
import { decodeProxyHost } from "../../lib/config/proxy_host.ts";
import { eventReply } from "../../lib/http/event_reply.ts";

const [port = "0", hosts = ""] = Deno.args;
const etcd3 = { hosts: hosts.split(",") };
const { dcs: config, namespace, scope } = decodeProxyHost({
  scope: "bench",
  etcd3,
});
if (config === null) throw new Error("no store");
const dcs = await openDcsTarget({ config, namespace, scope, group: null });
const feed = new RouteFeed({ clock: new SystemClock(), dcs, scope });
feed.run(new AbortController().signal);
Deno.serve(
  { hostname: "127.0.0.1", port: Number(port) },
  () => eventReply(feed),
);
