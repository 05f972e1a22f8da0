/**
 * A network of its own: one namespace per host, all on one bridge, which stands
 * in a namespace too. Connections are cut, per pair and direction, and made
 * lossy on the bridge, so that not even ARP passes a cut. The test itself looks
 * on from outside, over a port that no fault touches.
 *
 * Namespaces carry the test's process id in their names; what a killed test left
 * behind is swept up by the next one.
 */
import { denoCommand, REPOSITORY } from "./deno.ts";
import { shell, tryShell } from "./shell.ts";
import type { Undo } from "./undo.ts";
import { untilIt } from "../../helpers/wait.ts";

/** A machine on the network. */
export interface Host {
  readonly name: string;
  readonly address: string;
  /** The name of its network namespace. */
  readonly namespace: string;
}

/** What happens to frames from one host to another. */
interface Disturbance {
  readonly from: string;
  readonly to: string;
  /** 100: cut. */
  readonly lossPercent: number;
}

const PREFIX = "mf";
const INTERFACE = "eth0";

/** Hosts on a bridge. */
export class Network implements AsyncDisposable {
  readonly #id = `${PREFIX}${Deno.pid}`;
  readonly #subnet: string;
  readonly #hosts: Host[] = [];
  #disturbances: readonly Disturbance[] = [];
  #applied: Promise<void> = Promise.resolve();

  private constructor(subnet: string) {
    this.#subnet = subnet;
  }

  /** An empty network that the test can look into. */
  static async create(): Promise<Network> {
    await sweep();
    const network = new Network(`10.77.${Deno.pid % 250}`);
    try {
      await network.#build();
      return network;
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
  }

  get hosts(): readonly Host[] {
    return this.#hosts;
  }

  /** The interface that every host has. */
  get interface(): string {
    return INTERFACE;
  }

  /** An address of this network. */
  addressOf(number: number): string {
    return `${this.#subnet}.${number}`;
  }

  /** Adds a machine. */
  async addHost(name: string, number: number): Promise<Host> {
    const namespace = `${this.#id}${name}`;
    const host = { name, address: this.addressOf(number), namespace };
    await shell(["ip", "netns", "add", namespace]);
    this.#hosts.push(host);
    const port = portOf(name);
    await this.#hub(
      ...["link", "add", port, "type", "veth", "peer"],
      ...["name", INTERFACE, "netns", namespace],
    );
    await this.#hub("link", "set", port, "master", "bridge", "up");
    const inside = ["ip", "-n", namespace];
    await shell([...inside, "link", "set", "lo", "up"]);
    await shell([
      ...[...inside, "address", "add", `${host.address}/24`],
      ...["dev", INTERFACE],
    ]);
    await shell([...inside, "link", "set", INTERFACE, "up"]);
    return host;
  }

  /** Nothing passes from one to others any more, in that direction only. */
  cutOneWay(from: readonly Host[], to: readonly Host[]): Promise<Undo> {
    return this.#disturb(oneWay(from, to, 100));
  }

  /** Nothing passes between a host and others, in either direction. */
  cut(host: Host, others: readonly Host[]): Promise<Undo> {
    return this.lose(host, others, 100);
  }

  /** Frames get lost between a host and others, in either direction. */
  lose(
    host: Host,
    others: readonly Host[],
    lossPercent: number,
  ): Promise<Undo> {
    return this.#disturb([
      ...oneWay([host], others, lossPercent),
      ...oneWay(others, [host], lossPercent),
    ]);
  }

  /** As if the cable was pulled. */
  async unplug(host: Host): Promise<void> {
    await this.#hub("link", "set", portOf(host.name), "down");
  }

  async plugIn(host: Host): Promise<void> {
    await this.#hub("link", "set", portOf(host.name), "up");
  }

  /** Addresses that a host carries now. */
  async addressesOn(host: Host): Promise<readonly string[]> {
    const text = await shell([
      ...["ip", "-n", host.namespace, "-o", "-4", "address", "show"],
      ...["dev", INTERFACE],
    ]);
    return [...text.matchAll(/ inet ([\d.]+)/g)].map(([, found = ""]) => found);
  }

  /**
   * Everything that a host sends arrives late. Its port moves to a bridge of its
   * own, and `delayer.ts` carries frames between the two.
   */
  async delay(host: Host, ms: number): Promise<Undo> {
    const near = `in-${host.name}`;
    const late = latePortOf(host.name);
    const bridge = `slow-${host.name}`;
    const child = new Deno.Command("ip", {
      args: [
        ...["netns", "exec", this.#hubName],
        ...denoCommand("tests/fault/bench/delayer.ts", near, late, String(ms)),
      ],
      cwd: REPOSITORY,
      stdin: "null",
    }).spawn();
    await this.#hub("link", "add", bridge, "type", "bridge");
    await this.#hub("link", "set", bridge, "up");
    for (
      const [device, master] of [[near, bridge], [late, "bridge"]] as const
    ) {
      await untilIt(`the device ${device} is there`, async () => {
        const link = ["ip", "-n", this.#hubName, "link", "show", device];
        return (await tryShell(link)).code === 0;
      });
      await this.#hub("link", "set", device, "master", master, "up");
    }
    await this.#hub("link", "set", portOf(host.name), "master", bridge);
    return async () => {
      await this.#hub("link", "set", portOf(host.name), "master", "bridge");
      child.kill("SIGKILL");
      await child.status;
      await this.#hub("link", "delete", bridge);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A namespace goes in the background, and the next network has the same name.
    await tryShell(["ip", "link", "delete", `${this.#id}o`]);
    for (const { namespace } of this.#hosts) await removeNamespace(namespace);
    await removeNamespace(this.#hubName);
  }

  get #hubName(): string {
    return `${this.#id}hub`;
  }

  async #build(): Promise<void> {
    await shell(["ip", "netns", "add", this.#hubName]);
    await this.#hub("link", "set", "lo", "up");
    await this.#hub("link", "add", "bridge", "type", "bridge");
    await this.#hub("link", "set", "bridge", "up");
    const outside = `${this.#id}o`;
    await this.#hub(
      ...["link", "add", "watcher", "type", "veth", "peer"],
      ...["name", outside, "netns", String(Deno.pid)],
    );
    await this.#hub("link", "set", "watcher", "master", "bridge", "up");
    await shell([
      ...["ip", "address", "add", `${this.addressOf(254)}/24`],
      ...["dev", outside],
    ]);
    await shell(["ip", "link", "set", outside, "up"]);
  }

  async #hub(...words: readonly string[]): Promise<void> {
    await shell(["ip", "-n", this.#hubName, ...words]);
  }

  async #disturb(more: readonly Disturbance[]): Promise<Undo> {
    this.#disturbances = [...this.#disturbances, ...more];
    await this.#apply();
    return async () => {
      this.#disturbances = this.#disturbances.filter((d) => !more.includes(d));
      await this.#apply();
    };
  }

  /** One after the other, or an older list could come last. */
  #apply(): Promise<void> {
    this.#applied = this.#applied.then(() => this.#applyNow());
    return this.#applied;
  }

  /** One transaction: the old table goes as the new one comes. */
  async #applyNow(): Promise<void> {
    const rules = this.#disturbances.map(({ from, to, lossPercent }) => {
      const chance = lossPercent === 100
        ? ""
        : `numgen random mod 100 < ${lossPercent} `;
      return `iifname ${portsOf(from)} oifname ${portsOf(to)} ${chance}drop`;
    });
    const text = "add table bridge faults\ndelete table bridge faults\n" +
      "table bridge faults {\n  chain forward {\n" +
      "    type filter hook forward priority 0; policy accept;\n" +
      `${rules.map((rule) => `    ${rule}\n`).join("")}  }\n}\n`;
    const file = await Deno.makeTempFile({ prefix: "matriarch-faults-" });
    try {
      await Deno.writeTextFile(file, text);
      await shell([
        ...["ip", "netns", "exec", this.#hubName],
        ...["nft", "-f", file],
      ]);
    } finally {
      await Deno.remove(file);
    }
  }
}

/** Process ids in a namespace. */
export async function pidsIn(namespace: string): Promise<readonly number[]> {
  const { output } = await tryShell(["ip", "netns", "pids", namespace]);
  return output.split("\n").filter(Boolean).map(Number);
}

function portOf(name: string): string {
  return `port-${name}`;
}

/** The port of a host whose frames are delayed. */
function latePortOf(name: string): string {
  return `late-${name}`;
}

function portsOf(name: string): string {
  return `{ "${portOf(name)}", "${latePortOf(name)}" }`;
}

function oneWay(
  from: readonly Host[],
  to: readonly Host[],
  lossPercent: number,
): readonly Disturbance[] {
  return from.flatMap((one) =>
    to.map((other) => ({ from: one.name, to: other.name, lossPercent }))
  );
}

/** Ends what runs in it first: a namespace lives as long as its processes. */
async function removeNamespace(namespace: string): Promise<void> {
  for (const pid of await pidsIn(namespace)) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }
  await tryShell(["ip", "netns", "delete", namespace]);
}

/** What tests that were killed left behind. */
async function sweep(): Promise<void> {
  const { output } = await tryShell(["ip", "netns", "list"]);
  for (const line of output.split("\n")) {
    const name = line.split(" ")[0] ?? "";
    const pid = new RegExp(`^${PREFIX}(\\d+)[a-z]`).exec(name)?.[1];
    if (pid === undefined || isProcess(pid)) continue;
    await removeNamespace(name);
  }
}

function isProcess(pid: string): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}
