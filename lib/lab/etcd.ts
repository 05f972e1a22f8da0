/** A real etcd cluster on loopback, for `--dcs etcd` and for the benchmark. */
import { type Child, startChild, stopChild } from "./processes.ts";
import { waitFor } from "./wait.ts";

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

function startNode(plan: EtcdPlan, node: EtcdNode): Child {
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

async function isHealthy(node: EtcdNode): Promise<true | null> {
  const url = `http://127.0.0.1:${node.clientPort}/health`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
  const text = await answer.text();
  return /"health":\s*"?true/.test(text) ? true : null;
}

/** A running etcd cluster. */
export interface Etcd {
  readonly hosts: readonly string[];
  readonly stop: () => Promise<void>;
}

/**
 * Starts all nodes and waits until each is healthy.
 *
 * @throws {LabTimeoutError} If that takes more than 30 s.
 */
export async function startEtcd(plan: EtcdPlan): Promise<Etcd> {
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
  return { hosts: etcdHosts(plan.nodes), stop };
}
