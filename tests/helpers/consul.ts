/**
 * A private Consul for tests: one server in memory, on free ports, ended with
 * the test. Can be stopped (SIGSTOP) and killed.
 */
import { consulProgram } from "./consul_program.ts";
import { freePorts } from "./free_ports.ts";
import { memoryFolder } from "./memory_folder.ts";

const START_LIMIT_MS = 60_000;
/** Nobody waits longer for a process to stop. */
const STOPPED_MS_MAX = 5_000;

/** How the server is started. */
export interface ConsulServerOptions {
  /** Further lines of its configuration, in HCL. */
  readonly hcl?: readonly string[];
  /** `session_ttl_min`; sessions of tests are short. */
  readonly ttlMin?: string;
  /** It answers on a TLS port, which asks for a client certificate. */
  readonly isTls?: boolean;
  /** It is one of three servers, and keeps its data in files. */
  readonly ensemble?: ConsulPlace;
}

/** Where a server of three is, and the others: ports of gossip. */
export interface ConsulPlace {
  readonly own: number;
  readonly others: readonly number[];
}

/** A running Consul. */
export class ConsulServer implements AsyncDisposable {
  /** `http[s]://127.0.0.1:port`. */
  readonly endpoint: string;
  /** The port without TLS. */
  readonly port: number;
  /** The port for other servers, by which they name their leader. */
  readonly peerPort: number;
  readonly #directory: string;
  readonly #child: Deno.ChildProcess;

  private constructor(directory: string, options: ConsulServerOptions) {
    const [http = 0, https = 0, server = 0, gossip = 0] = freePorts(4);
    const { ensemble } = options;
    const serf = ensemble?.own ?? gossip;
    this.#directory = directory;
    this.port = http;
    this.peerPort = server;
    this.endpoint = options.isTls === true
      ? `https://127.0.0.1:${https}`
      : `http://127.0.0.1:${http}`;
    const hcl = [
      `session_ttl_min = "${options.ttlMin ?? "1s"}"`,
      "disable_update_check = true",
      "performance { raft_multiplier = 1 }",
      `ports { https = ${options.isTls === true ? https : -1} }`,
      ...options.hcl ?? [],
    ];
    const args = [
      ...["agent", "-bind", "127.0.0.1", "-client", "127.0.0.1"],
      ...(ensemble === undefined ? ["-dev"] : [
        ...["-server", "-bootstrap-expect", "3", "-node", `c${serf}`],
        ...["-data-dir", `${directory}/data`],
        ...ensemble.others.flatMap((port) => [
          ...["-retry-join", `127.0.0.1:${port}`],
        ]),
      ]),
      ...["-http-port", `${http}`, "-dns-port", "-1", "-grpc-port", "-1"],
      ...["-server-port", `${server}`, "-serf-lan-port", `${serf}`],
      ...["-serf-wan-port", "-1", "-disable-host-node-id"],
      ...hcl.flatMap((line) => ["-hcl", line]),
    ];
    const log = `${directory}/consul.log`;
    this.#child = new Deno.Command("sh", {
      args: [
        "-c",
        'log=$1; shift; exec "$@" >"$log" 2>&1',
        ...["sh", log, consulProgram(), ...args],
      ],
      stdin: "null",
    }).spawn();
  }

  /** Starts three, and waits until each knows their leader. */
  static async startThree(): Promise<readonly ConsulServer[]> {
    const ports = freePorts(3);
    return await Promise.all(ports.map((own) => {
      const others = ports.filter((port) => port !== own);
      return ConsulServer.start({ ensemble: { own, others } });
    }));
  }

  /** Starts one and waits until it serves. */
  static async start(
    options: ConsulServerOptions = {},
  ): Promise<ConsulServer> {
    const directory = await memoryFolder("matriarch-consul-");
    const server = new ConsulServer(directory, options);
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await server.#isServing())) {
      if (performance.now() > deadline) {
        const log = await Deno.readTextFile(`${directory}/consul.log`);
        await server[Symbol.asyncDispose]();
        throw new Error(`Consul did not start:\n${log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  /** A request beside the program under test; the answer's JSON, or its text. */
  async ask(
    method: "GET" | "PUT",
    path: string,
    more: { readonly body?: unknown; readonly token?: string } = {},
  ): Promise<unknown> {
    const { body, token } = more;
    const response = await fetch(`http://127.0.0.1:${this.port}/v1/${path}`, {
      method,
      headers: token === undefined ? {} : { "x-consul-token": token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void {
    this.#signal("SIGSTOP");
    const deadline = performance.now() + STOPPED_MS_MAX;
    while (performance.now() < deadline) {
      const text = Deno.readTextFileSync(`/proc/${this.#child.pid}/stat`);
      if (text.slice(text.lastIndexOf(")") + 2).startsWith("T")) return;
    }
  }

  /** SIGCONT. */
  thaw(): void {
    this.#signal("SIGCONT");
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#directory, { recursive: true });
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // It has ended already.
    }
  }

  async #isServing(): Promise<boolean> {
    try {
      const leader = await this.ask("GET", "status/leader");
      return typeof leader === "string" && leader.includes(":");
    } catch {
      return false;
    }
  }
}
