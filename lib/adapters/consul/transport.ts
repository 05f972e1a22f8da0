/**
 * One HTTP exchange with Consul on a connection of its own: a kept one that the
 * agent closes just then would leave open whether a write had happened, and the
 * agent is next door. Deno's fetch cannot leave a certificate unchecked
 * (`verify: false`) and obeys HTTP_PROXY; node:http does as it is told.
 */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { timerMs } from "../../core/base/units.ts";
import type { TlsContents } from "./options.ts";

/** A scope has some kilobytes, one key up to 512. */
const BODY_LENGTH_MAX = 64 << 20;

/** One request. */
export interface ConsulRequest {
  readonly method: "GET" | "PUT";
  /** With a leading slash, and what stands behind `?`. */
  readonly path: string;
  /** Null: none. */
  readonly body: string | null;
  readonly token: string | null;
}

/** Its answer, whatever that says. */
export interface ConsulReply {
  readonly status: number;
  readonly body: string;
  /** `X-Consul-Index`; null: there is none. */
  readonly index: number | null;
  /** Keys were left out that the token may not see. */
  readonly isFiltered: boolean;
}

/** Ends an exchange. */
export interface ExchangeLimits {
  readonly timeoutMs: number;
  readonly closing: AbortSignal;
}

/** Sends requests to one address. */
export class ConsulTransport {
  readonly endpoint: string;
  readonly #tls: TlsContents;

  constructor(endpoint: string, tls: TlsContents) {
    this.endpoint = endpoint;
    this.#tls = tls;
  }

  /** @throws {Error} If there is no connection, or no whole answer in time. */
  async exchange(
    request: ConsulRequest,
    { timeoutMs, closing }: ExchangeLimits,
  ): Promise<ConsulReply> {
    if (closing.aborted) throw new Error("the client is closed");
    const timeout = AbortSignal.timeout(timerMs(timeoutMs));
    try {
      return await this.#send(request, AbortSignal.any([timeout, closing]));
    } catch (error) {
      if (closing.aborted) throw new Error("the client is closed");
      if (timeout.aborted) throw new Error("no answer in time");
      throw error;
    }
  }

  #send(request: ConsulRequest, signal: AbortSignal): Promise<ConsulReply> {
    const { method, path, body, token } = request;
    const isSecure = this.endpoint.startsWith("https:");
    const options = {
      ...(isSecure ? this.#tls : {}),
      method,
      agent: false,
      signal,
      headers: {
        connection: "close",
        ...(token === null ? {} : { "x-consul-token": token }),
        // Consul looks at the body only where its length is said.
        ...(body === null ? {} : {
          "content-length": String(new TextEncoder().encode(body).length),
        }),
      },
    };
    return new Promise((resolve, reject) => {
      const send = isSecure ? requestHttps : requestHttp;
      const outgoing = send(this.endpoint + path, options, (answer) => {
        const chunks: Uint8Array[] = [];
        let length = 0;
        answer.on("data", (chunk: Uint8Array) => {
          length += chunk.length;
          chunks.push(chunk);
          if (length > BODY_LENGTH_MAX) {
            outgoing.destroy(new Error("the answer is too long"));
          }
        });
        answer.on("error", reject);
        answer.on("aborted", () => reject(new Error("the answer ended early")));
        answer.on("end", () => {
          const { headers } = answer;
          resolve({
            status: answer.statusCode ?? 0,
            body: textOf(chunks),
            index: indexOf(headers["x-consul-index"]),
            isFiltered: headers["x-consul-results-filtered-by-acls"] === "true",
          });
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body ?? undefined);
    });
  }
}

function textOf(chunks: readonly Uint8Array[]): string {
  const decoder = new TextDecoder();
  const texts = chunks.map((chunk) => decoder.decode(chunk, { stream: true }));
  return texts.join("") + decoder.decode();
}

function indexOf(header: unknown): number | null {
  const isNumber = typeof header === "string" && /^[0-9]{1,15}$/.test(header);
  return isNumber ? Number(header) : null;
}
