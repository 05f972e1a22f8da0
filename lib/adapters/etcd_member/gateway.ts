/**
 * Calls to etcd's JSON gateway at one address. It serves the calls for members,
 * which the client library of the store does not know (learners came later).
 *
 * Source: etcd 3.5, "gRPC gateway"; paths in `rpc.proto`, option google.api.http.
 */
import { timerMs } from "../../core/base/units.ts";
import { decodeError } from "./wire.ts";

/** Paths of PEM files; null: as the system has it, or none. */
export interface GatewayTls {
  readonly cacert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
}

/** No answer, or a refusal. */
export class EtcdCallError extends Error {
  override readonly name = "EtcdCallError";
}

/** How long an answer may take. */
export interface CallLimits {
  readonly timeoutMs: number;
}

/** Answers to other calls are small; etcd's own limit of a value is 1.5 MiB. */
const ANSWER_BYTES_MAX = 4 * 2 ** 20;

/** Asks etcd. Files of TLS are read for each call: they may have been renewed. */
export class EtcdGateway {
  readonly #tls: GatewayTls;

  constructor(tls: GatewayTls) {
    this.#tls = tls;
  }

  /**
   * One call.
   *
   * @param path Without `/v3/`.
   * @throws {EtcdCallError} If there was no answer in time, or a refusal.
   */
  async call(
    endpoint: string,
    path: string,
    { body, timeoutMs }: CallLimits & { readonly body: unknown },
  ): Promise<unknown> {
    return await this.#open({ endpoint, path, body, timeoutMs }, async (of) => {
      const text = await textOf(of);
      if (of.ok) return JSON.parse(text);
      throw new EtcdCallError(decodeError(text));
    });
  }

  /** The same of a call whose answer is a stream; `take` reads it. */
  async stream<T>(
    endpoint: string,
    path: string,
    { timeoutMs, take }: CallLimits & {
      readonly take: (bytes: ReadableStream<Uint8Array>) => Promise<T>;
    },
  ): Promise<T> {
    const call = { endpoint, path, body: {}, timeoutMs };
    return await this.#open(call, async (response) => {
      if (response.ok && response.body !== null) {
        return await take(response.body);
      }
      throw new EtcdCallError(decodeError(await textOf(response)));
    });
  }

  async #open<T>(
    { endpoint, path, body, timeoutMs }: CallLimits & {
      readonly endpoint: string;
      readonly path: string;
      readonly body: unknown;
    },
    use: (response: Response) => Promise<T>,
  ): Promise<T> {
    try {
      using client = endpoint.startsWith("https:")
        ? await tlsClient(this.#tls)
        : null;
      const response = await fetch(`${endpoint}/v3/${path}`, {
        method: "POST",
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timerMs(timeoutMs)),
        redirect: "error",
        ...(client === null ? {} : { client }),
      });
      return await use(response);
    } catch (error) {
      if (error instanceof EtcdCallError) throw error;
      throw new EtcdCallError(
        `etcd at ${endpoint} does not answer: ${reasonOf(error)}`,
        { cause: error },
      );
    }
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) throw new Error("it says too much");
  }
  return text;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}

async function tlsClient(
  { cacert, cert, key }: GatewayTls,
): Promise<Deno.HttpClient> {
  return Deno.createHttpClient({
    ...(cacert === null ? {} : { caCerts: [await Deno.readTextFile(cacert)] }),
    ...(cert === null ? {} : {
      cert: await Deno.readTextFile(cert),
      // The key may stand in the certificate's file.
      key: await Deno.readTextFile(key ?? cert),
    }),
  });
}
