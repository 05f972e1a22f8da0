/** Containers of one cluster in memory: their volumes, and etcd's list of members. */
import assert from "node:assert/strict";
import type { EtcdMember, EtcdStatus } from "../core/model/etcd_member.ts";
import type { EtcdOrder } from "../core/model/etcd_order.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { KeptLog } from "../../tests/helpers/tcp.ts";
import { ContainerKeeper } from "./keeper.ts";
import { storeClientUrl, storePeerUrl } from "./paths.ts";
import { readIdentity } from "./variables.ts";

const PEERS = "db1,db2,db3";

class World {
  readonly clock = new ManualClock();
  readonly log = new KeptLog();
  readonly up = new Set<string>();
  readonly orders = new Map<string, EtcdOrder>();
  readonly keepers = new Map<string, ContainerKeeper>();
  /** etcd's list; empty: no majority answers. */
  members: EtcdMember[] = [];
  /** Ids of those that answer. */
  alive: string[] = [];
  removed: string[] = [];
  leaderId = "1";

  keeper(name: string): ContainerKeeper {
    const { clock, log, orders } = this;
    this.up.add(name);
    const keeper = new ContainerKeeper({
      ...{
        clock,
        log,
        identity: readIdentity({ MATRIARCH_PEERS: PEERS }, name),
      },
      neighbours: {
        ask: async (other) =>
          this.up.has(other)
            ? await this.keepers.get(other)?.greeting() ?? null
            : null,
      },
      folder: {
        order: () => Promise.resolve(orders.get(name) ?? null),
        setOrder: (order) => {
          orders.set(name, order);
          return Promise.resolve();
        },
        hasData: () => Promise.resolve(orders.get(name)?.kind === "member"),
        knownEndpoints: () => Promise.resolve([]),
      },
      admin: {
        members: () =>
          this.members.length === 0
            ? Promise.reject(new Error("no quorum"))
            : Promise.resolve({ clusterId: "77", members: this.members }),
        status: (endpoint) => this.#status(endpoint),
        remove: (_endpoint, id) => {
          this.members = this.members.filter((one) => one.id !== id);
          this.removed.push(id);
          return Promise.resolve();
        },
      },
    });
    this.keepers.set(name, keeper);
    return keeper;
  }

  #status(endpoint: string): Promise<EtcdStatus> {
    const one = this.members.find(({ clientUrls }) =>
      clientUrls.includes(endpoint)
    );
    if (one === undefined || !this.alive.includes(one.id)) {
      return Promise.reject(new Error("silent"));
    }
    return Promise.resolve({
      ...{ clusterId: "77", memberId: one.id, version: "3.5.16" },
      ...{ leaderId: this.leaderId, isLearner: false, raftTerm: 1 },
      ...{ raftIndex: 1, revision: 1, dbBytes: 1, usedBytes: 1 },
    });
  }

  /** Lets so much time pass that each container has looked some times. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      await this.clock.advance(500);
      await this.clock.advance(0);
    }
  }
}

function member(id: string, name: string): EtcdMember {
  return {
    ...{ id, name, peerUrl: storePeerUrl(name), isLearner: false },
    clientUrls: [storeClientUrl(name)],
  };
}

const THREE = ["db1", "db2", "db3"].map((name, i) => member(`${i + 1}`, name));
const OF_MEMBER: EtcdOrder = { kind: "member", clusterId: "77", memberId: "2" };

Deno.test("keeper: three empty volumes found one cluster, when the last has come", async () => {
  const world = new World();
  const [db1, db2] = [world.keeper("db1"), world.keeper("db2")];
  const ending = new AbortController();
  const ready = [db1, db2].map((one) => one.untilReady(ending.signal));
  await world.pass(60_000);
  assert.equal(world.orders.size, 0);
  assert.match(world.log.lines.join("\n"), /no answer yet from db3/);
  ready.push(world.keeper("db3").untilReady(ending.signal));
  await world.pass(5_000);
  await Promise.all(ready);
  const orders = [...world.orders.values()].map((one) => JSON.stringify(one));
  assert.equal(orders.length, 3);
  assert.equal(new Set(orders).size, 1);
  assert.match(orders[0] ?? "", /"found".*db1.*db2.*db3/);
});

Deno.test("keeper: an empty volume beside silent members waits, then comes in anew", async () => {
  const world = new World();
  world.orders.set("db1", OF_MEMBER);
  world.keeper("db1");
  const ending = new AbortController();
  const ready = world.keeper("db3").untilReady(ending.signal);
  await world.pass(60_000);
  assert.equal(world.orders.get("db3"), undefined);
  assert.match(world.log.lines.join("\n"), /has been founded, so it joins/);
  world.members = [...THREE];
  world.alive = ["1", "2"];
  await world.pass(5_000);
  await ready;
  assert.deepEqual(world.removed, ["3"]);
  assert.equal(world.orders.get("db3")?.kind, "join");
});

Deno.test("keeper: who is told to stop while it waits has founded nothing", async () => {
  const world = new World();
  const ending = new AbortController();
  const ready = world.keeper("db1").untilReady(ending.signal);
  await world.pass(2_000);
  ending.abort();
  await ready;
  assert.equal(world.orders.size, 0);
});

Deno.test("keeper: an added container that is silent for a minute is taken out once", async () => {
  const world = new World();
  world.orders.set("db1", { ...OF_MEMBER, memberId: "1" });
  world.members = [...THREE, member("4", "db4"), member("5", "db5")];
  world.alive = ["1", "2", "4", "5"];
  const ending = new AbortController();
  const running = world.keeper("db1").run(ending.signal);
  await world.pass(120_000);
  assert.deepEqual(world.removed, [], "a silent founder stays");
  world.alive = ["1", "2", "5"];
  await world.pass(50_000);
  assert.deepEqual(world.removed, []);
  await world.pass(30_000);
  assert.deepEqual(world.removed, ["4"]);
  ending.abort();
  await world.pass(500);
  await running;
});

Deno.test("keeper: a member that was taken out while it runs comes in anew", async () => {
  const world = new World();
  world.orders.set("db4", { ...OF_MEMBER, memberId: "4" });
  world.members = [...THREE];
  world.alive = ["1", "2", "3"];
  const ending = new AbortController();
  const running = world.keeper("db4").run(ending.signal);
  await world.pass(10_000);
  assert.equal(world.orders.get("db4")?.kind, "rejoin");
  ending.abort();
  await world.pass(500);
  await running;
});

Deno.test("keeper: only an added container takes its vote with it", async () => {
  const world = new World();
  world.members = [...THREE, member("4", "db4")];
  world.orders.set("db2", OF_MEMBER);
  await world.keeper("db2").leave();
  assert.deepEqual(world.removed, []);
  world.orders.set("db4", { ...OF_MEMBER, memberId: "4" });
  await world.keeper("db4").leave();
  assert.deepEqual(world.removed, ["4"]);
});
