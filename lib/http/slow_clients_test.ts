/** Who is too slow to send a request, with sockets that only close. */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { SlowClients } from "./slow_clients.ts";

/** Clients that may take `headTimeoutMs`, and `requestTimeoutMs` in all. */
function scene(headTimeoutMs: number, requestTimeoutMs: number) {
  const ended = new Map<Socket, PromiseWithResolvers<void>>();
  const client = (): Socket => {
    const socket = new Socket();
    ended.set(socket, Promise.withResolvers());
    return socket;
  };
  const untilEnded = (socket: Socket) => ended.get(socket)?.promise;
  const slow = new SlowClients(
    { headTimeoutMs, requestTimeoutMs },
    (socket) => ended.get(socket)?.resolve(),
  );
  return { slow, client, untilEnded };
}

Deno.test("who sends no head, or no whole body, is ended", async () => {
  const { slow, client, untilEnded } = scene(10, 20);
  const silent = client();
  const slowly = client();
  slow.watch(silent);
  slow.watch(slowly);
  slow.begin({ socket: slowly, complete: false });
  await Promise.all([untilEnded(silent), untilEnded(slowly)]);
});

Deno.test("who has sent all, was handed over or is gone is left alone", async () => {
  const { slow, client, untilEnded } = scene(10, 10);
  const [complete, handedOver, gone] = [client(), client(), client()];
  const others = [complete, handedOver, gone];
  for (const socket of others) slow.watch(socket);
  slow.begin({ socket: complete, complete: true });
  slow.release(handedOver);
  // At once: a socket that is destroyed says so later, perhaps after a look.
  gone.emit("close");
  const late = client();
  slow.watch(late);
  const first = Promise.race([late, ...others].map(async (socket) => {
    await untilEnded(socket);
    return socket;
  }));
  assert.equal(await first, late);
  // The sanitizer of timers sees that nobody looks any more.
});

Deno.test("a request of a connection that nobody watches is nothing new", () => {
  const { slow, client } = scene(10, 10);
  slow.begin({ socket: client(), complete: false });
  slow.release(client());
});
