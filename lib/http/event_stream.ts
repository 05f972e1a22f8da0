/** Sends a reply that goes on: a stream of events, piece by piece, until either side ends it. */
import type { ServerResponse } from "node:http";

/** What the kernel has not taken of a reader that stopped reading; then it is let go. */
const UNREAD_BYTES_MAX = 1 << 20;

/** Whether a reply is such a stream. */
export function isEventStream({ headers }: Response): boolean {
  return headers.get("content-type") === "text/event-stream";
}

/** Resolves when the stream has ended, the reader has gone, or `signal` aborts. */
export async function sendEvents(
  response: Response,
  outgoing: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const stop = (): void => void reader.cancel().catch(() => {});
  outgoing.once("close", stop);
  outgoing.req.socket.once("close", stop);
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted || outgoing.destroyed) stop();
    outgoing.flushHeaders();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      outgoing.write(value);
      if (outgoing.writableLength <= UNREAD_BYTES_MAX) continue;
      // Who does not read would never take the rest.
      outgoing.req.socket.destroy();
      break;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
    outgoing.end();
    outgoing.req.socket.destroySoon();
  }
}
