import assert from "node:assert/strict";
import type { Watcher } from "../lib/ui/feed.ts";
import type { ByteStream } from "./byte_stream.ts";
import { EVENT_STREAMS_MAX } from "./descriptors.ts";
import { EventStreams } from "./event_streams.ts";

/** A reader that says nothing and takes nothing until its connection is closed. */
function stuck(): ByteStream {
  const closed = Promise.withResolvers<never>();
  closed.promise.catch(() => {});
  return {
    read: () => closed.promise,
    write: () => closed.promise,
    closeWrite: () => Promise.resolve(),
    close: () => closed.reject(new Error("closed")),
  };
}

Deno.test("a reader that takes nothing loses its place when it is let go", async () => {
  const watchers: Watcher[] = [];
  const feed = {
    watch: (watcher: Watcher) => {
      watchers.push(watcher);
      return () => {};
    },
  };
  const streams = new EventStreams();
  const served = Array.from(
    { length: EVENT_STREAMS_MAX },
    () => streams.serve(stuck(), feed),
  );
  assert.equal(streams.hasRoom, false);
  const [slow] = watchers;
  assert.ok(slow !== undefined);
  while (slow.send(new Uint8Array(1)));
  slow.end();
  await served[0];
  assert.equal(streams.hasRoom, true);
  streams.close();
  for (const watcher of watchers) watcher.end();
  await Promise.all(served);
});
