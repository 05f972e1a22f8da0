/**
 * The etcd of the benchmark, one node beside each member, so that a host is lost
 * with its node: killed, frozen, started again, and who leads is chosen.
 */
import { type Child, sendSignal, stopChild } from "../../lib/lab/processes.ts";
import {
  type EtcdNode,
  type EtcdPlan,
  isHealthy,
  startNode,
} from "../../lib/lab/stores/etcd.ts";
import { waitFor } from "../../lib/lab/wait.ts";

interface NodeStatus {
  readonly id: string;
  readonly leaderId: string;
}

/** All nodes, by their place in the plan. */
export class BenchEtcd {
  readonly #plan: EtcdPlan;
  readonly #children: Child[];

  private constructor(plan: EtcdPlan, children: Child[]) {
    this.#plan = plan;
    this.#children = children;
  }

  /** Starts all, and waits until they are healthy. */
  static async start(plan: EtcdPlan): Promise<BenchEtcd> {
    await Deno.mkdir(plan.directory, { recursive: true, mode: 0o700 });
    const children = plan.nodes.map((node) => startNode(plan, node));
    const etcd = new BenchEtcd(plan, children);
    await etcd.restore();
    return etcd;
  }

  /** Sends a signal to one node. */
  signal(index: number, signal: Deno.Signal): void {
    const child = this.#children[index];
    if (child?.isRunning()) sendSignal(child.pid, signal);
  }

  /** Every node runs and is healthy again. */
  async restore(): Promise<void> {
    for (const [index, node] of this.#plan.nodes.entries()) {
      this.signal(index, "SIGCONT");
      const child = this.#children[index];
      if (child === undefined || !child.isRunning()) {
        this.#children[index] = startNode(this.#plan, node);
      }
    }
    for (const node of this.#plan.nodes) {
      const what = `etcd on port ${node.clientPort} to be healthy`;
      await waitFor(what, () => isHealthy(node), { timeoutMs: 30_000 });
    }
  }

  /** That node leads, or another one does. */
  async place(index: number, wanted: "leads" | "follows"): Promise<void> {
    const { nodes } = this.#plan;
    const other = (index + 1) % nodes.length;
    const target = wanted === "leads" ? index : other;
    await waitFor("the wanted node to lead etcd", async () => {
      const all = await Promise.all(nodes.map(statusOf));
      const leader = all.findIndex(({ id, leaderId }) => id === leaderId);
      const isIt = wanted === "leads" ? leader === index : leader !== index;
      if (isIt && leader >= 0) return true;
      const from = nodes[leader];
      const to = all[target];
      if (from !== undefined && to !== undefined) {
        await ask(from, "transfer-leadership", { targetID: to.id });
      }
      return null;
    }, { timeoutMs: 20_000 });
  }

  async stop(): Promise<void> {
    for (const index of this.#children.keys()) this.signal(index, "SIGCONT");
    await Promise.all(this.#children.map((child) => stopChild(child, 5_000)));
  }
}

async function statusOf(node: EtcdNode): Promise<NodeStatus> {
  const { header, leader } = Object(await ask(node, "status", {}));
  return { id: String(Object(header).member_id), leaderId: String(leader) };
}

async function ask(
  { clientPort }: EtcdNode,
  call: string,
  body: unknown,
): Promise<unknown> {
  const url = `http://127.0.0.1:${clientPort}/v3/maintenance/${call}`;
  const answer = await fetch(url, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(2_000),
  });
  return await answer.json();
}
