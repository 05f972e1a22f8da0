/**
 * One agent's stream of routes over HTTP or HTTPS: connects, reads events,
 * connects anew. An agent that says nothing for a while is left, as is one that
 * says too much.
 */
import type { IncomingMessage } from "node:http";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import {
  decodeFed,
  type FedMessage,
  ROUTES_PATH,
} from "../../core/codec/route_feed_codec.ts";
import type { Clock } from "../../ports/clock.ts";

/** An agent says something every 2 s. */
const SILENT_MS = 7_000;
const AGAIN_MS_MIN = 200;
const AGAIN_MS_MAX = 5_000;
/** Of one event; a scope has some tens of kilobytes. */
const EVENT_LENGTH_MAX = 8 * 2 ** 20;

/** How to ask; texts are PEM. */
export interface AgentTls {
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly passphrase: string | null;
}

/** What it works with. */
interface StreamParts {
  readonly url: string;
  /** Asked for each connection: certificates are replaced while the proxy runs. */
  readonly tls: () => Promise<AgentTls>;
  readonly clock: Pick<Clock, "sleep">;
  /** Must not throw. */
  readonly onMessage: (message: FedMessage) => void;
  /** The connection has ended, or could not be made. Must not throw. */
  readonly onEnd: (why: string) => void;
}

/** Keeps a connection until `signal` aborts. Never rejects. */
export async function runAgentStream(
  parts: StreamParts,
  signal: AbortSignal,
): Promise<void> {
  let restMs = AGAIN_MS_MIN;
  while (!signal.aborted) {
    let isHeard = false;
    const onMessage = (message: FedMessage): void => {
      isHeard = true;
      parts.onMessage(message);
    };
    const why = await listen({ ...parts, onMessage }, signal)
      .catch((error: unknown) =>
        error instanceof Error ? error.message : String(error)
      );
    if (signal.aborted) return;
    parts.onEnd(why);
    restMs = isHeard ? AGAIN_MS_MIN : Math.min(AGAIN_MS_MAX, 2 * restMs);
    await parts.clock.sleep(restMs, signal);
  }
}

/** Resolves with why it has ended. */
async function listen(
  { onMessage, tls, url }: StreamParts,
  signal: AbortSignal,
): Promise<string> {
  const target = new URL(ROUTES_PATH, url);
  const isTls = target.protocol === "https:";
  const options = isTls ? secureOptions(await tls()) : {};
  const send = isTls ? requestHttps : requestHttp;
  const { promise, resolve } = Promise.withResolvers<string>();
  const outgoing = send(target, {
    ...options,
    agent: false,
    headers: { accept: "text/event-stream", connection: "close" },
    signal,
  }, (answer) => {
    const status = answer.statusCode ?? 0;
    if (status !== 200) {
      resolve(`it answers with status ${status}`);
      outgoing.destroy();
      return;
    }
    readEvents(answer, onMessage).then(resolve).finally(() =>
      outgoing.destroy()
    );
  });
  outgoing.setTimeout(SILENT_MS, () => {
    resolve(`it has said nothing for ${SILENT_MS / 1000} s`);
    outgoing.destroy();
  });
  outgoing.on("error", (error) => resolve(error.message));
  outgoing.on("close", () => resolve("it has ended the connection"));
  outgoing.end();
  return await promise;
}

/** Resolves with why nothing comes any more. Never rejects. */
async function readEvents(
  answer: IncomingMessage,
  onMessage: (message: FedMessage) => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const bytes of answer) {
      const blocks = (rest + decoder.decode(bytes, { stream: true }))
        .split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const message = decodeFed(block);
        if (message !== null) onMessage(message);
      }
      if (rest.length > EVENT_LENGTH_MAX) return "it says too much";
    }
    return "it has ended the stream";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The agent's certificate is always looked at: it says where clients go. */
function secureOptions(
  { ca, cert, key, passphrase }: AgentTls,
): Readonly<Record<string, unknown>> {
  return {
    ...(ca === null ? {} : { ca }),
    ...(cert === null ? {} : { cert, key: key ?? cert }),
    ...(passphrase === null ? {} : { passphrase }),
  };
}
