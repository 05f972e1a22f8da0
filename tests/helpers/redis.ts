/**
 * A private Redis for tests, durable, on a free port, ended with the test. Can be
 * stopped (SIGSTOP) and killed. `MATRIARCH_TEST_REDIS` names another program, such
 * as Valkey's.
 */
import { freePort } from "./free_ports.ts";
import { memoryFolder } from "./memory_folder.ts";
import { skipReason } from "./skip_reason.ts";

const START_LIMIT_MS = 30_000;
const STOPPED_MS_MAX = 5_000;

/** What a server must have to keep a scope. */
const DURABLE = { appendonly: "yes", appendfsync: "always" };

/** Why tests with Redis cannot run here; null if they can. */
export function redisSkipReason(): string | null {
  return skipReason(program(), "redis-server");
}

function program(): string {
  return Deno.env.get("MATRIARCH_TEST_REDIS") ?? "redis-server";
}

/** A running server. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #directory: string;
  #child: Deno.ChildProcess;
  readonly #words: readonly string[];
  /** Words of redis-cli that come before a command. */
  readonly #cli: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;

  private constructor(
    directory: string,
    port: number,
    { settings, cli, environment }: {
      readonly settings: Readonly<Record<string, string>>;
      readonly cli: readonly string[];
      readonly environment: Readonly<Record<string, string>>;
    },
  ) {
    this.#environment = environment;
    this.#directory = directory;
    this.port = port;
    const all = {
      ...{ port: String(port), bind: "127.0.0.1", dir: directory, save: "" },
      ...{ "repl-diskless-sync-delay": "0", "repl-timeout": "10" },
      ...DURABLE,
      ...settings,
    };
    this.#cli = ["-h", "127.0.0.1", "-p", String(port), ...cli];
    this.#words = Object.entries(all).flatMap((
      [name, value],
    ) => [`--${name}`, ...(value === "" ? [""] : value.split(" "))]);
    this.#child = this.#spawn();
  }

  /**
   * Starts one.
   *
   * @param cli How redis-cli gets in, if not without anything.
   * @param environment Variables of the server besides the test's own.
   */
  static async start(
    settings: Readonly<Record<string, string>> = {},
    cli: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<RedisServer> {
    const directory = await memoryFolder("matriarch-redis-");
    const place = { settings, cli, environment };
    const server = new RedisServer(directory, freePort(), place);
    try {
      await server.#untilUp();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** One command beside the program under test; its answer as text. */
  async ask(...words: readonly string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("redis-cli", {
      args: [...this.#cli, ...words],
    }).output();
    const text = new TextDecoder().decode(stdout).trim();
    if (success) return text;
    throw new Error(text + new TextDecoder().decode(stderr));
  }

  /** Ends all connections of clients. */
  async cutConnections(): Promise<void> {
    await this.ask("CLIENT", "KILL", "TYPE", "pubsub");
    await this.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
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

  /** As by a power cut. */
  async kill(): Promise<void> {
    this.#signal("SIGKILL");
    await this.#child.status;
  }

  /** After {@link kill}: the same server again, from its disk. */
  async startAgain(): Promise<void> {
    this.#child = this.#spawn();
    await this.#untilUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#directory, { recursive: true });
  }

  #spawn(): Deno.ChildProcess {
    const log = `${this.#directory}/redis.log`;
    return new Deno.Command("sh", {
      args: [
        ...["-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "sh"],
        ...[log, program(), ...this.#words],
      ],
      env: this.#environment,
      stdin: "null",
    }).spawn();
  }

  async #untilUp(): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (await this.ask("PING").catch(() => "") !== "PONG") {
      if (performance.now() > deadline) {
        const log = await Deno.readTextFile(`${this.#directory}/redis.log`);
        throw new Error(`Redis did not start:\n${log.slice(-4000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
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
