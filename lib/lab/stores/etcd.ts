/** A real etcd cluster on loopback, for `--dcs etcd` and for the benchmark. */
import { type Child, startChild, stopChild } from "../processes.ts";
import type { PortUse } from "../ports.ts";
import { hasProgram } from "../programs.ts";
import { waitFor } from "../wait.ts";
import type { LabStore, RunningStore, Section, StorePlan } from "./store.ts";

/** Where the nodes live. */
export interface EtcdPlan {
  readonly directory: string;
  readonly mark: string;
  readonly nodes: readonly EtcdNode[];
}

/** One node of the etcd cluster. */
export interface EtcdNode {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** Nodes `etcd1`... with two ports each from `firstPort` on. */
export function etcdNodes(count: number, firstPort: number): EtcdNode[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `etcd${index + 1}`,
    clientPort: firstPort + 2 * index,
    peerPort: firstPort + 2 * index + 1,
  }));
}

/** `host:port` of each node's client port. */
export function etcdHosts(nodes: readonly EtcdNode[]): string[] {
  return nodes.map((node) => `127.0.0.1:${node.clientPort}`);
}

/** What leads to the nodes. */
export function etcdSection(nodes: readonly EtcdNode[]): Section {
  return { etcd3: { hosts: etcdHosts(nodes) } };
}

const CLIENTS = "clients of";

/** The ports of the nodes. */
export function etcdPorts(nodes: readonly EtcdNode[]): readonly PortUse[] {
  return nodes.flatMap((node) => [
    { port: node.clientPort, use: `${CLIENTS} ${node.name}` },
    { port: node.peerPort, use: `peers of ${node.name}` },
  ]);
}

/** Whether it is one that clients use. */
export function isForClients({ use }: PortUse): boolean {
  return use.startsWith(CLIENTS);
}

/** `--dcs etcd`. */
export const ETCD: LabStore = {
  name: "etcd",
  what: "three real nodes",
  needs: [{ isThere: () => hasProgram("etcd"), package: "etcd-server" }],
  plan: ({ directory: lab, firstPort }): StorePlan => {
    const nodes = etcdNodes(3, firstPort);
    const directory = `${lab}/etcd`;
    return {
      section: etcdSection(nodes),
      ports: etcdPorts(nodes),
      start: () => startEtcd({ directory, mark: directory, nodes }),
    };
  },
};

/** Starts one node; it serves later. */
export function startNode(plan: EtcdPlan, node: EtcdNode): Child {
  const peer = `http://127.0.0.1:${node.peerPort}`;
  const client = `http://127.0.0.1:${node.clientPort}`;
  const initial = plan.nodes.map((n) =>
    `${n.name}=http://127.0.0.1:${n.peerPort}`
  );
  return startChild({
    command: "etcd",
    args: [
      ["--name", node.name],
      ["--data-dir", `${plan.directory}/${node.name}`],
      ["--listen-peer-urls", peer],
      ["--initial-advertise-peer-urls", peer],
      ["--listen-client-urls", client],
      ["--advertise-client-urls", client],
      ["--initial-cluster", initial.join(",")],
      ["--initial-cluster-token", "matriarch-lab"],
    ].flat(),
    mark: plan.mark,
    cwd: plan.directory,
    logPath: `${plan.directory}/${node.name}.log`,
  });
}

/** True once it serves; rejects while it does not answer. */
export async function isHealthy(node: EtcdNode): Promise<true | null> {
  const url = `http://127.0.0.1:${node.clientPort}/health`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
  const text = await answer.text();
  return /"health":\s*"?true/.test(text) ? true : null;
}

/**
 * Starts all nodes and waits until each is healthy.
 *
 * @throws {LabTimeoutError} If that takes more than 30 s.
 */
export async function startEtcd(plan: EtcdPlan): Promise<RunningStore> {
  await Deno.mkdir(plan.directory, { recursive: true, mode: 0o700 });
  const children = plan.nodes.map((node) => startNode(plan, node));
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => stopChild(child, 5000)));
  };
  try {
    for (const node of plan.nodes) {
      const what = `etcd on port ${node.clientPort} to be healthy`;
      await waitFor(what, () => isHealthy(node), { timeoutMs: 30_000 });
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}
