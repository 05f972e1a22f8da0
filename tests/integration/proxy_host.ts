/** A stand-alone proxy as a process, with a SQLite store of its own. */
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { DcsSqlite } from "../../lib/adapters/sqlite/dcs_sqlite.ts";
import { HANDED_VARIABLE } from "../../lib/compose/handed_config.ts";
import { freePort } from "../helpers/free_ports.ts";
import { endAllWith } from "../helpers/own_processes.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { until } from "../helpers/tcp.ts";
import { KeyWriter } from "./proxy_rig.ts";

/** A stand-alone proxy's folder: SQLite DCS and configuration. */
export class ProxyHost implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "matriarch-proxy-" });
  readonly port: number;
  readonly replicaPort = freePort();
  readonly statsPort = freePort();
  readonly config = `${this.folder}/proxy.yml`;
  readonly dcs = new DcsSqlite({
    path: `${this.folder}/dcs.db`,
    scopePath: "/service/demo",
    clock: new SystemClock(),
  });
  readonly keys = new KeyWriter(this.dcs);
  #log = "";
  readonly #reading: Promise<void>[] = [];

  constructor(primaryPort = freePort()) {
    this.port = primaryPort;
    this.configure();
  }

  /** Writes the file: what `proxy` says beside the ports, and other sections. */
  configure(
    proxy: Readonly<Record<string, unknown>> = {},
    others: Readonly<Record<string, unknown>> = {},
  ): void {
    const config = {
      scope: "demo",
      sqlite: { path: `${this.folder}/dcs.db` },
      proxy: {
        listen: "127.0.0.1",
        primary_port: this.port,
        replica_port: this.replicaPort,
        stats_port: this.statsPort,
        ...proxy,
      },
      ...others,
    };
    Deno.writeTextFileSync(this.config, JSON.stringify(config));
  }

  /**
   * @param handed What its agent writes to its standard input; null: it has none.
   */
  spawn(
    handed: string | null = null,
    env: Readonly<Record<string, string>> = {},
  ): Deno.ChildProcess {
    const child = matriarchCommand(["proxy", this.config], {
      env: {
        // Its control socket ends with the folder.
        XDG_RUNTIME_DIR: this.folder,
        ...(handed === null ? {} : { [HANDED_VARIABLE]: "stdin" }),
        ...env,
      },
      stdin: handed === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    if (handed !== null) new Blob([handed]).stream().pipeTo(child.stdin);
    return child;
  }

  /** The same, and what it says is kept. */
  async start(
    env: Readonly<Record<string, string>> = {},
  ): Promise<Deno.ChildProcess> {
    const child = this.spawn(null, env);
    this.#reading.push(this.#keep(child.stderr), this.#keep(child.stdout));
    await until("it listens", () => isOpen(this.port), () => this.#log);
    return child;
  }

  /** All that processes started by `start` said. */
  get log(): string {
    return this.#log;
  }

  async untilSaid(what: RegExp, from = 0): Promise<void> {
    await until(
      `it says ${what}`,
      () => what.test(this.#log.slice(from)),
      () => this.#log,
    );
  }

  async stats() {
    const url = `http://127.0.0.1:${this.statsPort}/stats`;
    // The port comes some moments after a proxy that has taken over.
    const asked = () => fetch(url).catch(() => null);
    let answer = await asked();
    await until("the statistics answer", async () => {
      answer ??= await asked();
      return answer !== null;
    }, () => this.#log);
    return await answer?.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endAllWith(this.config);
    await Promise.all(this.#reading);
    await this.dcs.close();
    await Deno.remove(this.folder, { recursive: true });
  }

  async #keep(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#log += text;
    }
  }
}

/** Whether somebody listens there. */
export async function isOpen(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
