/**
 * One attempt to deliver a message. Of the answer only the status counts: no
 * redirect is followed, and no byte of the body is waited for.
 */
import { readFile } from "node:fs/promises";
import {
  type ClientRequest,
  request as requestHttp,
  type RequestOptions,
} from "node:http";
import { request as requestHttps } from "node:https";
import { timerMs } from "../../core/base/units.ts";

const USER_AGENT = "Matriarch";

/** What is sent, and how. */
export interface Post {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** File with the authorities to believe; null: those of the system. */
  readonly cafile: string | null;
  /** From the dial to the status. */
  readonly timeoutMs: number;
  /** Ends it before that. */
  readonly signal: AbortSignal;
}

/**
 * The status of the answer.
 *
 * @throws {Error} If none comes in time; the message names no path of the URL.
 */
export async function post(message: Post): Promise<number> {
  const { url, body, timeoutMs, signal } = message;
  const options = await optionsOf(message);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = begin(url, options);
  const give = (why: string): void => reject(new Error(why));
  const timer = setTimeout(
    () => give(`no answer within ${timeoutMs} ms`),
    timerMs(timeoutMs),
  );
  const onAbort = (): void => give("the agent ends");
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  asked.once("response", (answer) => {
    answer.on("error", () => {});
    resolve(answer.statusCode ?? 0);
    answer.destroy();
  });
  asked.on("error", (error) => give(reasonOf(error)));
  asked.once("close", () => give("closed without an answer"));
  asked.end(body);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    asked.destroy();
  }
}

function begin(url: URL, options: RequestOptions): ClientRequest {
  try {
    return url.protocol === "https:"
      ? requestHttps(url, options)
      : requestHttp(url, options);
  } catch (error) {
    throw new Error(reasonOf(error));
  }
}

async function optionsOf(
  { headers, body, cafile }: Post,
): Promise<RequestOptions & { readonly ca?: string }> {
  const plain = {
    method: "POST",
    headers: {
      "User-Agent": USER_AGENT,
      "Content-Type": "application/json",
      "Content-Length": String(new TextEncoder().encode(body).length),
      "Connection": "close",
      ...headers,
    },
    agent: false as const,
  };
  return cafile === null ? plain : { ...plain, ca: await trustIn(cafile) };
}

async function trustIn(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new Error(`cannot read ${path}`);
  }
}

/** A code says enough, and never what was called. */
function reasonOf(error: unknown): string {
  return error instanceof Error && "code" in error &&
      typeof error.code === "string"
    ? error.code
    : "the connection failed";
}
