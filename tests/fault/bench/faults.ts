/**
 * What can be done to a bench, as functions: each says what it did, and gives
 * back how it is undone. The seeded choice among them is printed, so that a run
 * can be repeated.
 */
import { isAlive, signalTo } from "../../helpers/own_processes.ts";
import { type FaultBench, strike } from "./bench.ts";
import type { BenchMember } from "./member.ts";
import { type Host, pidsIn } from "./network.ts";
import { shell } from "./shell.ts";

/** Takes a fault back. */
export type Undo = () => Promise<void>;

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** A process of a member. */
export type Part = "agent" | "proxy" | "postmaster";

/** SIGKILL; an agent is started again to undo it. */
export function kill(member: BenchMember, part: Part): Undo {
  strike(pidOf(member, part), "SIGKILL");
  return part === "agent"
    ? async () => {
      await member.ended();
      member.start();
    }
    : nothing;
}

/** SIGSTOP, and SIGCONT to undo it. */
export function freeze(member: BenchMember, part: Part): Undo {
  const pid = strike(pidOf(member, part), "SIGSTOP");
  return () => {
    signalTo(pid, "SIGCONT");
    return Promise.resolve();
  };
}

/** SIGTERM for the agent: an orderly end. */
export function stopAgent(member: BenchMember): Undo {
  strike(member.agentPid(), "SIGTERM");
  return async () => {
    await member.ended();
    member.start();
  };
}

/** The machine is gone: its cable and all of its processes, at once. */
export async function loseMember(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  await bench.network.unplug(member.host);
  for (const pid of await pidsIn(member.host.namespace)) {
    signalTo(pid, "SIGKILL");
  }
  return async () => {
    await member.ended();
    await bench.network.plugIn(member.host);
    member.start();
  };
}

/** A member can not reach etcd, everything else goes on. */
export async function cutFromEtcd(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  await bench.network.cut(member.host, bench.etcd);
  return () => bench.network.heal();
}

/** A member can not reach the other members; etcd and clients do. */
export async function cutFromMembers(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const others = bench.others(member).map(({ host }) => host);
  await bench.network.cut(member.host, others);
  return () => bench.network.heal();
}

/** A member can reach nobody. */
export async function isolate(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const others = bench.network.hosts.filter((host) => host !== member.host);
  await bench.network.cut(member.host, others);
  return () => bench.network.heal();
}

/** A member hears everybody and nobody hears it, or the other way round. */
export async function cutOneWay(
  bench: FaultBench,
  member: BenchMember,
  direction: "sends_nothing" | "hears_nothing",
): Promise<Undo> {
  const { network } = bench;
  for (const other of network.hosts) {
    if (other === member.host) continue;
    if (direction === "sends_nothing") {
      await network.cutOneWay(member.host, other);
    } else {
      await network.cutOneWay(other, member.host);
    }
  }
  return () => network.heal();
}

/** Every fifth frame of a member gets lost. */
export async function loseFrames(
  bench: FaultBench,
  member: BenchMember,
  percent = 20,
): Promise<Undo> {
  const others = bench.network.hosts.filter((host) => host !== member.host);
  await bench.network.lose(member.host, others, percent);
  return () => bench.network.heal();
}

/** So many etcd nodes freeze. */
export async function freezeEtcd(
  bench: FaultBench,
  count: 1 | 2 | 3,
): Promise<Undo> {
  const pids: number[] = [];
  for (const host of bench.etcd.slice(0, count)) {
    for (const pid of await pidsIn(host.namespace)) {
      pids.push(strike(pid, "SIGSTOP"));
    }
  }
  return () => {
    for (const pid of pids) if (isAlive(pid)) signalTo(pid, "SIGCONT");
    return Promise.resolve();
  };
}

/** Fills the file system that a directory is on; it must be a small one of its own. */
export async function fillDisk(directory: string): Promise<Undo> {
  const file = `${directory}/ballast`;
  await new Deno.Command("dd", {
    args: ["if=/dev/zero", `of=${file}`, "bs=1M", "status=none"],
    stderr: "null",
  }).output();
  return () => Deno.remove(file);
}

/** Puts a file system of its own, in memory, on a directory. */
export async function mountMemory(
  directory: string,
  megabytes: number,
): Promise<Undo> {
  await shell([
    ...["mount", "-t", "tmpfs", "-o", `size=${megabytes}m`],
    ...["matriarch-fault", directory],
  ]);
  return async () => {
    await shell(["umount", "--lazy", directory]);
  };
}

/** Another host takes an address that is not its own. */
export async function stealAddress(
  bench: FaultBench,
  thief: Host,
  address: string,
): Promise<Undo> {
  const place = [`${address}/32`, "dev", bench.network.interface];
  const inside = ["ip", "-n", thief.namespace, "address"];
  await shell([...inside, "add", ...place]);
  return async () => {
    await shell([...inside, "delete", ...place]);
  };
}

/** A repeatable choice. Source: Steele et al., "Fast splittable pseudorandom number generators" (2014), SplitMix. */
export class SeededChoice {
  #state: number;

  /** @param seed Printed, so that the run can be repeated; null: a new one. */
  constructor(seed: number | null) {
    this.#state = seed ?? crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    console.log(`fault seed ${this.#state} (MATRIARCH_FAULT_SEED)`);
  }

  /** One of them. */
  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.#next() % items.length] ?? items[0];
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return (bits ^ (bits >>> 15)) >>> 0;
  }
}

/** The seed that a developer asked for, or null. */
export function wantedSeed(): number | null {
  const text = Deno.env.get("MATRIARCH_FAULT_SEED");
  return text === undefined ? null : Number(text);
}

function pidOf(member: BenchMember, part: Part): number | null {
  switch (part) {
    case "agent":
      return member.agentPid();
    case "proxy":
      return member.proxyPid();
    case "postmaster":
      return member.postmasterPid();
  }
}
