/** The cluster page behind a real listener, over members that a test makes up. */
import { SystemClock } from "../../lib/adapters/os/clock.ts";
import { createApp } from "../../lib/http/app.ts";
import {
  DEFAULT_REST_SETTINGS,
  type RestCredentials,
} from "../../lib/http/rest_settings.ts";
import type { ActionCall } from "../../lib/ui/action_plan.ts";
import { type RestServer, serveRest } from "../../lib/http/server.ts";
import type { MemberLook, ProxyLook } from "../../lib/ports/onlooker.ts";
import { ClusterFeed, type FeedSource } from "../../lib/ui/feed.ts";
import { OWN_FACTS } from "./own_facts.ts";
import { LogLines } from "./rest_app.ts";
import { StubAgentApi } from "./stub_agent_api.ts";

/** A page; what it shows may be changed all the time. */
export class UiRest implements AsyncDisposable {
  readonly api = new StubAgentApi();
  readonly log = new LogLines();
  readonly feed: ClusterFeed;
  source: FeedSource;
  looks: readonly MemberLook[] = [];
  proxies: readonly ProxyLook[] = [];
  isUiOn = true;
  credentials: RestCredentials | null = null;
  /** What members were asked to do. */
  readonly calls: ActionCall[] = [];
  readonly #ending = new AbortController();
  #server: RestServer | null = null;
  #running: Promise<void> = Promise.resolve();

  private constructor(source: FeedSource) {
    this.source = source;
    this.feed = new ClusterFeed({
      clock: new SystemClock(),
      onlooker: { look: () => Promise.resolve(this.looks) },
      proxies: () => Promise.resolve(this.proxies),
      source: () => this.source,
      onError: (error) => this.log.error(String(error)),
    });
  }

  static async open(source: FeedSource): Promise<UiRest> {
    const ui = new UiRest(source);
    const { log, feed } = ui;
    const app = createApp(ui.api, {
      settings: () => ({
        ...DEFAULT_REST_SETTINGS,
        isUiOn: ui.isUiOn,
        credentials: ui.credentials,
      }),
      metrics: { samples: () => [] },
      log,
      ui: {
        feed,
        ownFacts: () => OWN_FACTS,
        callMember: (call) => {
          ui.calls.push(call);
          return Promise.resolve({ status: 200, text: "done" });
        },
      },
    });
    ui.#running = feed.run(ui.#ending.signal);
    const listen = { host: "127.0.0.1", port: 0 };
    ui.#server = await serveRest(app, { listen, tls: null, log });
    return ui;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server?.port}`;
  }

  /** The listener goes; pages hear nothing more. */
  async close(): Promise<void> {
    await this.#server?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.close();
    await this.#running;
  }
}
