/** Port 7000: the statistics for people (`/`), programs and monitoring. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { openPorts, type PortUse } from "./listener.ts";
import { prometheusText, type Stats, statsJson } from "./stats.ts";
import { STATS_PAGE } from "./stats_page.ts";

/** How often a port is tried that a predecessor has to let go of. */
const LATE_LOOK_MS = 50;
/** How long it may take for that; from then on, and where there is none, somebody else has the port. */
const LATE_MS = 5_000;
const RETRY_MS = 5_000;

/** What it needs. */
export interface StatsServerParts {
  readonly uses: readonly PortUse[];
  readonly clock: Clock;
  readonly log: Log;
}

/** See the head of this file. */
export class StatsServer {
  readonly #parts: StatsServerParts;
  readonly #closing = new AbortController();
  #servers: readonly Deno.HttpServer<Deno.NetAddr>[] = [];
  #stats: (() => Stats) | null = null;

  constructor(parts: StatsServerParts) {
    this.#parts = parts;
  }

  get port(): number {
    return this.#servers[0]?.addr.port ?? this.#parts.uses[0]?.port ?? 0;
  }

  /**
   * Opens the port as soon as it can be had: a page less is no reason to turn
   * clients away, or to leave PostgreSQL without its fence. Never rejects.
   *
   * @param holder Who has the port at first: nobody that we know, or a predecessor that lets go of it soon.
   */
  async open(holder: "nobody" | "predecessor"): Promise<void> {
    const { clock, log, uses } = this.#parts;
    const { signal } = this.#closing;
    const graceMs = holder === "nobody" ? 0 : LATE_MS;
    const startedAt = clock.now();
    for (let hasWarned = false; !signal.aborted;) {
      try {
        this.#servers = openPorts(uses, (host, at) => this.#serve(host, at));
        if (hasWarned) log.info(`The statistics are on port ${this.port} now`);
        return;
      } catch (error) {
        const isLate = clock.now() - startedAt >= graceMs;
        if (isLate && !hasWarned) this.#warn(error);
        hasWarned = isLate;
        await clock.sleep(isLate ? RETRY_MS : LATE_LOOK_MS, signal);
      }
    }
  }

  /** From now on requests are answered with these statistics. */
  show(stats: () => Stats): void {
    this.#stats = stats;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#servers.map((server) => server.finished));
  }

  #warn(error: unknown): void {
    this.#parts.log.warning(
      `${errorText(error)}; clients are served without statistics, ` +
        `which are tried again every ${RETRY_MS / 1000} s`,
      { error },
    );
  }

  #serve(hostname: string, port: number): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve({
      hostname,
      port,
      signal: this.#closing.signal,
      onListen: () => {},
      onError: (error) => {
        const message = `The statistics page failed: ${errorText(error)}`;
        this.#parts.log.error(message, { error });
        return new Response("internal error\n", { status: 500 });
      },
    }, (request) => this.#answer(request));
  }

  #answer(request: Request): Response {
    if (this.#stats === null) return new Response(null, { status: 503 });
    return answer(request, this.#stats());
  }
}

/** The answer to one request; exported for its test. */
export function answer(request: Request, stats: Stats): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    const headers = { allow: "GET, HEAD" };
    return new Response("method not allowed\n", { status: 405, headers });
  }
  switch (new URL(request.url).pathname) {
    case "/":
      return reply(STATS_PAGE, "text/html; charset=utf-8");
    case "/stats":
      return reply(statsJson(stats), "application/json");
    case "/metrics":
      return reply(prometheusText(stats), "text/plain; version=0.0.4");
    case "/healthz":
      return reply("ok\n", "text/plain");
    default:
      return new Response("not found\n", { status: 404 });
  }
}

function reply(body: string, type: string): Response {
  const headers = { "content-type": type, "cache-control": "no-store" };
  return new Response(body, { headers });
}
