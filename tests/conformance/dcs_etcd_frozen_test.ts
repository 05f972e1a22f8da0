/**
 * An etcd node that is frozen, or whose host is: its kernel keeps the connections
 * and takes new ones. No call may wait for it.
 */
import assert from "node:assert/strict";
import { EtcdClient } from "../../lib/adapters/etcd/client.ts";
import { ScopeKeys } from "../../lib/adapters/etcd/keys.ts";
import type { EtcdTls } from "../../lib/adapters/etcd/options.ts";
import { readScope } from "../../lib/adapters/etcd/requests.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { RealClock } from "./dcs_clock.ts";
import { certificate } from "./dcs_etcd_access.ts";
import { isRefused, LIMITS } from "./dcs_fixture.ts";

const clock = new RealClock();
const reading = readScope(new ScopeKeys("/service/etcd"));
const skipReason = etcdSkipReason();
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
/** gRPC looks after a dead connection for some seconds longer. */
const COMMON = {
  ignore: skipReason !== null,
  sanitizeOps: false,
  sanitizeResources: false,
};

for (const scheme of ["http", "https"] as const) {
  Deno.test({
    name: `etcd: a frozen node does not cost its share (${scheme})${suffix}`,
    ...COMMON,
    fn: () =>
      withClient(scheme, async (servers, client) => {
        await client.call(reading, LIMITS);
        servers.freeze();
        // The call would say that its time was over, or gRPC that its ping was.
        await isRefused(
          client.call(reading, { timeoutMs: 3_000 }),
          /nothing answers there/,
          DcsUnreachableError,
        );
        const { endpoint } = client;
        for (const node of servers.nodes) {
          if (node.endpoint !== endpoint) node.thaw();
        }
        await client.call(reading, LIMITS);
        assert.notEqual(client.endpoint, endpoint);
        servers.thaw();
      }),
  });

  Deno.test({
    name: `etcd: a slow node that lives is not left (${scheme})${suffix}`,
    ...COMMON,
    fn: () =>
      withClient(scheme, async (_, client) => {
        await client.call(reading, LIMITS);
        const { departures, endpoint } = client;
        await client.call(async (etcd, options) => {
          await clock.sleep(1_500);
          return await reading(etcd, options);
        }, LIMITS);
        assert.deepEqual([client.endpoint, client.departures], [
          endpoint,
          departures,
        ]);
      }),
  });
}

async function withClient(
  scheme: "http" | "https",
  use: (servers: EtcdServers, client: EtcdClient) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "matriarch-tls-" });
  try {
    const tls = scheme === "https" ? await certificates(directory) : null;
    await using servers = await EtcdServers.start({
      nodes: 3,
      ...(tls === null ? {} : { tls: tls.server }),
    });
    const { endpoints } = servers;
    const client = new EtcdClient({
      endpoints,
      ...(tls === null ? {} : { tls: tls.client }),
    }, clock);
    await use(servers, client);
    client.close();
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function certificates(directory: string): Promise<{
  readonly server: { cert: string; key: string; clientCa: string };
  readonly client: EtcdTls;
}> {
  const ca = await certificate(directory, "ca", null);
  const server = await certificate(directory, "server", ca);
  const client = await certificate(directory, "client", ca);
  return {
    server: { ...server, clientCa: ca.cert },
    client: { cacert: ca.cert, ...client },
  };
}
