/** Port 7000: the statistics for people (`/`), programs and monitoring. */
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { openPorts, type PortUse } from "./listener.ts";
import { prometheusText, type Stats, statsJson } from "./stats.ts";
import { STATS_PAGE } from "./stats_page.ts";

/** See the head of this file. */
export class StatsServer {
  readonly port: number;
  readonly #log: Log;
  readonly #closing = new AbortController();
  readonly #servers: readonly Deno.HttpServer<Deno.NetAddr>[];
  #stats: (() => Stats) | null = null;

  /** @throws {ProxyStartError} If the port can not be opened. */
  constructor(uses: readonly PortUse[], log: Log) {
    this.#log = log;
    try {
      this.#servers = openPorts(uses, (host, port) => this.#serve(host, port));
    } catch (error) {
      this.#closing.abort();
      throw error;
    }
    this.port = this.#servers[0]?.addr.port ?? 0;
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
        this.#log.error(message, { error });
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
