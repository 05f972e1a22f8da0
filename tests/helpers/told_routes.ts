/** Agents that tell routes, over one memory store: real REST listeners, no PostgreSQL. */
import { RouteFeed } from "../../lib/agent/route_feed.ts";
import { createApp } from "../../lib/http/app.ts";
import { DEFAULT_REST_SETTINGS } from "../../lib/http/rest_settings.ts";
import {
  type RestServer,
  serveRest,
  type TlsOptions,
} from "../../lib/http/server.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import { MemoryDcs } from "../sim/dcs_memory.ts";
import type { MemoryStore } from "../sim/dcs_memory_store.ts";
import { LogLines } from "./rest_app.ts";
import { StubAgentApi } from "./stub_agent_api.ts";

/** What differs from a plain agent of scope "demo". */
interface TellingOptions {
  readonly clock: Clock;
  readonly scope?: string;
  readonly tls?: TlsOptions | null;
}

/** One agent with its own way to the store. */
export class TellingAgent implements AsyncDisposable {
  readonly dcs: MemoryDcs;
  /** How often it has asked the store. */
  reads = 0;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  readonly #server: RestServer;
  readonly #isTls: boolean;

  private constructor(
    dcs: MemoryDcs,
    parts: {
      readonly server: RestServer;
      readonly feed: RouteFeed;
      readonly isTls: boolean;
    },
  ) {
    this.dcs = dcs;
    this.#server = parts.server;
    this.#isTls = parts.isTls;
    this.#running = parts.feed.run(this.#ending.signal);
    const read = dcs.read.bind(dcs);
    dcs.read = (limits) => {
      this.reads++;
      return read(limits);
    };
  }

  static async open(
    store: MemoryStore,
    { clock, scope = "demo", tls = null }: TellingOptions,
  ): Promise<TellingAgent> {
    const dcs = new MemoryDcs(store, "/service/demo", { watchDelayMs: 0 });
    const feed = new RouteFeed({ clock, dcs, scope });
    const log = new LogLines();
    const app = createApp(new StubAgentApi(), {
      settings: () => ({
        ...DEFAULT_REST_SETTINGS,
        credentials: { username: "u", password: "only for unsafe requests" },
      }),
      metrics: { samples: () => [] },
      routes: feed,
      log,
    });
    const listen = { host: "127.0.0.1", port: 0 };
    const server = await serveRest(app, { listen, tls, log });
    return new TellingAgent(dcs, { server, feed, isTls: tls !== null });
  }

  get url(): string {
    return `http${this.#isTls ? "s" : ""}://127.0.0.1:${this.#server.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.#server.close();
    await this.dcs.close();
  }
}
