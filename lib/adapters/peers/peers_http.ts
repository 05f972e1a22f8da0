/**
 * Asks other members over their REST API: in parallel, each within its own time
 * limit, one connection per question that is closed with the answer.
 *
 * Between members certificates are checked loosely, as in Patroni: not at all
 * without a client certificate, the chain but no names with one.
 *
 * Source: docs/contract/rest-api.md 15.
 */
import { Buffer } from "node:buffer";
import {
  type IncomingMessage,
  request as requestHttp,
  type RequestOptions,
} from "node:http";
import { request as requestHttps } from "node:https";
import type { Member } from "../../core/model/member.ts";
import type { PeerAnswer } from "../../core/model/peer_view.ts";
import { encodeFailsafePing } from "../../core/codec/failsafe_codec.ts";
import { readLsn } from "../../core/codec/json.ts";
import type {
  FailsafeAnswer,
  FailsafeMember,
} from "../../core/model/failsafe.ts";
import type { FailsafeCall, Peers } from "../../ports/peers.ts";
import {
  authorization,
  type PeersOptions,
  secureOptions,
} from "./client_options.ts";
import { decodeStatus } from "./codec.ts";
import { timerMs } from "../../core/base/units.ts";

/** A whole answer. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  /** The header `lsn`, or null. */
  readonly lsn: string | null;
}

/** A request. */
export interface Call {
  readonly timeoutMs: number;
  /** Sent by POST, unless the method says otherwise; null: GET. */
  readonly body: string | null;
  readonly method?: "POST" | "PATCH" | "DELETE";
}

/** One retry, as Patroni does it. */
const FAILSAFE_ATTEMPTS = 2;

const ASK_TIMEOUT_MS = 2_000;
const ALIVE_TIMEOUT_MS = 3_000;
const BODY_BYTES_MAX = 1 << 20;
const USER_AGENT = "Matriarch";

/** {@link Peers} over HTTP and HTTPS. */
export class PeersHttp implements Peers {
  readonly #options: () => PeersOptions;

  /** @param options Asked for every request, so that a reload takes effect. */
  constructor(options: () => PeersOptions) {
    this.#options = options;
  }

  async ask(members: readonly Member[]): Promise<readonly PeerAnswer[]> {
    return await Promise.all(members.map((member) => this.#askOne(member)));
  }

  async isAlive(apiUrl: string): Promise<boolean> {
    const url = URL.parse("/liveness", apiUrl);
    if (url === null) return false;
    const options = this.#options();
    try {
      const timeoutMs = options.aliveTimeoutMs ?? ALIVE_TIMEOUT_MS;
      await send(url, options, { timeoutMs, body: null });
      return true;
    } catch {
      // Nobody answers: the name is free.
      return false;
    }
  }

  async askFailsafe(
    members: readonly FailsafeMember[],
    call: FailsafeCall,
  ): Promise<readonly FailsafeAnswer[]> {
    return await Promise.all(
      members.map((member) => this.#askFailsafeOne(member, call)),
    );
  }

  async #askFailsafeOne(
    { name, apiUrl }: FailsafeMember,
    call: FailsafeCall,
  ): Promise<FailsafeAnswer> {
    const refused = {
      name,
      isAccepted: false,
      isLeading: false,
      position: null,
    };
    const url = URL.parse("/failsafe", apiUrl);
    if (url === null) return { ...refused, detail: "it has no usable api_url" };
    const body = encodeFailsafePing(call.ping);
    const { timeoutMs } = call;
    let detail = "";
    for (let attempt = 0; attempt < FAILSAFE_ATTEMPTS; attempt++) {
      try {
        const options = this.#options();
        const reply = await send(url, options, { timeoutMs, body });
        const isAccepted = reply.status === 200 && reply.body === "Accepted";
        options.log.info(
          `Got response from ${name} ${apiUrl}: ${reply.body.slice(0, 200)}`,
        );
        if (!isAccepted) {
          const isLeading = reply.body === "Running as a leader";
          return { ...refused, isLeading, detail: `${reply.status}` };
        }
        const position = readLsn(reply.lsn);
        return { ...refused, isAccepted, position, detail };
      } catch (error) {
        detail = error instanceof Error ? error.message : String(error);
      }
    }
    return { ...refused, detail };
  }

  async #askOne({ name, apiUrl }: Member): Promise<PeerAnswer> {
    const options = this.#options();
    const url = apiUrl === null ? null : URL.parse(apiUrl);
    if (url === null) {
      return { kind: "silent", name, detail: "it has no usable api_url" };
    }
    try {
      const timeoutMs = options.askTimeoutMs ?? ASK_TIMEOUT_MS;
      const reply = await send(url, options, { timeoutMs, body: null });
      options.log.info(`Got response from ${name} ${apiUrl}: ${reply.body}`);
      return decodeStatus(name, reply.body);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      options.log.warning(
        `Request failed to ${name}: GET ${apiUrl} (${detail})`,
      );
      return { kind: "silent", name, detail };
    }
  }
}

/** Whatever its status, a complete answer; rejects for everything else. */
export async function send(
  url: URL,
  options: Pick<PeersOptions, "tls" | "credentials">,
  call: Call,
): Promise<Reply> {
  const { timeoutMs, body } = call;
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  const isTls = url.protocol === "https:";
  const plain: RequestOptions = {
    method: call.method ?? (body === null ? "GET" : "POST"),
    headers: {
      "User-Agent": USER_AGENT,
      "Connection": "close",
      // A look needs no credentials.
      ...(body === null ? {} : authorization(options)),
    },
    agent: false,
  };
  const asked = isTls
    ? requestHttps(url, { ...plain, ...secureOptions(options.tls) })
    : requestHttp(url, plain);
  const timer = setTimeout(() => {
    reject(new Error(`no answer within ${timeoutMs} ms`));
    asked.destroy();
  }, timerMs(timeoutMs));
  const onClose = (): void => reject(new Error("closed without an answer"));
  asked.once("response", (answer) => {
    // The request may be closed before its answer has been read.
    asked.off("close", onClose);
    readReply(answer).then(resolve, reject);
  });
  asked.on("error", reject);
  asked.once("close", onClose);
  asked.end(body ?? undefined);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    asked.destroy();
  }
}

async function readReply(answer: IncomingMessage): Promise<Reply> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    const part = Buffer.from(chunk);
    bytes += part.length;
    if (bytes > BODY_BYTES_MAX) throw new Error("the answer is too large");
    chunks.push(part);
  }
  const body = Buffer.concat(chunks).toString("utf8");
  const { lsn } = answer.headers;
  return {
    status: answer.statusCode ?? 0,
    body,
    lsn: typeof lsn === "string" ? lsn : null,
  };
}
