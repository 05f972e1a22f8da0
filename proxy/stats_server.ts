/** Port 7000: the statistics for people (`/`), programs and monitoring. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { openPorts, type PortUse } from "./listener.ts";
import { prometheusText, type Stats, statsJson } from "./stats.ts";
import { STATS_PAGE } from "./stats_page.ts";

/** How often a port is tried that a predecessor has to let go of. */
const LATE_LOOK_MS = 50;
const LATE_LOG_MS = 5_000;

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

  /** @throws {ProxyStartError} If the port can not be opened. */
  open(): void {
    const { uses } = this.#parts;
    this.#servers = openPorts(uses, (host, port) => this.#serve(host, port));
  }

  /** Opens the port as soon as a predecessor has let go of it; a page less is no reason to end. */
  async openLate(): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#closing;
    const startedAt = clock.now();
    for (let hasLogged = false; !signal.aborted;) {
      try {
        return this.open();
      } catch (error) {
        const isLate = clock.now() - startedAt > LATE_LOG_MS;
        if (isLate && !hasLogged) log.error(errorText(error), { error });
        hasLogged = isLate;
        await clock.sleep(isLate ? LATE_LOG_MS : LATE_LOOK_MS, signal);
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
