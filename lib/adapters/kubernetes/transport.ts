/**
 * HTTP exchanges with an API server, over node:https: Deno's fetch can neither
 * leave a certificate unchecked nor ask an address under another name, and obeys
 * HTTP_PROXY.
 */
import { Agent as HttpAgent, request as requestHttp } from "node:http";
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { timerMs } from "../../core/base/units.ts";
import type { KubeLogin } from "./authorizer.ts";
import type { CertificatePair, TlsContents } from "./options.ts";

/** A list has some kilobytes per pod. */
const BODY_LENGTH_MAX = 64 << 20;

/** One request. */
export interface KubeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** With a leading slash, and what stands behind `?`. */
  readonly path: string;
  /** JSON; null: none. */
  readonly body: string | null;
  readonly login: KubeLogin;
  /** The address to ask in place of the server's own; null: none. */
  readonly address: KubeAddress | null;
  /**
   * May go over a kept connection. One that is closed just then leaves open
   * whether a request was served, so only what can be sent twice does.
   */
  readonly isRepeatable: boolean;
}

/** One of the API servers. */
export interface KubeAddress {
  readonly host: string;
  readonly port: number;
}

/** Its answer, whatever that says. */
export interface KubeReply {
  readonly status: number;
  readonly body: string;
  /** From `Retry-After`; null: there is none. */
  readonly retryAfterMs: number | null;
}

/** Ends an exchange. */
export interface ExchangeLimits {
  readonly timeoutMs: number;
  readonly closing: AbortSignal;
}

/** Sends requests to one cluster. */
export class KubeTransport {
  readonly #server: URL;
  readonly #tls: TlsContents;
  /** Keeps connections, which were made with one certificate. */
  #agent: HttpAgent;
  #pair: CertificatePair | null = null;

  constructor(server: string, tls: TlsContents) {
    this.#server = new URL(server);
    this.#tls = tls;
    this.#agent = this.#newAgent();
  }

  /** For people. */
  get name(): string {
    return this.#server.origin;
  }

  get #isSecure(): boolean {
    return this.#server.protocol === "https:";
  }

  /** @throws {Error} If there is no connection, or no whole answer in time. */
  async exchange(
    request: KubeRequest,
    { timeoutMs, closing }: ExchangeLimits,
  ): Promise<KubeReply> {
    if (closing.aborted) throw new Error("the client is closed");
    const timeout = AbortSignal.timeout(timerMs(timeoutMs));
    try {
      const signal = AbortSignal.any([timeout, closing]);
      const answer = await this.#send(request, signal);
      return replyOf(answer, await textOf(answer, signal));
    } catch (error) {
      if (closing.aborted) throw new Error("the client is closed");
      if (timeout.aborted) throw new Error("no answer in time");
      throw error;
    }
  }

  /**
   * A request whose answer goes on and on: `take` gets its text as it comes.
   *
   * @param limits Within `timeoutMs` the answer has to begin.
   * @returns What the server said if it was no success; null at the end.
   */
  async stream(
    request: KubeRequest,
    limits: ExchangeLimits,
    take: (text: string) => void,
  ): Promise<KubeReply | null> {
    const { timeoutMs, closing } = limits;
    const starting = new AbortController();
    const signal = AbortSignal.any([starting.signal, closing]);
    const timer = setTimeout(() => starting.abort(), timerMs(timeoutMs));
    try {
      const answer = await this.#send(request, signal);
      clearTimeout(timer);
      if (answer.statusCode !== 200) {
        return replyOf(answer, await textOf(answer, signal));
      }
      await eachText(answer, signal, take);
      return null;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends kept connections. */
  close(): void {
    this.#agent.destroy();
  }

  #newAgent(): HttpAgent {
    const options = { keepAlive: true, maxFreeSockets: 2 };
    return this.#isSecure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** What is on its way with another certificate is asked again by the caller. */
  #agentFor({ pair }: KubeLogin): HttpAgent {
    if (pair !== this.#pair) {
      this.#agent.destroy();
      this.#agent = this.#newAgent();
      this.#pair = pair;
    }
    return this.#agent;
  }

  #send(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const { method, path, body, login, address } = request;
    const { header: authorization, pair } = login;
    const { hostname, port, pathname } = this.#server;
    const own = hostname.replace(/^\[|\]$/g, "");
    const standard = this.#isSecure ? 443 : 80;
    const options = {
      ...(this.#isSecure ? { ...this.#tls, ...pair } : {}),
      method,
      host: address?.host ?? own,
      port: address?.port ?? (port === "" ? standard : Number(port)),
      path: (pathname === "/" ? "" : pathname) + path,
      agent: request.isRepeatable ? this.#agentFor(login) : undefined,
      // The certificate is the Service's, whichever server shows it.
      ...(address === null ? {} : { servername: nameOf(own) }),
      headers: {
        accept: "application/json",
        ...(request.isRepeatable ? {} : { connection: "close" }),
        ...(authorization === null ? {} : { authorization }),
        ...(body === null ? {} : bodyHeaders(method, body)),
      },
    };
    return new Promise((resolve, reject) => {
      const send = this.#isSecure ? requestHttps : requestHttp;
      const outgoing = send(options, resolve);
      outgoing.on("error", reject);
      // Over a kept connection Deno's own handling of the signal does not end
      // the wait for a server that is frozen.
      onAbort(signal, () => {
        reject(new Error("aborted"));
        outgoing.destroy();
      });
      outgoing.end(body ?? undefined);
    });
  }
}

/** The name that every API server's certificate has, where all that is known is an address. */
function nameOf(host: string): string {
  return isIP(host) === 0 ? host : "kubernetes.default.svc";
}

function bodyHeaders(
  method: KubeRequest["method"],
  body: string,
): Readonly<Record<string, string>> {
  return {
    "content-type": method === "PATCH"
      // The strategic kind makes empty texts of nulls where there is no map yet.
      ? "application/merge-patch+json"
      : "application/json",
    "content-length": String(new TextEncoder().encode(body).length),
  };
}

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act();
  else signal.addEventListener("abort", act, { once: true });
}

async function textOf(
  answer: IncomingMessage,
  signal: AbortSignal,
): Promise<string> {
  const texts: string[] = [];
  let length = 0;
  await eachText(answer, signal, (text) => {
    length += text.length;
    texts.push(text);
    if (length > BODY_LENGTH_MAX) {
      answer.destroy(new Error("the answer is too long"));
    }
  });
  return texts.join("");
}

function eachText(
  answer: IncomingMessage,
  signal: AbortSignal,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    onAbort(signal, () => {
      reject(new Error("aborted"));
      answer.destroy();
    });
    answer.on("data", (chunk: Uint8Array) => {
      try {
        take(decoder.decode(chunk, { stream: true }));
      } catch (error) {
        answer.destroy();
        reject(error);
      }
    });
    answer.on("error", reject);
    answer.on("aborted", () => reject(new Error("the answer ended early")));
    answer.on("end", () => resolve());
    answer.on("close", () => reject(new Error("the connection has ended")));
  });
}

function replyOf(answer: IncomingMessage, body: string): KubeReply {
  const header = answer.headers["retry-after"];
  const isNumber = typeof header === "string" && /^[0-9]{1,6}$/.test(header);
  return {
    status: answer.statusCode ?? 0,
    body,
    retryAfterMs: isNumber ? Number(header) * 1000 : null,
  };
}
