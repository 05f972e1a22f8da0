/**
 * Carries one request from node:http to the application and its reply back, and
 * closes the connection after it. Rejected by the application means: no reply,
 * not one byte.
 *
 * Source: docs/contract/rest-api.md 2.1, 2.5, 14.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import type { Log } from "../ports/log.ts";
import type { ClientInfo, RestApp } from "./context.ts";
import { isEventStream, sendEvents } from "./event_stream.ts";
import { finishUpgrade, type Receiver } from "./pulse_gate.ts";
import {
  pageHtml,
  PageProblem,
  pageReason,
  type PageStatus,
  unsupportedMethod,
} from "./problems.ts";
import { RequestPace } from "./request_pace.ts";
import { BODY_BYTES_MAX } from "./requests.ts";
import { timerMs } from "../core/base/units.ts";

/** Methods that a Request cannot have; no route has them either. */
const METHODS_UNSUPPORTED = new Set(["TRACE", "TRACK", "CONNECT"]);
const METHODS_WITHOUT_BODY = new Set(["GET", "HEAD"]);
/** Their bodies are never looked at, whatever their length. */
const METHODS_BODY_IGNORED = new Set([...METHODS_WITHOUT_BODY, "OPTIONS"]);

/**
 * A connection that is closed while unread bytes wait is reset, and the client
 * may never see the reply: so long it may read it and close by itself. Who goes
 * on sending waits as long: nobody reads what it sends.
 */
const LINGER_MS = 500;

/** Carries one request from node:http to the application, and its reply back. */
export class NodeBridge {
  readonly #app: RestApp;
  readonly #log: Log;
  readonly #running = new Set<Promise<void>>();
  readonly #busy = new Map<string, IncomingMessage>();
  readonly #served = new WeakSet<Socket>();
  readonly #pace = new RequestPace();
  readonly #streaming = new AbortController();
  /** Connections that were handed over, by name. */
  readonly #handedOver = new Set<string>();

  constructor(app: RestApp, log: Log) {
    this.#app = app;
    this.#log = log;
  }

  /** A request for a pulse: as many as others', and by the same rules. */
  async upgrade(incoming: IncomingMessage, socket: Duplex): Promise<void> {
    socket.on("error", () => socket.destroy());
    const { remoteAddress } = incoming.socket;
    const waitMs = this.#pace.waitMs(remoteAddress, performance.now());
    const url = requestUrl(incoming.url ?? "/");
    // Whoever has to wait comes again.
    if (waitMs !== 0 || url === null) return void socket.destroy();
    const peer = peerOf(incoming.socket);
    this.#handedOver.add(peer);
    socket.once("close", () => this.#handedOver.delete(peer));
    let receiver: Receiver | null = null;
    try {
      const request = new Request(url, { headers: headersOf(incoming) });
      const answer = await this.#app.fetch(request, {
        client: clientOf(incoming),
        handOver: (to) => receiver = to,
      });
      finishUpgrade(answer, socket, receiver);
    } catch (error) {
      this.#log.debug("Closed a connection that asked for a pulse", { error });
      socket.destroy();
    }
  }

  /** Serves the first request of a connection; whatever fails ends with it. */
  serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    // A pipelined request would be carried out without ever being answered.
    if (this.#served.has(incoming.socket)) return;
    this.#served.add(incoming.socket);
    const { socket } = incoming;
    const waitMs = this.#pace.waitMs(socket.remoteAddress, performance.now());
    if (waitMs === null) return void socket.destroy();
    if (waitMs === 0) return this.#admit(incoming, outgoing);
    const timer = setTimeout(
      () => this.#admit(incoming, outgoing),
      timerMs(waitMs),
    );
    socket.once("close", () => clearTimeout(timer));
  }

  #admit(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (isTooLarge(incoming)) return this.#refuseUnread(incoming);
    const peer = peerOf(incoming.socket);
    this.#busy.set(peer, incoming);
    const running = this.#serve(incoming, outgoing).finally(() => {
      this.#running.delete(running);
      this.#busy.delete(peer);
    });
    this.#running.add(running);
  }

  /** Answers what is no HTTP request. */
  refuse(error: Error, socket: Duplex): void {
    this.#refuse(statusOfError(error), socket);
  }

  /** Answers who was too slow to send a request. */
  refuseLate(socket: Duplex): void {
    this.#refuse(408, socket);
  }

  #refuse(status: PageStatus, socket: Duplex): void {
    const problem = new PageProblem(status);
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(replyText(problem), () => socket.destroy());
  }

  /** Answers from the head alone: the body costs nothing but the kernel's buffer. */
  #refuseUnread({ socket, method, url }: IncomingMessage): void {
    socket.pause();
    socket.end(replyText(new PageProblem(413)));
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(timer));
    this.#log.debug(
      `API thread: ${socket.remoteAddress} - - "${method} ${url}" 413`,
    );
  }

  /** True from the last byte of a request on that connection to its reply's, and while a pulse has it. */
  isServing(socket: Socket): boolean {
    const peer = peerOf(socket);
    return this.#handedOver.has(peer) ||
      this.#busy.get(peer)?.complete === true;
  }

  /** Ends the replies that go on; pages ask again, maybe a successor. */
  endStreams(): void {
    this.#streaming.abort();
  }

  /** Resolves when all requests of this moment have been served. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Resolves when no request is being served, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timerMs(timeoutMs));
    await Promise.race([this.settled(), promise]);
    clearTimeout(timer);
  }

  async #serve(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
  ): Promise<void> {
    const begunMs = performance.now();
    const line = `${incoming.method} ${incoming.url} ` +
      `HTTP/${incoming.httpVersion}`;
    const address = incoming.socket.remoteAddress ?? "unknown";
    try {
      const response = await this.#reply(incoming);
      await send(response, outgoing, this.#streaming.signal);
      const tookMs = (performance.now() - begunMs).toFixed(3);
      this.#log.debug(
        `API thread: ${address} - - "${line}" ${response.status} - ` +
          `latency: ${tookMs} ms`,
      );
    } catch (error) {
      const text = "Closed a REST connection without a reply: " +
        `${address} - - "${line}"`;
      // Who goes away within a request must not be able to fill the log.
      if (incoming.complete) this.#log.warning(text, { error });
      else this.#log.debug(text, { error });
      incoming.socket.destroy();
    }
  }

  async #reply(incoming: IncomingMessage): Promise<Response> {
    const method = incoming.method ?? "GET";
    if (METHODS_UNSUPPORTED.has(method)) {
      return pageResponse(unsupportedMethod(method));
    }
    const url = requestUrl(incoming.url ?? "/");
    if (url === null) return pageResponse(new PageProblem(400));
    const request = new Request(url, {
      method,
      headers: headersOf(incoming),
      ...(METHODS_WITHOUT_BODY.has(method)
        ? {}
        : { body: ReadableStream.from(incoming) }),
    });
    return await this.#app.fetch(request, { client: clientOf(incoming) });
  }
}

function isTooLarge({ method = "GET", headers }: IncomingMessage): boolean {
  return !METHODS_BODY_IGNORED.has(method) &&
    Number(headers["content-length"] ?? 0) > BODY_BYTES_MAX;
}

/** An error page with its head, for a socket. */
function replyText(problem: PageProblem): string {
  const html = pageHtml(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${pageReason(problem)}`,
    "Connection: close",
    "Content-Type: text/html;charset=utf-8",
    `Content-Length: ${new TextEncoder().encode(html).length}`,
  ];
  return `${head.join("\r\n")}\r\n\r\n${html}`;
}

/** Names a connection: the socket under TLS and the one above it alike. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Targets come as path, as whole URL, or as `*`. */
function requestUrl(target: string): string | null {
  const isAbsolute = /^https?:\/\//i.test(target);
  const path = target.startsWith("/") ? target : `/${target}`;
  return URL.parse(isAbsolute ? target : `http://localhost${path}`)?.href ??
    null;
}

/** What the application looks at; a header that is not here does not exist for it. */
const HEADERS = [
  "authorization",
  "content-length",
  "host",
  "origin",
  "sec-fetch-site",
] as const;

function headersOf(incoming: IncomingMessage): Headers {
  const headers = new Headers();
  for (const name of HEADERS) {
    const value = incoming.headers[name];
    if (typeof value === "string") headers.set(name, value);
  }
  return headers;
}

function clientOf({ socket }: IncomingMessage): ClientInfo {
  const isTls = socket instanceof TLSSocket;
  const certificate = isTls ? socket.getPeerCertificate() : null;
  return {
    address: socket.remoteAddress ?? "",
    isTls,
    hasCertificate: Object.keys(certificate ?? {}).length > 0,
    certificateName: isTls && socket.authorized
      ? commonName(certificate?.subject?.CN)
      : null,
  };
}

/** Of several names none is the one. */
function commonName(name: unknown): string | null {
  return typeof name === "string" && name !== "" ? name : null;
}

async function send(
  response: Response,
  outgoing: ServerResponse,
  streaming: AbortSignal,
): Promise<void> {
  const body = isEventStream(response) ? null : await response.bytes();
  outgoing.shouldKeepAlive = false;
  outgoing.statusCode = response.status;
  if (response.statusText !== "") outgoing.statusMessage = response.statusText;
  for (const [name, value] of response.headers) {
    outgoing.setHeader(usualCase(name), value);
  }
  outgoing.setHeader("Connection", "close");
  if (body === null) return await sendEvents(response, outgoing, streaming);
  outgoing.setHeader("Content-Length", body.length);
  if (outgoing.destroyed) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  outgoing.once("close", resolve);
  outgoing.req.socket.once("close", resolve);
  outgoing.end(body, resolve);
  await promise;
}

/** `content-type` as `Content-Type`, for scripts that look at it with grep. */
function usualCase(name: string): string {
  if (name === "www-authenticate") return "WWW-Authenticate";
  if (name === "lsn") return name;
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

function pageResponse(problem: PageProblem): Response {
  return new Response(new TextEncoder().encode(pageHtml(problem)), {
    status: problem.status,
    statusText: pageReason(problem),
    headers: { "Content-Type": "text/html;charset=utf-8" },
  });
}

function statusOfError(error: Error): PageStatus {
  const code = "code" in error ? error.code : null;
  return code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
}
