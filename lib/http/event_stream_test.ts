import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { sendEvents } from "./event_stream.ts";

const LIMIT_MS = 10_000;

Deno.test("a reader that takes nothing loses its connection", async () => {
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: async (controller) => {
          // The kernel takes megabytes first.
          await new Promise((resolve) => setTimeout(resolve, 0));
          controller.enqueue(new Uint8Array(262_144));
        },
      }),
    );
  const closed = Promise.withResolvers<void>();
  const server = createServer((incoming, outgoing) => {
    incoming.socket.once("close", () => closed.resolve());
    sendEvents(endless(), outgoing, new AbortController().signal);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const { port } = address;
  const client = connect(port, "127.0.0.1");
  client.on("error", () => {});
  client.pause();
  client.write("GET /ui/events HTTP/1.1\r\nHost: x\r\n\r\n");
  const limit = setTimeout(
    () => closed.reject(new Error("the connection was kept")),
    LIMIT_MS,
  );
  try {
    await closed.promise;
  } finally {
    clearTimeout(limit);
    client.destroy();
    server.closeAllConnections();
    server.close();
  }
});
