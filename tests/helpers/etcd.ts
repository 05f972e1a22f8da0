/**
 * A private etcd for tests: one node or three, in their own directory, on free
 * ports, ended with the test. Can be stopped (SIGSTOP), killed, moved to another
 * port and counted.
 */
import { skipReason } from "./skip_reason.ts";
import { freePorts } from "./free_ports.ts";

const BINARY = "etcd";
const START_LIMIT_MS = 30_000;

/** One etcd process. */
export interface EtcdNode {
  readonly name: string;
  /** `http://127.0.0.1:port`. */
  readonly endpoint: string;
  /** As {@link endpoint}, for the other nodes. */
  readonly peerUrl: string;
  readonly pid: number;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  /** SIGCONT. */
  thaw(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

/** Nobody waits longer for a process to stop. */
const STOPPED_MS_MAX = 5_000;

/** Files of a server certificate; makes the client side https. */
interface EtcdServerTls {
  readonly cert: string;
  readonly key: string;
  /** Client certificates signed by this authority are required. */
  readonly clientCa: string;
}

/** How the servers are started. */
interface EtcdServersOptions {
  readonly nodes?: 1 | 3;
  /** Value of `--auth-token`; without it etcd's own simple tokens. */
  readonly authToken?: string;
  /** The client URL that the nodes name instead of their own. */
  readonly advertise?: string;
  readonly tls?: EtcdServerTls;
  /** The version 2 store is served, too. */
  readonly hasV2?: boolean;
}

interface NodePlan {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
}

/** Why tests with etcd cannot run here; null if they can. */
export function etcdSkipReason(): string | null {
  return skipReason(BINARY, "etcd-server");
}

/** A running etcd cluster. */
export class EtcdServers implements AsyncDisposable {
  readonly #nodes: EtcdNode[];
  readonly #context: StartContext;

  private constructor(context: StartContext) {
    this.#context = context;
    this.#nodes = context.plans.map((plan) => startNode(plan, context));
  }

  get nodes(): readonly EtcdNode[] {
    return this.#nodes;
  }

  /** Starts the nodes and waits until all of them serve. */
  static async start(options: EtcdServersOptions = {}): Promise<EtcdServers> {
    const directory = await Deno.makeTempDir({ prefix: "matriarch-etcd-" });
    const plans = planNodes(options);
    const servers = new EtcdServers({ directory, plans, options });
    try {
      for (const node of servers.nodes) await servers.#untilServing(node);
      return servers;
    } catch (error) {
      const log = await servers.#logs();
      await servers[Symbol.asyncDispose]();
      throw new Error(`etcd did not start:\n${log}`, { cause: error });
    }
  }

  /** Client addresses of all nodes. */
  get endpoints(): readonly string[] {
    return this.nodes.map((node) => node.endpoint);
  }

  freeze(): void {
    this.nodes.forEach((node) => node.freeze());
  }

  thaw(): void {
    this.nodes.forEach((node) => node.thaw());
  }

  /** Kills a node and starts it at another client address; waits for it. */
  async move(index: number): Promise<EtcdNode> {
    const plan = this.#context.plans[index];
    if (plan === undefined) throw new Error(`there is no node ${index}`);
    await this.#nodes[index]?.kill();
    const url = new URL(plan.clientUrl);
    url.port = String(freePorts(1)[0]);
    const node = startNode({ ...plan, clientUrl: url.origin }, this.#context);
    this.#nodes[index] = node;
    await this.#untilServing(node);
    return node;
  }

  /**
   * How many gRPC calls of each method the nodes have begun to serve, without
   * those between nodes. Only without TLS.
   */
  async callCounts(): Promise<ReadonlyMap<string, number>> {
    const counts = new Map<string, number>();
    for (const node of this.nodes) {
      const response = await fetch(`${node.endpoint}/metrics`);
      const text = await response.text();
      const line =
        /^grpc_server_started_total\{grpc_method="(\w+)",.*\} ([0-9.e+]+)$/gm;
      for (const [, method = "", count] of text.matchAll(line)) {
        counts.set(method, (counts.get(method) ?? 0) + Number(count));
      }
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Deno.remove(this.#context.directory, { recursive: true });
  }

  async #untilServing(node: EtcdNode): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await isServing(node.endpoint))) {
      if (performance.now() > deadline) {
        throw new Error(`${node.name} is silent`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async #logs(): Promise<string> {
    const texts = this.nodes.map((node) =>
      Deno.readTextFile(`${this.#context.directory}/${node.name}.log`).catch(
        () => "",
      )
    );
    return (await Promise.all(texts)).join("\n").slice(-4000);
  }
}

function planNodes(options: EtcdServersOptions): readonly NodePlan[] {
  const count = options.nodes ?? 1;
  const ports = freePorts(2 * count);
  const scheme = options.tls === undefined ? "http" : "https";
  return Array.from({ length: count }, (_, i) => ({
    name: `e${i + 1}`,
    clientUrl: `${scheme}://127.0.0.1:${ports[2 * i]}`,
    peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }));
}

interface StartContext {
  readonly directory: string;
  readonly plans: readonly NodePlan[];
  readonly options: EtcdServersOptions;
}

function startNode(plan: NodePlan, context: StartContext): EtcdNode {
  const { directory, plans, options } = context;
  const { tls, advertise, authToken, hasV2 } = options;
  const cluster = plans.map((p) => `${p.name}=${p.peerUrl}`).join(",");
  const args = [
    ["--name", plan.name],
    ["--data-dir", `${directory}/${plan.name}`],
    ["--listen-client-urls", plan.clientUrl],
    ["--advertise-client-urls", advertise ?? plan.clientUrl],
    ["--listen-peer-urls", plan.peerUrl],
    ["--initial-advertise-peer-urls", plan.peerUrl],
    ["--initial-cluster", cluster],
    ["--logger", "zap"],
    ["--log-level", "warn"],
    ["--log-outputs", `${directory}/${plan.name}.log`],
    // Quick elections: the smallest lease is 1.5 election timeouts.
    ["--heartbeat-interval", "100"],
    ["--election-timeout", "1000"],
    ["--unsafe-no-fsync"],
    ...(authToken === undefined ? [] : ["--auth-token", authToken]),
    ...(hasV2 === true ? ["--enable-v2=true"] : []),
    ...(tls === undefined ? [] : [
      ["--cert-file", tls.cert],
      ["--key-file", tls.key],
      ["--client-cert-auth"],
      ["--trusted-ca-file", tls.clientCa],
    ]),
  ].flat();
  const child = new Deno.Command(BINARY, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const { name, clientUrl: endpoint, peerUrl } = plan;
  const signal = (name: Deno.Signal): void => {
    try {
      child.kill(name);
    } catch {
      // It has ended already.
    }
  };
  return {
    name,
    endpoint,
    peerUrl,
    pid: child.pid,
    freeze: () => {
      signal("SIGSTOP");
      untilStopped(child.pid);
    },
    thaw: () => signal("SIGCONT"),
    kill: async () => {
      signal("SIGKILL");
      await child.status;
    },
  };
}

/** Over TLS only the port is asked, a client certificate is the test's own. */
async function isServing(endpoint: string): Promise<boolean> {
  try {
    if (endpoint.startsWith("https:")) {
      const port = Number(new URL(endpoint).port);
      (await Deno.connect({ port })).close();
      return true;
    }
    const response = await fetch(`${endpoint}/health`);
    return (await response.text()).includes('"true"');
  } catch {
    return false;
  }
}

/**
 * Threads of a process go on until one of them has been given a processor and
 * has read the signal: on a loaded machine they answer for some milliseconds.
 */
function untilStopped(pid: number): void {
  const deadline = performance.now() + STOPPED_MS_MAX;
  while (performance.now() < deadline) {
    try {
      const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
      const [state] = text.slice(text.lastIndexOf(")") + 2);
      if (state === "T") return;
    } catch {
      // It has ended.
      return;
    }
  }
}
