/**
 * The listener of the REST API over reloads: opened once, and replaced when its
 * address, its certificates or their rules have changed. Requests that are being
 * served finish on the old one; nobody waits for them, for one of them may wait
 * for the very loop that reloads.
 *
 * Source: docs/contract/rest-api.md 2.5.
 */
import type { Log } from "../ports/log.ts";
import type { RestApp } from "./context.ts";
import { type RestServer, type ServeOptions, serveRest } from "./server.ts";

/** What `apply()` did. */
export type ListenerChange = "same" | "replaced";

/** Listens for the REST API, and moves to other settings at a reload. */
export class RestListener implements AsyncDisposable {
  readonly #log: Log;
  readonly #retired = new Set<RestServer>();
  #current: Current | null = null;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The port that is listened on; null before `open()` and after `close()`. */
  get port(): number | null {
    return this.#current?.server.port ?? null;
  }

  /**
   * Listens for the first time.
   *
   * @throws {ListenError} See `serveRest()`.
   */
  async open(app: RestApp, options: ServeOptions): Promise<void> {
    const server = await serveRest(app, options);
    this.#current = { app, options, server };
  }

  /**
   * Replaces the listener if these options differ from those in force. Does
   * nothing before `open()`.
   *
   * @throws {ListenError} If they cannot be used; then the old ones stay in
   * force.
   */
  async apply(options: ServeOptions): Promise<ListenerChange> {
    const current = this.#current;
    if (current === null || isInForce(current, options)) return "same";
    const { app } = current;
    try {
      const server = await serveRest(
        app,
        options,
        () => this.#retire(current.server),
      );
      this.#current = { app, options, server };
      return "replaced";
    } catch (error) {
      if (!current.server.isListening) await this.#restore(current);
      throw error;
    }
  }

  /** Stops listening and ends all requests within the bound of `serveRest()`. */
  async close(): Promise<void> {
    const servers = [...this.#retired];
    if (this.#current !== null) servers.push(this.#current.server);
    this.#current = null;
    await Promise.all(servers.map((server) => server.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #retire(server: RestServer): void {
    if (!server.isListening) return;
    this.#retired.add(server);
    server.retire()
      .catch((error) => {
        this.#log.warning("A REST listener did not end", { error });
      })
      .finally(() => this.#retired.delete(server));
  }

  /** Where that fails too, the next reload tries again. */
  async #restore({ app, options }: Current): Promise<void> {
    try {
      const server = await serveRest(app, options);
      this.#current = { app, options, server };
    } catch (error) {
      this.#log.error("The REST API has no listener now", { error });
    }
  }
}

interface Current {
  readonly app: RestApp;
  readonly options: ServeOptions;
  readonly server: RestServer;
}

/** Certificates are compared as texts: a new serial number is a new text. */
function isInForce({ options, server }: Current, next: ServeOptions): boolean {
  return server.isListening && textOf(options) === textOf(next);
}

function textOf({ listen, backlog, tls }: ServeOptions): string {
  return JSON.stringify([listen, backlog ?? null, tls]);
}
