/**
 * How etcd is found, on real nodes: SRV records, host names, the member list, and
 * nodes that move, die, or are of another cluster.
 */
import assert from "node:assert/strict";
import { EtcdClient } from "../../lib/adapters/etcd/client.ts";
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import { ScopeKeys } from "../../lib/adapters/etcd/keys.ts";
import type { EtcdOptions } from "../../lib/adapters/etcd/options.ts";
import { readScope } from "../../lib/adapters/etcd/requests.ts";
import {
  type EtcdResolver,
  SystemResolver,
} from "../../lib/adapters/etcd/resolver.ts";
import { moment } from "../../lib/core/base/units.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { EtcdServers, etcdSkipReason } from "../helpers/etcd.ts";
import { LostHost } from "../helpers/lost_host.ts";
import { RealClock } from "./dcs_clock.ts";
import { SrvServer } from "./dcs_etcd_dns.ts";
import {
  contents,
  eventually,
  LIMITS,
  put,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";

const clock = new RealClock();
const scopePath = "/service/etcd";
const keys = new ScopeKeys(scopePath);
const skipReason = etcdSkipReason();
const suffix = skipReason === null ? "" : ` (skipped: ${skipReason})`;
/** gRPC looks after a dead connection for some seconds longer. */
const COMMON = {
  ignore: skipReason !== null,
  sanitizeOps: false,
  sanitizeResources: false,
};

/** A clock that can be put forward. */
class SkippingClock extends RealClock {
  skippedMs = 0;

  override now() {
    return moment(performance.now() + this.skippedMs);
  }
}

/** Hosts as told, services as the private DNS server tells. */
function resolverOf(
  hosts: ReadonlyMap<string, readonly string[]>,
  dns?: SrvServer,
): EtcdResolver {
  const system = new SystemResolver(dns === undefined ? [] : [dns.address]);
  return {
    services: (name) => system.services(name),
    addresses: (host) => {
      const found = hosts.get(host);
      return found === undefined
        ? Promise.reject(new Error(`no host ${host}`))
        : Promise.resolve(found);
    },
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

Deno.test({
  name: `etcd: SRV records of clients and of peers lead to the nodes${suffix}`,
  ...COMMON,
  fn: async (t) => {
    await using servers = await EtcdServers.start();
    await using dns = await SrvServer.start();
    const [node] = servers.nodes;
    assert.ok(node);
    const resolver = resolverOf(new Map([["e1.test", ["127.0.0.1"]]]), dns);
    const open = (more: Partial<EtcdOptions>): DcsEtcd =>
      new DcsEtcd({
        ...{ endpoints: [], srv: "db.test", resolver, scopePath, clock },
        ...more,
      });
    const works = async (more: Partial<EtcdOptions>): Promise<void> => {
      const dcs = open(more);
      await put(dcs, "config", "{}");
      assert.deepEqual(await contents(dcs), { config: "{}" });
      await dcs.close();
    };
    const client = { host: "e1.test", port: portOf(node.endpoint) };
    const peer = { host: "e1.test", port: portOf(node.peerUrl) };
    await t.step(
      "none at all is unreachable, until there are some",
      async () => {
        const dcs = open({});
        // Six questions, each of which a busy machine may answer late.
        await assert.rejects(dcs.readFresh({ timeoutMs: 8_000 }), {
          name: "DcsUnreachableError",
          message: /etcd at db\.test.*no etcd service of the domain db\.test/,
        });
        assert.deepEqual(dns.asked.slice(0, 6), [
          "_etcd-client-ssl._tcp.db.test",
          "_etcd-client._tcp.db.test",
          "_etcd-ssl._tcp.db.test",
          "_etcd._tcp.db.test",
          "_etcd-server-ssl._tcp.db.test",
          "_etcd-server._tcp.db.test",
        ]);
        dns.records.set("_etcd-client._tcp.db.test", [client]);
        await put(dcs, "config", "{}");
        await dcs.close();
      },
    );
    await t.step("clients", () => works({}));
    await t.step("with a suffix", async () => {
      dns.records.clear();
      dns.records.set("_etcd-blue._tcp.db.test", [client]);
      await works({ srvSuffix: "blue" });
    });
    await t.step("peers, which know the clients' addresses", async () => {
      dns.records.clear();
      dns.records.set("_etcd-server._tcp.db.test", [peer]);
      await works({});
    });
  },
});

Deno.test({
  name: `etcd: a client of one node finds all, wherever they move${suffix}`,
  ...COMMON,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const endpoints = servers.endpoints.slice(0, 1);
    const ttlClock = new SkippingClock();
    const client = new EtcdClient({ endpoints }, ttlClock);
    client.refreshEvery(200_000);
    const reads = async (): Promise<void> => {
      await client.call(readScope(keys), LIMITS);
    };
    await reads();
    await eventually(
      () => client.endpoints.length === 3,
      () => client.endpoints,
    );
    assert.deepEqual(
      client.endpoints.toSorted(),
      servers.endpoints.toSorted(),
    );
    // Not in use: seen when the time for it comes, no earlier.
    const idle = await servers.move(2);
    await reads();
    assert.ok(!client.endpoints.includes(idle.endpoint));
    ttlClock.skippedMs += 200_000;
    await eventually(async () => {
      await reads();
      ttlClock.skippedMs += 200_000;
      return client.endpoints.includes(idle.endpoint);
    }, () => client.endpoints);
    // In use, and the only one that was configured.
    assert.equal(client.endpoint, endpoints[0]);
    const first = await servers.move(0);
    await reads();
    assert.notEqual(client.endpoint, endpoints[0]);
    ttlClock.skippedMs += 200_000;
    await eventually(async () => {
      await reads();
      ttlClock.skippedMs += 200_000;
      return client.endpoints.includes(first.endpoint);
    }, () => client.endpoints);
    await servers.nodes[1]?.kill();
    await reads();
    client.close();
  },
});

Deno.test({
  name: `etcd: a host name is followed to other addresses${suffix}`,
  ...COMMON,
  fn: async () => {
    await using servers = await EtcdServers.start();
    const hosts = new Map([["etcd.test", ["127.0.0.9"]]]);
    const port = portOf(servers.endpoints[0] ?? "");
    const client = new EtcdClient({
      endpoints: [`http://etcd.test:${port}`],
      resolver: resolverOf(hosts),
    }, clock);
    await assert.rejects(
      client.call(readScope(keys), SHORT_LIMITS),
      DcsUnreachableError,
    );
    hosts.set("etcd.test", ["127.0.0.9", "127.0.0.1"]);
    await client.call(readScope(keys), LIMITS);
    assert.equal(client.endpoint, `http://127.0.0.1:${port}`);
    hosts.delete("etcd.test");
    await client.call(readScope(keys), LIMITS);
    client.close();
  },
});

Deno.test({
  name: `etcd: proxies are used as they are${suffix}`,
  ...COMMON,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const endpoints = servers.endpoints.slice(0, 1);
    const client = new EtcdClient({ endpoints, isProxied: true }, clock);
    const [node] = servers.nodes;
    await client.call(readScope(keys), LIMITS);
    await node?.kill();
    await assert.rejects(
      client.call(readScope(keys), SHORT_LIMITS),
      DcsUnreachableError,
    );
    assert.deepEqual(client.endpoints, endpoints);
    client.close();
  },
});

Deno.test({
  name:
    `etcd: a host that is gone does not cost its share of the time${suffix}`,
  ...COMMON,
  fn: async () => {
    await using servers = await EtcdServers.start();
    using lost = await LostHost.start();
    const [endpoint = ""] = servers.endpoints;
    const endpoints = [`http://127.0.0.1:${lost.port}`, endpoint];
    const client = new EtcdClient({ endpoints }, clock);
    let isAnswered = false;
    const answer = client.call(readScope(keys), { timeoutMs: 600_000 })
      .then(() => isAnswered = true);
    // Its share would be half of the limit.
    await eventually(() => isAnswered, () => client.endpoint);
    await answer;
    assert.equal(client.endpoint, endpoint);
    client.close();
  },
});

Deno.test({
  name: `etcd: a node that is slow to answer is not left${suffix}`,
  ...COMMON,
  fn: async () => {
    await using servers = await EtcdServers.start({ nodes: 3 });
    const { endpoints } = servers;
    const client = new EtcdClient({ endpoints }, clock);
    await client.call(readScope(keys), LIMITS);
    const used = client.endpoint;
    const { departures } = client;
    const slow = client.call(async (etcd, options) => {
      await clock.sleep(1_500);
      return await readScope(keys)(etcd, options);
    }, LIMITS);
    await slow;
    assert.equal(client.endpoint, used);
    assert.equal(client.departures, departures);
    client.close();
  },
});

Deno.test({
  name: `etcd: nothing is written at another cluster's address${suffix}`,
  ...COMMON,
  fn: async () => {
    await using other = await EtcdServers.start();
    const [advertise = ""] = other.endpoints;
    await using servers = await EtcdServers.start({ advertise });
    const { endpoints } = servers;
    const dcs = new DcsEtcd({ endpoints, scopePath, clock });
    await put(dcs, "leader", "n1");
    await eventually(
      async () => (await servers.callCounts()).get("MemberList") === 1,
      () => "the members were not asked for",
    );
    await servers.nodes[0]?.kill();
    await eventually(async () => {
      await assert.rejects(
        dcs.write(
          {
            when: [],
            edits: [{ kind: "put", key: "leader", value: "n1", session: null }],
          },
          { timeoutMs: 3000 },
        ),
        DcsUnreachableError,
      );
      return ((await other.callCounts()).get("MemberList") ?? 0) > 0;
    }, () => "the named address was never looked at");
    await dcs.close();
    const stranger = new DcsEtcd({ endpoints: [advertise], scopePath, clock });
    assert.deepEqual(await contents(stranger), {});
    await stranger.close();
  },
});
