/**
 * Virtual addresses of stand-alone proxies over a memory store: who carries them
 * when, with time that the test moves. On real stores: tests/conformance; with
 * real networks: tests/fault/proxy_vip_test.ts.
 */
import assert from "node:assert/strict";
import type { VipObstacle } from "../../lib/core/calc/host/vip_election.ts";
import { BARE_VIP, type VipGroup } from "../../lib/core/model/vip.ts";
import { VipElection } from "../../proxy/vip_election.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { KeptLog } from "../helpers/tcp.ts";
import { ToyCarrier } from "../helpers/toy_carrier.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import { MemoryStore } from "../sim/dcs_memory_store.ts";

const TTL_MS = 6_000;
const STEP_MS = 50;

function group(name: string, more: Partial<VipGroup> = {}): VipGroup {
  return {
    ...{ group: name, priority: 100, isPreempting: false },
    vips: [{
      ...{ address: `10.0.0.${name.length}`, prefixLength: 24 },
      ...{ interface: "eth0", role: "proxy", isReplicaFallback: false },
      ...{ gateway: null, ...BARE_VIP, announceEveryMs: null },
    }],
    ...more,
  };
}

/** One proxy's part. */
interface Part {
  readonly carrier: ToyCarrier;
  readonly dcs: MemoryDcs;
  readonly log: KeptLog;
  readonly election: VipElection;
  obstacle: VipObstacle | null;
}

/** Proxies of one scope; after every step at most one of them carries an address. */
class Rig {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore(this.clock);
  readonly parts: Part[] = [];

  add(...groups: readonly VipGroup[]): Part {
    return this.#add(groups, null);
  }

  /** A proxy on the host of another one, to which that one leaves its addresses. */
  addHeir(of: Part, ...groups: readonly VipGroup[]): Part {
    return this.#add(groups, of);
  }

  #add(groups: readonly VipGroup[], before: Part | null): Part {
    const { clock } = this;
    const dcs = new MemoryDcs(this.store, "/service/demo");
    const carrier = before?.carrier ?? new ToyCarrier(clock);
    const log = new KeptLog();
    const id = `p${this.parts.length + 1}`;
    const election = new VipElection({
      ...{ clock, dcs, log, carrier, groups, id, name: id, ttlMs: TTL_MS },
      heirOf: before?.election.id ?? null,
      obstacle: () => part.obstacle,
    });
    const part: Part = { carrier, dcs, log, election, obstacle: null };
    this.parts.push(part);
    return part;
  }

  carriers(address: string): readonly Part[] {
    return this.parts.filter(({ carrier }) =>
      carrier.addresses.includes(address)
    );
  }

  async pass(ms: number): Promise<void> {
    for (let past = 0; past < ms; past += STEP_MS) {
      await this.clock.advance(STEP_MS);
      const hosts = new Set(this.parts.map(({ carrier }) => carrier));
      const all = [...hosts].flatMap(({ addresses }) => addresses);
      assert.equal(new Set(all).size, all.length, "one carrier at a time");
    }
  }

  async end(): Promise<void> {
    for (const { dcs, election } of this.parts) {
      dcs.heal();
      const ending = election.end();
      await this.pass(3_000);
      await ending;
      await dcs.close();
    }
  }
}

const WEB = "10.0.0.3";

Deno.test("vip election: the first one carries, and keeps it beside a higher one", async () => {
  const rig = new Rig();
  const first = rig.add(group("web"));
  await rig.pass(2_000);
  rig.add(group("web", { priority: 200 }));
  await rig.pass(20_000);
  assert.deepEqual(rig.carriers(WEB), [first]);
  const web = { group: "web", addresses: [WEB], carrier: "p1" };
  const told = rig.parts.map(({ election }) => election.stats());
  assert.deepEqual(told, [
    [{ ...web, isCarried: true }],
    [{ ...web, isCarried: false }],
  ]);
  await rig.end();
  assert.deepEqual(rig.carriers(WEB), []);
});

Deno.test("vip election: a higher one that preempts is given the address", async () => {
  const rig = new Rig();
  rig.add(group("web"));
  await rig.pass(2_000);
  const high = rig.add(
    group("web", { priority: 200, isPreempting: true }),
  );
  await rig.pass(2_000);
  assert.deepEqual(rig.carriers(WEB), [high]);
  await rig.end();
});

Deno.test("vip election: of those that are left the highest one follows", async () => {
  const rig = new Rig();
  const first = rig.add(group("web", { priority: 120 }));
  await rig.pass(1_500);
  rig.add(group("web", { priority: 90 }));
  const third = rig.add(group("web", { priority: 110 }));
  await rig.pass(2_000);
  const ending = first.election.end();
  await rig.pass(1_000);
  await ending;
  assert.deepEqual(rig.carriers(WEB), [third]);
  await rig.end();
});

Deno.test("vip election: one that is cut off from the store loses it in time, another one follows", async () => {
  const rig = new Rig();
  const first = rig.add(group("web"));
  await rig.pass(1_500);
  const second = rig.add(group("web"));
  await rig.pass(1_500);
  first.dcs.cutOff();
  await rig.pass(2 * TTL_MS);
  assert.deepEqual(rig.carriers(WEB), [second]);
  assert.ok(
    first.log.lines.some((line) => /Cannot renew the lease/.test(line)),
  );
  first.dcs.heal();
  await rig.pass(2 * TTL_MS);
  assert.deepEqual(rig.carriers(WEB), [second]);
  await rig.end();
});

Deno.test("vip election: nobody carries it while the store is away, and one when it is back", async () => {
  const rig = new Rig();
  rig.add(group("web"));
  rig.add(group("web"));
  await rig.pass(2_000);
  for (const { dcs } of rig.parts) dcs.cutOff();
  await rig.pass(TTL_MS);
  assert.deepEqual(rig.carriers(WEB), []);
  for (const { dcs } of rig.parts) dcs.heal();
  await rig.pass(TTL_MS);
  assert.equal(rig.carriers(WEB).length, 1);
  await rig.end();
});

Deno.test("vip election: one without carrier, right or clients leaves it to another one", async () => {
  for (
    const hinder of [
      (part: Part) => void (part.carrier.isUp = false),
      (part: Part) => void (part.carrier.missing = "no right"),
      (part: Part) => void (part.obstacle = { kind: "ending" }),
    ]
  ) {
    const rig = new Rig();
    const first = rig.add(group("web"));
    await rig.pass(1_500);
    const second = rig.add(group("web"));
    await rig.pass(1_500);
    assert.deepEqual(rig.carriers(WEB), [first]);
    hinder(first);
    await rig.pass(2_500);
    assert.deepEqual(rig.carriers(WEB), [second]);
    await rig.end();
  }
});

Deno.test("vip election: one that cannot bind lets another one try, and stays away for a while", async () => {
  const rig = new Rig();
  const first = rig.add(group("web"));
  first.carrier.isRefused = true;
  await rig.pass(1_500);
  const second = rig.add(group("web"));
  await rig.pass(8_000);
  assert.deepEqual(rig.carriers(WEB), [second]);
  await rig.pass(30_000);
  assert.deepEqual(rig.carriers(WEB), [second]);
  await rig.end();
});

Deno.test("vip election: the key stays as long as the address may be here", async () => {
  const rig = new Rig();
  const first = rig.add(group("web"));
  await rig.pass(1_500);
  rig.add(group("web"));
  await rig.pass(1_500);
  first.carrier.isStuck = true;
  first.obstacle = { kind: "ending" };
  // `pass` finds two carriers if the key goes before the address.
  await rig.pass(2 * TTL_MS);
  first.carrier.isStuck = false;
  await rig.end();
});

Deno.test("vip election: groups have a carrier each", async () => {
  const rig = new Rig();
  const first = rig.add(group("web"), group("reads", { priority: 50 }));
  await rig.pass(1_500);
  const second = rig.add(
    group("web"),
    group("reads", { priority: 60, isPreempting: true }),
  );
  await rig.pass(3_000);
  assert.deepEqual(rig.carriers(WEB), [first]);
  assert.deepEqual(rig.carriers("10.0.0.5"), [second]);
  await rig.end();
});

Deno.test("vip election: a deleted key is bid for again", async () => {
  const rig = new Rig();
  rig.add(group("web"));
  rig.add(group("web"));
  await rig.pass(2_000);
  const limits = { timeoutMs: 1_000 };
  const removed = rig.parts[0]?.dcs.removeScope(limits);
  await rig.pass(3_000);
  await removed;
  assert.equal(rig.carriers(WEB).length, 1);
  await rig.end();
});

Deno.test("vip election: a proxy that is replaced leaves its addresses to the next one of its host", async () => {
  const rig = new Rig();
  const first = rig.add(
    group("web", { priority: 150, isPreempting: true }),
    group("reads"),
  );
  await rig.pass(2_000);
  const other = rig.add(group("web"), group("reads"));
  await rig.pass(2_000);
  await first.election.handOn(new Set(["web"]));
  assert.deepEqual(first.carrier.addresses, [WEB], "the rest is given back");
  const heir = rig.addHeir(first, group("web"));
  for (let steps = 0; steps < 2 * TTL_MS / STEP_MS; steps++) {
    await rig.pass(STEP_MS);
    assert.deepEqual(heir.carrier.addresses, [WEB], "it never goes");
  }
  assert.deepEqual(other.carrier.addresses, ["10.0.0.5"]);
  assert.equal(heir.election.stats()[0]?.isCarried, true);
  assert.ok(heir.log.lines.some((line) => /takes over the addr/.test(line)));
  await rig.end();
});

Deno.test("vip election: addresses that nobody takes up go to another host in time", async () => {
  const rig = new Rig();
  const first = rig.add(group("web"));
  await rig.pass(2_000);
  const other = rig.add(group("web"));
  await first.election.handOn(new Set(["web"]));
  await rig.pass(2 * TTL_MS);
  assert.deepEqual(rig.carriers(WEB), [other]);
  await rig.end();
});
