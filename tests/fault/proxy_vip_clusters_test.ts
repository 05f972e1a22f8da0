/**
 * Addresses of a proxy for several clusters: two proxy hosts, two scopes in one
 * etcd, an address for each. Each address is on one host, and what happens to one
 * is no matter of the other's.
 */
import assert from "node:assert/strict";
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import type { Section } from "../helpers/agent_member.ts";
import { endAllWith } from "../helpers/own_processes.ts";
import { RealClock } from "../helpers/tcp.ts";
import { untilIt } from "../helpers/wait.ts";
import { KeyWriter } from "../integration/proxy_rig.ts";
import { AddressHistory } from "./bench/address_history.ts";
import { faultSkipReason, faultTest } from "./bench/bench.ts";
import { makeBenchDirectory, sweepDisks } from "./bench/disks.ts";
import { USER } from "./bench/launch.ts";
import { type Host, Network } from "./bench/network.ts";
import { BenchProxy } from "./bench/proxy_host.ts";
import { shell } from "./bench/shell.ts";
import { isEtcdHealthy, startEtcd } from "./bench/store.ts";

const LIMIT_MS = 60_000;
const PORTS = { orders: 5001, users: 5002 } as const;
const ADDRESSES = { orders: 101, users: 102 } as const;

type Scope = keyof typeof PORTS;

/** The hosts, the store and both addresses. */
class Scene implements AsyncDisposable {
  readonly orders: AddressHistory;
  readonly users: AddressHistory;
  readonly #stack: AsyncDisposableStack;

  readonly network: Network;
  readonly store: Host;
  readonly proxies: readonly [BenchProxy, BenchProxy];

  private constructor(
    parts: Pick<Scene, "network" | "store" | "proxies">,
    stack: AsyncDisposableStack,
  ) {
    ({ network: this.network, store: this.store, proxies: this.proxies } =
      parts);
    const { proxies } = parts;
    const hosts = proxies.map(({ host }) => host);
    const watch = (scope: Scope) =>
      stack.use(new AddressHistory(hosts, this.addressOf(scope)));
    this.orders = watch("orders");
    this.users = watch("users");
    this.#stack = stack;
  }

  static async open(): Promise<Scene> {
    await using stack = new AsyncDisposableStack();
    await sweepDisks();
    const directory = await makeBenchDirectory();
    stack.defer(() => Deno.remove(directory, { recursive: true }));
    const network = stack.use(await Network.create());
    stack.defer(() => endAllWith(directory));
    for (const name of ["deno", "tmp", "etcd"]) {
      await Deno.mkdir(`${directory}/${name}`);
    }
    await shell(["chown", "-R", `${USER}:`, directory]);
    const store = await network.addHost("e1", 21);
    const etcd = startEtcd(store, [store], `${directory}/etcd`);
    stack.defer(async () => {
      etcd.kill("SIGKILL");
      await etcd.status;
    });
    await untilIt("etcd serves", () => isEtcdHealthy(store), {
      limitMs: LIMIT_MS,
    });
    for (const scope of ["orders", "users"]) await leadIn(scope, store);
    const bench = { network, directory };
    const proxies = [
      await BenchProxy.on(bench, "p1", 51),
      await BenchProxy.on(bench, "p2", 52),
    ] as const;
    return new Scene({ network, store, proxies }, stack.move());
  }

  addressOf(scope: Scope): string {
    return this.network.addressOf(ADDRESSES[scope]);
  }

  /** An entry of `clusters`. */
  entry(scope: Scope, priority: number): Section {
    const address = `${this.addressOf(scope)}/24`;
    const vip = { address, interface: "eth0", role: "proxy" };
    const port = PORTS[scope];
    return {
      scope,
      proxy: { primary_port: port, replica_port: port + 1000 },
      vip: [{ ...vip, priority, preempt: true }],
    };
  }

  config(...clusters: readonly Section[]): Section {
    const etcd3 = { hosts: [`${this.store.address}:2379`] };
    return { etcd3, proxy: { stats_port: 7000 }, clusters };
  }

  /** Waits until these hosts, and no others, have the addresses. */
  async untilOn(orders: Host, users: Host): Promise<void> {
    const isOn = (history: AddressHistory, host: Host): boolean => {
      const carriers = history.carriers();
      return carriers.length === 1 && carriers[0] === host;
    };
    await untilIt(
      `orders are on ${orders.name}, users on ${users.name}`,
      () =>
        Promise.resolve(isOn(this.orders, orders) && isOn(this.users, users)),
      {
        limitMs: LIMIT_MS,
        report: () =>
          Promise.resolve(
            this.proxies.map((one) => one.log().slice(-4_000)).join("\n---\n"),
          ),
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

/** A scope with a leader that nobody needs to reach. */
async function leadIn(scope: string, store: Host): Promise<void> {
  const dcs = new DcsEtcd({
    endpoints: [`http://${store.address}:2379`],
    scopePath: `/service/${scope}`,
    clock: new RealClock(),
  });
  try {
    const keys = new KeyWriter(dcs);
    await keys.primary("n1", 5432);
    await keys.lead("n1");
  } finally {
    await dcs.close();
  }
}

faultTest(
  "fault: VIP of each cluster of two proxies for several",
  async () => {
    await using scene = await Scene.open();
    const [first, second] = scene.proxies;
    const { orders, users } = scene;
    const [one, two] = [first.host, second.host];
    const whole = scene.config(
      scene.entry("orders", 110),
      scene.entry("users", 90),
    );
    first.startWith(whole);
    await scene.untilOn(one, one);
    second.startWith(
      scene.config(scene.entry("orders", 90), scene.entry("users", 110)),
    );
    await scene.untilOn(one, two);

    // The host of one is lost: the other one does not notice.
    const usersSince = users.carriedSince(two);
    first.signal("SIGKILL");
    await first.ended();
    await scene.untilOn(two, two);
    first.startWith(whole);
    await scene.untilOn(one, two);
    assert.equal(users.carriedSince(two), usersSince);

    // A cluster that leaves a proxy takes its address along, and no other.
    const ordersSince = orders.carriedSince(one);
    second.write(scene.config(scene.entry("orders", 90)));
    second.signal("SIGHUP");
    await scene.untilOn(one, one);
    first.write(whole);
    first.signal("SIGHUP");
    second.write(
      scene.config(scene.entry("orders", 90), scene.entry("users", 120)),
    );
    second.signal("SIGHUP");
    await scene.untilOn(one, two);
    assert.equal(orders.carriedSince(one), ordersSince);

    // In order, both go at once.
    first.signal("SIGTERM");
    await first.ended();
    await scene.untilOn(two, two);
    assert.deepEqual([...orders.overlaps(), ...users.overlaps()], []);
  },
  faultSkipReason(["ip", "nft", "setpriv", "arping", "etcd"]),
);
