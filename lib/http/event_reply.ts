/** A reply that goes on: pieces of a stream for one reader, who is let go if it is too slow. */
import type { RouteStream } from "../ports/route_stream.ts";
import { PageProblem } from "./problems.ts";

/** Pieces that wait for a slow reader; one that is slower starts anew. */
const PIECES_MAX = 64;

/** What every such reply says. */
export const NEVER_KEPT = {
  "Cache-Control": "no-store",
  "X-Content-Type-Options": "nosniff",
} as const;

/** The reply. Throws {@link PageProblem} 503 where there are too many readers. */
export function eventReply(stream: RouteStream): Response {
  let unwatch: (() => void) | null = null;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      unwatch = stream.watch({
        send: (bytes) => {
          controller.enqueue(bytes);
          return (controller.desiredSize ?? 0) > 0;
        },
        end: () => controller.close(),
      });
    },
    cancel: () => unwatch?.(),
  }, { highWaterMark: PIECES_MAX });
  if (unwatch === null) throw new PageProblem(503);
  return new Response(body, {
    headers: { "Content-Type": "text/event-stream", ...NEVER_KEPT },
  });
}
