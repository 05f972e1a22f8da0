/** The REST application on a stub agent, asked without sockets. */
import { createApp } from "../../lib/http/app.ts";
import type { ClientInfo, RestApp } from "../../lib/http/context.ts";
import {
  DEFAULT_REST_SETTINGS,
  type RestSettings,
} from "../../lib/http/rest_settings.ts";
import type { Log } from "../../lib/ports/log.ts";
import type { MetricSample } from "../../lib/ports/metrics.ts";
import { ClusterFeed } from "../../lib/ui/feed.ts";
import { ManualClock } from "./manual_clock.ts";
import { OWN_FACTS } from "./own_facts.ts";
import { StubAgentApi } from "./stub_agent_api.ts";

/** A log that keeps its lines, as `LEVEL message`. */
export class LogLines implements Log {
  readonly lines: string[] = [];
  debug = (message: string): void => this.#add("DEBUG", message);
  info = (message: string): void => this.#add("INFO", message);
  warning = (message: string): void => this.#add("WARNING", message);
  error = (message: string): void => this.#add("ERROR", message);
  critical = (message: string): void => this.#add("CRITICAL", message);

  #add(level: string, message: string): void {
    this.lines.push(`${level} ${message}`);
  }
}

/** What a request may name; `json` sets body and length. */
export interface AskOptions {
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly client?: ClientInfo;
}

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  readonly statusText: string;
}

/** Who asks if a test does not say: the first of three members. */
const MEMBER: ClientInfo = {
  address: "10.0.0.1",
  isTls: false,
  hasCertificate: false,
  certificateName: null,
};

/** A stream that takes nobody: without sockets nobody would end it. */
function ended(): ClusterFeed {
  const feed = new ClusterFeed({
    clock: new ManualClock(),
    onlooker: { look: () => Promise.resolve([]) },
    source: () => {
      throw new Error("nobody watches");
    },
    onError: () => {},
  });
  feed.run(AbortSignal.abort());
  return feed;
}

/** The application under test. */
export class RestBench {
  readonly api = new StubAgentApi();
  readonly log = new LogLines();
  settings: RestSettings = DEFAULT_REST_SETTINGS;
  samples: MetricSample[] = [];
  readonly app: RestApp = createApp(this.api, {
    settings: () => this.settings,
    metrics: { samples: () => this.samples },
    log: this.log,
    // As of an agent that ends: without sockets nobody would end a stream.
    routes: { watch: () => null },
    ui: {
      feed: ended(),
      ownFacts: () => OWN_FACTS,
      callMember: () => Promise.resolve({ status: 200, text: "done" }),
    },
  });

  /** Sends `METHOD /path`; rejects where the server would not reply. */
  async ask(line: string, options: AskOptions = {}): Promise<Answer> {
    const [method = "GET", path = "/"] = line.split(" ");
    const headers = new Headers(options.headers);
    const body = options.json === undefined
      ? options.text
      : JSON.stringify(options.json);
    if (body !== undefined && !headers.has("content-length")) {
      const length = new TextEncoder().encode(body).length;
      headers.set("content-length", String(length));
    }
    const init = { method, headers, ...(body === undefined ? {} : { body }) };
    const env = { client: options.client ?? MEMBER };
    const response = await this.app.request(path, init, env);
    return {
      status: response.status,
      statusText: response.statusText,
      headers: response.headers,
      text: await response.text(),
    };
  }

  /** Status and body of an answer, as `200 text`. */
  async line(line: string, options: AskOptions = {}): Promise<string> {
    const { status, text } = await this.ask(line, options);
    return `${status} ${text}`;
  }
}
