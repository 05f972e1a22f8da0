/** What can happen to etcd: nodes freeze, its leader freezes, all are killed. */
import { signalTo } from "../../../helpers/own_processes.ts";
import type { FaultBench } from "../bench.ts";
import type { Host } from "../network.ts";
import { pidsIn } from "../network.ts";
import { etcdLeader } from "../store.ts";
import type { Undo } from "../undo.ts";

/** So many etcd nodes freeze. */
export function freezeEtcd(
  bench: FaultBench,
  count: 1 | 2 | 3,
): Promise<Undo> {
  return freezeNodes(bench.etcd.slice(0, count));
}

/** The node that leads etcd freezes; the others must elect another. */
export async function freezeEtcdLeader(bench: FaultBench): Promise<Undo> {
  const leader = await etcdLeader(bench.etcd);
  return await freezeNodes(leader === null ? [] : [leader]);
}

/** All nodes are killed at once, and started again with what they had written. */
export async function killEtcd(bench: FaultBench): Promise<Undo> {
  for (const host of bench.etcd) {
    for (const pid of await pidsIn(host.namespace)) signalTo(pid, "SIGKILL");
  }
  return () => bench.startEtcd();
}

async function freezeNodes(nodes: readonly Host[]): Promise<Undo> {
  const pids: number[] = [];
  for (const host of nodes) pids.push(...await pidsIn(host.namespace));
  for (const pid of pids) signalTo(pid, "SIGSTOP");
  return () => {
    for (const pid of pids) signalTo(pid, "SIGCONT");
    return Promise.resolve();
  };
}
