/**
 * Port 7000: the statistics for people (`/`), programs and monitoring. Whoever
 * opens connections there cannot hurt the clients of the proxy: there are few
 * at a time, each has little time, and the one that took the longest makes room
 * for the next. A connection is for one request.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import { ClusterFeed } from "../lib/ui/feed.ts";
import { CLUSTER_PAGE } from "../lib/ui/page.ts";
import type { ProxyPage } from "./cluster_page.ts";
import { STATS_CONNECTIONS_MAX } from "./descriptors.ts";
import { EventStreams } from "./event_streams.ts";
import { errorText } from "./error_text.ts";
import {
  HEAD_BYTES_MAX,
  isOwnHost,
  type RequestHead,
  requestHead,
} from "./http_head.ts";
import { acceptAll, listenTcp, openPorts, type PortUse } from "./listener.ts";
import { Networks } from "./networks.ts";
import type { StatsOptions } from "./options.ts";
import { ownNames, readNameFiles } from "./own_names.ts";
import { closeQuietly, writeAll } from "./byte_stream.ts";
import type { Stats } from "./stats.ts";
import {
  clustersReply,
  HEALTH_PATH,
  type Reply,
  replyTo,
} from "./stats_reply.ts";
import { isLoggedIn } from "./stats_login.ts";

/** How often a port is tried that a predecessor has to let go of. */
const LATE_LOOK_MS = 50;
/** How long it may take for that; from then on, and where there is none, somebody else has the port. */
const LATE_MS = 5_000;
const RETRY_MS = 5_000;

/** From the connection to the end of the answer. */
const EXCHANGE_MS = 5_000;

/** What it needs. */
interface StatsServerParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly options: StatsOptions;
}

type Listener = Deno.TcpListener | Deno.TlsListener;

/** Serves the statistics. */
export class StatsServer {
  readonly #parts: StatsServerParts;
  readonly #networks: Networks;
  readonly #closing = new AbortController();
  /** In order of arrival. */
  readonly #conns = new Set<Deno.Conn>();
  readonly #talks = new Set<Promise<void>>();
  #listeners: readonly Listener[] = [];
  readonly #streams = new EventStreams();
  #reply: ((path: string) => Reply) | null = null;
  #page: ProxyPage | null = null;

  constructor(parts: StatsServerParts) {
    this.#parts = parts;
    this.#networks = new Networks(parts.options.allow);
  }

  get port(): number {
    return this.#listeners[0]?.addr.port ?? this.#parts.options.port;
  }

  /**
   * Opens the port as soon as it can be had: a page less is no reason to turn
   * clients away, or to leave PostgreSQL without its fence. Never rejects.
   *
   * @param holder Who has the port at first: nobody that we know, or a predecessor that lets go of it soon.
   */
  async open(holder: "nobody" | "predecessor"): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#closing;
    const graceMs = holder === "nobody" ? 0 : LATE_MS;
    const startedAt = clock.now();
    for (let hasWarned = false; !signal.aborted;) {
      try {
        this.#listeners = this.#listen();
        for (const listener of this.#listeners) this.#accept(listener);
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
    this.#reply = (path) => replyTo(path, stats());
  }

  /** The same for several clusters. */
  showClusters(all: () => readonly Stats[]): void {
    this.#reply = (path) => clustersReply(path, all());
  }

  /** From now on there is a cluster page, too. */
  showPage(page: ProxyPage): void {
    this.#page = page;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#streams.close();
    for (const listener of this.#listeners) closeQuietly(listener);
    for (const conn of this.#conns) closeQuietly(conn);
    await Promise.all(this.#talks);
  }

  #listen(): readonly Listener[] {
    const { listen, port, tls } = this.#parts.options;
    const uses = listen.map((hostname): PortUse => ({
      setting: "stats_port",
      hostname,
      port,
    }));
    return openPorts<Listener>(
      uses,
      (hostname, number) =>
        tls === null
          ? listenTcp(hostname, number)
          : Deno.listenTls({ hostname, port: number, ...tls }),
    );
  }

  #warn(error: unknown): void {
    this.#parts.log.warning(
      `${errorText(error)}; clients are served without statistics, ` +
        `which are tried again every ${RETRY_MS / 1000} s`,
      { error },
    );
  }

  #accept(listener: Listener): void {
    const onClient = (conn: Deno.Conn): void => this.#admit(conn);
    this.#keep(acceptAll(listener, { ...this.#parts, onClient }));
  }

  #admit(conn: Deno.Conn): void {
    const { remoteAddr } = conn;
    if (remoteAddr.transport !== "tcp") return closeQuietly(conn);
    if (!this.#networks.includes(remoteAddr.hostname)) {
      return closeQuietly(conn);
    }
    const [oldest] = this.#conns;
    if (this.#conns.size >= STATS_CONNECTIONS_MAX && oldest !== undefined) {
      this.#conns.delete(oldest);
      closeQuietly(oldest);
    }
    this.#conns.add(conn);
    this.#keep(this.#serve(conn));
  }

  #keep(talk: Promise<void>): void {
    this.#talks.add(talk);
    talk.finally(() => this.#talks.delete(talk));
  }

  /** One request. Never rejects. */
  async #serve(conn: Deno.Conn): Promise<void> {
    const done = new AbortController();
    let isStream = false;
    this.#parts.clock.sleep(EXCHANGE_MS, done.signal)
      .then(() => isStream || closeQuietly(conn));
    try {
      const head = await readHead(conn);
      if (head === null) return;
      const answer = this.#answer(head);
      if (typeof answer !== "string") {
        isStream = true;
        done.abort();
        this.#conns.delete(conn);
        return await this.#streams.serve(conn, answer);
      }
      await writeAll(conn, new TextEncoder().encode(answer));
      await conn.closeWrite();
      // Its own end: closing before it could discard the answer.
      await conn.read(new Uint8Array(64));
    } catch {
      // It went away, was too slow, or made room for another one.
    } finally {
      done.abort();
      this.#conns.delete(conn);
      closeQuietly(conn);
    }
  }

  /** The whole answer, or the feed that goes on. */
  #answer(head: RequestHead | "garbage"): string | ClusterFeed {
    if (head === "garbage") return answerText(BAD_REQUEST, "GET");
    const { listen, login } = this.#parts.options;
    // Read for each request: a host may get its name after the proxy's start.
    const own = ownNames(Deno.hostname(), readNameFiles());
    if (!isOwnHost(head.host, { own, listen })) {
      return answerText(FOREIGN_HOST, head.method);
    }
    if (head.method !== "GET" && head.method !== "HEAD") {
      return answerText(BAD_METHOD, head.method);
    }
    const isOpen = head.path === HEALTH_PATH;
    if (!isOpen && !isLoggedIn(head.authorization, login)) {
      return answerText(UNAUTHORIZED, head.method);
    }
    const page = this.#page === null ? null : this.#pageReply(this.#page, head);
    if (page instanceof ClusterFeed) return page;
    if (page !== null) return answerText(page, head.method);
    return answerText(this.#replyTo(head.path), head.method);
  }

  /** Null: it asks for something else. */
  #pageReply(
    page: ProxyPage,
    { method, path }: RequestHead,
  ): Reply | ClusterFeed | null {
    if (path === "/ui" || path === "/ui/") {
      return {
        status: `200 OK\r\ncontent-security-policy: ${page.policy}` +
          "\r\nreferrer-policy: no-referrer",
        body: CLUSTER_PAGE,
        type: "text/html; charset=utf-8",
      };
    }
    if (path !== "/ui/events" || method !== "GET") return null;
    return this.#streams.hasRoom ? page.feed : NOT_READY;
  }

  #replyTo(path: string): Reply {
    try {
      return this.#reply?.(path) ?? NOT_READY;
    } catch (error) {
      const message = `The statistics page failed: ${errorText(error)}`;
      this.#parts.log.error(message, { error });
      return { status: "500 Internal Server Error", body: "internal error\n" };
    }
  }
}

/** The head of a request, whatever it is worth; null: it ended before. */
async function readHead(
  conn: Deno.Conn,
): Promise<RequestHead | "garbage" | null> {
  const bytes = new Uint8Array(HEAD_BYTES_MAX);
  for (let filled = 0;;) {
    const length = await conn.read(bytes.subarray(filled));
    if (length === null) return null;
    filled += length;
    const head = requestHead(bytes.subarray(0, filled));
    if (head !== "incomplete") return head;
  }
}

const BAD_REQUEST = { status: "400 Bad Request", body: "bad request\n" };
const BAD_METHOD = {
  status: "405 Method Not Allowed\r\nallow: GET, HEAD",
  body: "method not allowed\n",
};
const UNAUTHORIZED = {
  status: '401 Unauthorized\r\nwww-authenticate: Basic realm="matriarch"',
  body: "no access\n",
};
const FOREIGN_HOST = {
  status: "421 Misdirected Request",
  body: "ask by address, or by the name of this host\n",
};
const NOT_READY = { status: "503 Service Unavailable", body: "not ready\n" };

function answerText(reply: Reply, method: string): string {
  const { status, body, type = "text/plain" } = reply;
  const length = new TextEncoder().encode(body).length;
  const head = [
    `HTTP/1.1 ${status}`,
    `content-type: ${type}`,
    `content-length: ${length}`,
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    "connection: close",
  ].join("\r\n");
  return `${head}\r\n\r\n${method === "HEAD" ? "" : body}`;
}
