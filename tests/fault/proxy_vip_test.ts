/**
 * The address of two proxy hosts, with everything real: members, etcd, two
 * stand-alone proxies, a client that writes through the address all the time. One
 * fault of the host that carries it after the other; the kernels' own records say
 * that it is never on two hosts.
 */
import assert from "node:assert/strict";
import type { Section } from "../helpers/agent_member.ts";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { AddressHistory } from "./bench/address_history.ts";
import { acksOf, type Attempt } from "./bench/history.ts";
import { type BenchMember, PORTS } from "./bench/member.ts";
import { BenchProxy, printedConfig } from "./bench/proxy_host.ts";
import { shell, tryShell } from "./bench/shell.ts";
import { stealAddress } from "./bench/faults/wires.ts";
import { killEtcd } from "./bench/faults/store.ts";

const LANE = "proxies";

/** A bench with two proxy hosts that share an address. */
class Scene implements AsyncDisposable {
  readonly bench: FaultBench;
  readonly address: string;
  readonly proxies: readonly BenchProxy[];
  readonly addresses: AddressHistory;
  readonly #vip: Section;

  private constructor(bench: FaultBench, proxies: readonly BenchProxy[]) {
    this.bench = bench;
    [this.#vip] = Object(printedConfig(bench)["vip"]);
    this.address = String(this.#vip["address"]).replace("/24", "");
    this.proxies = proxies;
    const hosts = proxies.map(({ host }) => host);
    this.addresses = new AddressHistory(hosts, this.address);
  }

  static async open(): Promise<Scene> {
    const bench = await FaultBench.running({ config: { vip: [] } });
    try {
      const proxies = [
        await BenchProxy.on(bench, "p1", 51),
        await BenchProxy.on(bench, "p2", 52),
      ];
      return new Scene(bench, proxies);
    } catch (error) {
      await bench[Symbol.asyncDispose]();
      throw error;
    }
  }

  vip(more: object = {}): Readonly<Record<string, unknown>>[] {
    return [{ ...this.#vip, ...more }];
  }

  other(proxy: BenchProxy): BenchProxy {
    const found = this.proxies.find((one) => one !== proxy);
    assert.ok(found !== undefined);
    return found;
  }

  async until(what: string, look: () => boolean): Promise<void> {
    try {
      await this.bench.until(what, () => Promise.resolve(look()));
    } catch (error) {
      const logs = this.proxies.map((one) => one.log().slice(-4_000));
      throw new Error(logs.join("\n-----\n"), { cause: error });
    }
  }

  /** Waits until that proxy says it. */
  async untilSaid(proxy: BenchProxy, what: RegExp): Promise<void> {
    const before = proxy.log().length;
    await this.until(
      `${proxy.host.name} says ${what}`,
      () => what.test(proxy.log().slice(before)),
    );
  }

  /** Waits until that host alone has the address, the client knows it there, and writes through it. */
  async untilServes(proxy: BenchProxy, leader: BenchMember): Promise<void> {
    const { host } = proxy;
    await this.until(`${host.name} alone carries the address`, () => {
      const carriers = this.addresses.carriers();
      return carriers.length === 1 && carriers[0] === host;
    });
    await this.bench.untilWrites(LANE, leader);
    assert.equal(await this.neighbour(), await hardwareOf(host.namespace));
  }

  /** The hardware address that the client has for the virtual one. */
  async neighbour(): Promise<string | null> {
    const { namespace } = this.bench.client;
    const { output } = await tryShell([
      ...["ip", "-n", namespace, "neighbour", "show", this.address],
    ]);
    return /lladdr (\S+)/.exec(output)?.[1] ?? null;
  }

  /** Prints when the address was there again, and for how long nobody could write through it. */
  tell(fault: Struck, heir: BenchProxy): void {
    const since = this.addresses.carriedSince(heir.host) ?? NaN;
    const gone = this.addresses.lostAt(this.other(heir).host) ?? NaN;
    const acked = acksOf(this.bench.history().slice(fault.attempts), LANE);
    const gaps = acked.slice(1).map(({ endedMs }, at) =>
      endedMs - (acked[at]?.endedMs ?? NaN)
    );
    const seconds = (ms: number) => (ms / 1000).toFixed(2);
    console.log(
      `${fault.name}: gone after ${
        seconds(gone - fault.atMs)
      } s, there after ` +
        `${seconds(since - fault.atMs)} s, no write for ` +
        `${seconds(Math.max(...gaps))} s`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.addresses[Symbol.asyncDispose]();
    await this.bench[Symbol.asyncDispose]();
  }
}

/** A fault, and when. */
interface Struck {
  readonly name: string;
  readonly atMs: number;
  /** How many attempts the recorder had made. */
  readonly attempts: number;
}

async function metricsOf({ host }: BenchProxy): Promise<string> {
  const response = await fetch(`http://${host.address}:${PORTS.stats}/metrics`);
  return await response.text();
}

async function hardwareOf(namespace: string): Promise<string> {
  const links: unknown = JSON.parse(
    await shell(["ip", "-n", namespace, "-j", "link", "show", "dev", "eth0"]),
  );
  const [link] = Array.isArray(links) ? links : [];
  return String(Object(link)["address"]);
}

/** Where the last write through the address stands in the recorder's history. */
function lastAck(history: readonly Attempt[]): number {
  return history.findLastIndex(({ lane, outcome }) =>
    lane === LANE && outcome.kind === "acked"
  );
}

type Fault = readonly [
  name: string,
  strike: (scene: Scene, proxy: BenchProxy) => Promise<() => Promise<void>>,
];

const FAULTS: readonly Fault[] = [
  ["proxy killed", (scene, proxy) => {
    proxy.signal("SIGKILL");
    return Promise.resolve(async () => {
      await proxy.ended();
      proxy.start(scene.vip());
    });
  }],
  ["proxy frozen", (_, proxy) => {
    proxy.signal("SIGSTOP");
    return Promise.resolve(() => {
      proxy.signal("SIGCONT");
      return Promise.resolve();
    });
  }],
  ["host cut off", ({ bench }, { host }) => {
    const all = bench.network.hosts.filter((one) => one !== host);
    return bench.network.cut(host, all);
  }],
  [
    "cut off from the store",
    ({ bench }, { host }) => bench.network.cut(host, bench.etcd),
  ],
  ["cable pulled", async ({ bench }, { host }) => {
    await bench.network.unplug(host);
    return () => bench.network.plugIn(host);
  }],
  ["proxy stopped", (scene, proxy) => {
    proxy.signal("SIGTERM");
    return Promise.resolve(async () => {
      await proxy.ended();
      proxy.start(scene.vip());
    });
  }],
];

faultTest("fault: VIP of two proxy hosts under every fault", async () => {
  await using scene = await Scene.open();
  const { addresses, bench, proxies: [first, second] } = scene;
  assert.ok(first !== undefined && second !== undefined);
  const leader = await bench.untilWhole();
  first.start(scene.vip());
  const lane = { name: LANE, host: scene.address, port: PORTS.primary };
  await bench.record([lane]);
  await scene.untilServes(first, leader);
  second.start(scene.vip({ priority: 200 }));
  await scene.untilSaid(second, /The proxy p1 carries the addresses/);
  second.signal("SIGTERM");
  await second.ended();
  second.start(scene.vip());
  await scene.untilSaid(second, /The proxy p1 carries the addresses/);
  let carrier = first;
  for (const [name, strike] of FAULTS) {
    const heir = scene.other(carrier);
    await bench.untilWrites(LANE, leader);
    const attempts = lastAck(bench.history());
    const struck = { name, atMs: Date.now(), attempts };
    const undo = await strike(scene, carrier);
    await scene.untilServes(heir, leader);
    scene.tell(struck, heir);
    const said = scene.untilSaid(carrier, /carries the addresses of group/);
    await undo();
    await said;
    assert.deepEqual(addresses.carriers(), [heir.host], name);
    carrier = heir;
  }
  const undo = await killEtcd(bench);
  await scene.until(
    "nobody carries it without the store",
    () => addresses.carriers().length === 0,
  );
  await undo();
  await scene.until(
    "one carries it when the store is back",
    () => addresses.carriers().length === 1,
  );
  assert.deepEqual(addresses.overlaps(), []);
});

faultTest(
  "fault: VIP of two proxy hosts, priorities and bad hosts",
  async () => {
    await using scene = await Scene.open();
    const { addresses, bench, proxies: [first, second] } = scene;
    assert.ok(first !== undefined && second !== undefined);
    await bench.untilWhole();
    first.start(scene.vip());
    await scene.until(
      "the first carries it",
      () => addresses.carriers()[0] === first.host,
    );
    assert.match(
      await metricsOf(first),
      /\nmatriarch_proxy_vip_carried\{scope="batman",group="proxy"\} 1\n/,
    );
    second.start(scene.vip({ priority: 200, preempt: true }));
    await scene.until(
      "the one that preempts carries it",
      () => addresses.carriers()[0] === second.host,
    );
    assert.match(first.log(), /gives .* away: a proxy of a higher priority/);

    const bad = [
      [{ interface: "eth7" }, /this host has no interface eth7/],
      [{}, /this process lacks CAP_NET_ADMIN/],
    ] as const;
    for (const [more, sentence] of bad) {
      second.signal("SIGTERM");
      await second.ended();
      await scene.until(
        "the other one carries it",
        () => addresses.carriers()[0] === first.host,
      );
      const rights = "interface" in more ? "may carry addresses" : "none";
      const said = [sentence, /does not stand for the addresses/]
        .map((text) => scene.untilSaid(second, text));
      const vip = scene.vip({ priority: 200, preempt: true, ...more });
      second.start(vip, rights);
      await Promise.all(said);
      assert.deepEqual(addresses.carriers(), [first.host]);
    }
    second.signal("SIGTERM");
    await second.ended();

    const thief = await bench.network.addHost("x1", 41);
    first.signal("SIGTERM");
    await first.ended();
    const giveBack = await stealAddress(bench, thief, scene.address);
    const told = scene.untilSaid(first, /answers for it on eth0/);
    const doubted = scene.untilSaid(first, /10\.99\.0\.9 is in no subnet/);
    const foreign = { address: "10.99.0.9", interface: "eth0", role: "proxy" };
    first.start([...scene.vip(), { ...foreign, group: "foreign" }]);
    await Promise.all([told, doubted]);
    assert.deepEqual(addresses.carriers(), []);
    await giveBack();
    await scene.until(
      "it is bound when the stranger lets go",
      () => addresses.carriers()[0] === first.host,
    );
    assert.deepEqual(addresses.overlaps(), []);
  },
);

faultTest(
  "fault: VIP of a proxy that is reloaded and replaced stays where it is",
  async () => {
    await using scene = await Scene.open();
    const { addresses, bench, proxies: [first, second] } = scene;
    assert.ok(first !== undefined && second !== undefined);
    const leader = await bench.untilWhole();
    first.start(scene.vip());
    const lane = { name: LANE, host: scene.address, port: PORTS.primary };
    await bench.record([lane]);
    await scene.untilServes(first, leader);
    second.start(scene.vip());
    await scene.untilSaid(second, /The proxy p1 carries the addresses/);

    const reloaded = scene.untilSaid(first, /takes over the addresses/);
    first.configure(scene.vip({ priority: 150 }));
    first.signal("SIGHUP");
    await reloaded;
    await scene.untilServes(first, leader);

    const replaced = scene.untilSaid(first, /takes over the addresses/);
    first.signal("SIGUSR2");
    await replaced;
    await scene.untilServes(first, leader);
    assert.equal(addresses.lostAt(first.host), null);
    assert.equal(addresses.carriedSince(second.host), null);

    first.configure([]);
    first.signal("SIGHUP");
    await scene.untilServes(second, leader);
    first.configure(scene.vip({ priority: 150, preempt: true }));
    first.signal("SIGHUP");
    await scene.untilServes(first, leader);
    assert.deepEqual(addresses.overlaps(), []);
  },
);
