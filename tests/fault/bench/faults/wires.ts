/** What can happen to the network: cut, lossy and slow wires, a stolen address. */
import type { FaultBench } from "../bench.ts";
import type { BenchMember } from "../member.ts";
import type { Host } from "../network.ts";
import { shell } from "../shell.ts";
import type { Undo } from "../undo.ts";

const LOSS_PERCENT = 20;
const DELAY_MS = 500;

/** A member cannot reach etcd, everything else goes on. */
export function cutFromEtcd(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  return bench.network.cut(member.host, bench.etcd);
}

/** A member cannot reach the other members; etcd and clients do. */
export function cutFromMembers(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const others = bench.others(member).map(({ host }) => host);
  return bench.network.cut(member.host, others);
}

/** A member can reach nobody. */
export function isolate(bench: FaultBench, member: BenchMember): Promise<Undo> {
  return bench.network.cut(member.host, everybodyBut(bench, member));
}

/** A member hears everybody and nobody hears it. */
export function muteMember(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const others = everybodyBut(bench, member);
  return bench.network.cutOneWay([member.host], others);
}

/** Everybody hears a member and it hears nobody. */
export function deafenMember(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const others = everybodyBut(bench, member);
  return bench.network.cutOneWay(others, [member.host]);
}

/** Every fifth frame of a member gets lost, in either direction. */
export function loseFrames(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  const others = everybodyBut(bench, member);
  return bench.network.lose(member.host, others, LOSS_PERCENT);
}

/** All that a member sends is half a second late. */
export function delayFrames(
  bench: FaultBench,
  member: BenchMember,
): Promise<Undo> {
  return bench.network.delay(member.host, DELAY_MS);
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

function everybodyBut(
  bench: FaultBench,
  member: BenchMember,
): readonly Host[] {
  return bench.network.hosts.filter((host) => host !== member.host);
}
