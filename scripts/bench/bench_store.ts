/** An etcd that says for ever that one instance leads: for measuring a proxy alone. */
import { freePort } from "./proxy_sides.ts";

const STARTED_MS_MAX = 20_000;
/** A hundred times as often as agents with the usual `loop_wait`. */
const CHANGE_EVERY_MS = 100;

/** An etcd in which one instance leads for ever. Disposing ends it. */
export class BenchStore implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: Deno.ChildProcess, folder: string) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
  }

  static async start(): Promise<BenchStore> {
    const folder = await Deno.makeTempDir({ prefix: "matriarch-bench-etcd-" });
    const [client, peer] = [freePort(), freePort()];
    const own = `http://127.0.0.1:${client}`;
    const child = new Deno.Command("etcd", {
      args: [
        ...["--data-dir", folder, "--unsafe-no-fsync"],
        ...["--listen-client-urls", own, "--advertise-client-urls", own],
        ...["--listen-peer-urls", `http://127.0.0.1:${peer}`],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const store = new BenchStore(client, child, folder);
    await store.#untilUp();
    return store;
  }

  /** Writes the keys of a scope whose leader listens on a port of loopback. */
  async lead(scope: string, port: number): Promise<void> {
    await this.#member(scope, { port, lsn: 1000 });
    await this.#put(`/service/${scope}/leader`, "n1");
  }

  /** Changes the leader's member key again and again until the signal. */
  async change(
    scope: string,
    port: number,
    signal: AbortSignal,
  ): Promise<void> {
    for (let lsn = 1001; !signal.aborted; lsn++) {
      await this.#member(scope, { port, lsn });
      await new Promise((resolve) => setTimeout(resolve, CHANGE_EVERY_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #member(
    scope: string,
    fields: { readonly port: number; readonly lsn: number },
  ): Promise<void> {
    const value = JSON.stringify({
      conn_url: `postgres://127.0.0.1:${fields.port}/postgres`,
      state: "running",
      role: "primary",
      xlog_location: fields.lsn,
    });
    await this.#put(`/service/${scope}/members/n1`, value);
  }

  /** Source: etcd manual, "gRPC gateway". */
  async #put(key: string, value: string): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${this.port}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key: btoa(key), value: btoa(value) }),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`etcd answers ${response.status}`);
  }

  async #untilUp(): Promise<void> {
    const deadline = performance.now() + STARTED_MS_MAX;
    while (true) {
      try {
        return await this.#put("/up", "");
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}
