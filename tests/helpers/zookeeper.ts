/**
 * A private ZooKeeper for tests: one server, or one of an ensemble, on free
 * ports, ended with the test. Can be stopped (SIGSTOP), killed and started again.
 */
import { freePorts } from "./free_ports.ts";
import { memoryFolder } from "./memory_folder.ts";
import { tiedArgs } from "./tied_command.ts";
import { zookeeperClassPath } from "./zookeeper_program.ts";

const START_LIMIT_MS = 60_000;
/** Nobody waits longer for a process to stop. */
const STOPPED_MS_MAX = 5_000;
const WORD_MS_MAX = 1000;
/** Half a second, so that sessions of two seconds are possible. */
const TICK_MS = 500;
const MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
/** A server of tests is small, and lives too short for the better compiler. */
const JAVA_OPTIONS = [
  ...["-Xmx96m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"],
  "-Dzookeeper.4lw.commands.whitelist=*",
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
];

/** How a server is started. */
export interface ZookeeperServerOptions {
  /** Further lines of its configuration. */
  readonly lines?: readonly string[];
  /** Further options of java. */
  readonly java?: readonly string[];
  /** Its number in an ensemble. */
  readonly id?: number;
  /** By default a free one. */
  readonly port?: number;
  /** It runs inside of this program, for example one that enters a namespace. */
  readonly prefix?: readonly string[];
  readonly address?: string;
}

/** A running ZooKeeper. */
export class ZookeeperServer implements AsyncDisposable {
  readonly address: string;
  /** The port without TLS. */
  readonly port: number;
  readonly directory: string;
  readonly #options: ZookeeperServerOptions;
  #child: Deno.ChildProcess;

  private constructor(directory: string, options: ZookeeperServerOptions) {
    this.directory = directory;
    this.address = options.address ?? "127.0.0.1";
    this.port = options.port ?? freePorts(1)[0] ?? 0;
    this.#options = options;
    Deno.writeTextFileSync(`${directory}/zoo.cfg`, this.#configuration());
    Deno.mkdirSync(`${directory}/data`);
    if (options.id !== undefined) {
      Deno.writeTextFileSync(`${directory}/data/myid`, String(options.id));
    }
    this.#child = this.#spawn();
  }

  /** Starts one; it may have to wait for others before it serves. */
  static async launch(
    options: ZookeeperServerOptions = {},
  ): Promise<ZookeeperServer> {
    const directory = await memoryFolder("matriarch-zk-");
    return new ZookeeperServer(directory, options);
  }

  /** Starts one and waits until it serves. */
  static async start(
    options: ZookeeperServerOptions = {},
  ): Promise<ZookeeperServer> {
    const server = await ZookeeperServer.launch(options);
    try {
      await server.untilServing();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  async untilServing(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (await this.mode() === null) {
      if (performance.now() > deadline) {
        throw new Error(`ZooKeeper did not start:\n${this.log().slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** `standalone`, `leader` or `follower`; null: it does not serve. */
  async mode(): Promise<string | null> {
    const text = await this.#word("srvr");
    return /^Mode: (\w+)$/m.exec(text)?.[1] ?? null;
  }

  /** `3.8.0`. */
  async version(): Promise<string> {
    const text = await this.#word("srvr");
    return /^Zookeeper version: ([\d.]+)/m.exec(text)?.[1] ?? "";
  }

  log(): string {
    return Deno.readTextFileSync(`${this.directory}/log`);
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

  /** After {@link kill}. */
  restart(): void {
    this.#child = this.#spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.directory, { recursive: true });
  }

  #configuration(): string {
    const { lines = [] } = this.#options;
    return [
      `tickTime=${TICK_MS}`,
      `dataDir=${this.directory}/data`,
      `clientPort=${this.port}`,
      `clientPortAddress=${this.address}`,
      "admin.enableServer=false",
      "minSessionTimeout=1000",
      "maxSessionTimeout=60000",
      // All clients of a test come from one address.
      "maxClientCnxns=0",
      ...lines,
    ].join("\n");
  }

  #spawn(): Deno.ChildProcess {
    const { java = [], prefix = [] } = this.#options;
    const { directory } = this;
    const command = [
      ...prefix,
      ...["java", ...JAVA_OPTIONS, ...java],
      ...["-cp", zookeeperClassPath(), MAIN],
      `${directory}/zoo.cfg`,
    ];
    return new Deno.Command("sh", {
      // Who ends the test run ends its servers.
      args: tiedArgs(`${directory}/log`, command),
      stdin: "null",
    }).spawn();
  }

  /**
   * Asks one of its four-letter words; empty: no answer. While it starts, a
   * server may fail over the question and leave the connection open.
   */
  async #word(word: string): Promise<string> {
    const { address: hostname, port } = this;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      using connection = await Deno.connect({ hostname, port });
      timer = setTimeout(() => connection.close(), WORD_MS_MAX);
      await connection.write(new TextEncoder().encode(word));
      const chunks: string[] = [];
      const decoder = new TextDecoder();
      const buffer = new Uint8Array(4096);
      for (;;) {
        const count = await connection.read(buffer);
        if (count === null) return chunks.join("");
        chunks.push(decoder.decode(buffer.subarray(0, count)));
      }
    } catch {
      return "";
    } finally {
      clearTimeout(timer);
    }
  }

  #signal(name: Deno.Signal): void {
    try {
      this.#child.kill(name);
    } catch {
      // It has ended already.
    }
  }
}
