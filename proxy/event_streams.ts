/**
 * Answers of the statistics port that go on: the stream of events of the cluster
 * page. There are few at a time, and one whose reader is slow is let go.
 */
import type { ClusterFeed } from "../lib/ui/feed.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import { EVENT_STREAMS_MAX } from "./descriptors.ts";

/** Pieces that wait for a slow reader. */
const PIECES_MAX = 64;

const HEAD = [
  "HTTP/1.1 200 OK",
  "content-type: text/event-stream",
  "cache-control: no-store",
  "x-content-type-options: nosniff",
  "connection: close",
].join("\r\n") + "\r\n\r\n";

/** Serves them. */
export class EventStreams {
  readonly #open = new Set<ByteStream>();

  /** There is a place for one more. */
  get hasRoom(): boolean {
    return this.#open.size < EVENT_STREAMS_MAX;
  }

  /** Until either side ends it. Never rejects. */
  async serve(
    conn: ByteStream,
    feed: Pick<ClusterFeed, "watch">,
  ): Promise<void> {
    this.#open.add(conn);
    const pieces = new Pieces(() => closeQuietly(conn));
    const unwatch = feed.watch(pieces);
    try {
      if (unwatch === null) return;
      await writeAll(conn, new TextEncoder().encode(HEAD));
      // A browser says nothing more; what comes is its end.
      conn.read(new Uint8Array(64)).catch(() => null).then(() => pieces.end());
      for await (const piece of pieces.all()) await writeAll(conn, piece);
    } catch {
      // It went away.
    } finally {
      unwatch?.();
      this.#open.delete(conn);
      closeQuietly(conn);
    }
  }

  close(): void {
    for (const conn of this.#open) closeQuietly(conn);
  }
}

/** What waits to be written to one reader. */
class Pieces {
  readonly #letGo: () => void;
  readonly #waiting: Uint8Array<ArrayBuffer>[] = [];
  #next = Promise.withResolvers<void>();
  #isOver = false;

  /** @param letGo Ends a write that the reader does not take. */
  constructor(letGo: () => void) {
    this.#letGo = letGo;
  }

  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    this.#waiting.push(bytes);
    this.#next.resolve();
    return this.#waiting.length < PIECES_MAX;
  }

  end(): void {
    this.#isOver = true;
    this.#next.resolve();
    this.#letGo();
  }

  async *all(): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    while (!this.#isOver) {
      const piece = this.#waiting.shift();
      if (piece !== undefined) {
        yield piece;
        continue;
      }
      this.#next = Promise.withResolvers();
      await this.#next.promise;
    }
  }
}
