/**
 * Clients that reset their connection at once, again and again (SO_LINGER 0):
 * nobody else waits because of them. Only what the host lacks is waited out.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { acceptAll, listenTcp } from "../../proxy/listener.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { LogLines } from "../helpers/rest_app.ts";

const HOST = "127.0.0.1";
const RUDE = 50;

/** Connects, and resolves when the kernel has reset it. */
async function reset(port: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(port, HOST, () => socket.resetAndDestroy());
  socket.on("error", () => {});
  socket.on("close", () => resolve());
  await promise;
}

/** What an accept loop works with; its clock stands still, so that a pause never ends. */
class Door {
  readonly clock = new ManualClock();
  readonly log = new LogLines();
  readonly first = Promise.withResolvers<Deno.Conn>();
  onClient = (client: Deno.Conn): void => this.first.resolve(client);

  accept(listener: { accept(): Promise<Deno.Conn> }): Promise<void> {
    const { clock, log } = this;
    const onClient = (client: Deno.Conn): void => this.onClient(client);
    return acceptAll(listener, { clock, log, onClient });
  }
}

Deno.test("clients that reset at once make nobody else wait", async () => {
  const door = new Door();
  const listener = listenTcp(HOST, 0);
  const { port } = listener.addr;
  // All of them are gone before the first is accepted.
  for (let n = 0; n < RUDE; n++) await reset(port);
  const patient = await Deno.connect({ hostname: HOST, port });
  const accepting = door.accept(listener);
  const { remoteAddr } = await door.first.promise;
  assert.deepEqual(remoteAddr, patient.localAddr);
  assert.equal(door.clock.sleepers, 0);
  assert.deepEqual(door.log.lines, [], "nor can they fill the log");
  (await door.first.promise).close();
  patient.close();
  listener.close();
  await accepting;
});

Deno.test("a lack of descriptors is said and waited out", async () => {
  const door = new Door();
  const failures = ["EMFILE", "ENFILE", "ENOMEM", "EWHATEVER"];
  let asked = 0;
  const accepting = door.accept({
    accept: () => {
      const code = failures[asked++];
      return Promise.reject(
        code === undefined
          ? new Deno.errors.BadResource("closed")
          : Object.assign(new Error(`it lacks: ${code}`), { code }),
      );
    },
  });
  for (const _ of failures) {
    const before = asked;
    await door.clock.advance(1);
    assert.equal(door.clock.sleepers, 1);
    assert.equal(asked, before, "not before the pause is over");
    await door.clock.advance(100);
  }
  await accepting;
  assert.deepEqual(door.log.lines, [
    "ERROR Cannot accept a client: it lacks: EMFILE",
  ]);
});

Deno.test("a client that cannot be served is closed, and the next one is", async () => {
  const door = new Door();
  const listener = listenTcp(HOST, 0);
  const { port } = listener.addr;
  let refused = 0;
  door.onClient = (client) => {
    if (refused++ > 0) return door.first.resolve(client);
    throw new Error("no room");
  };
  const accepting = door.accept(listener);
  const unlucky = await Deno.connect({ hostname: HOST, port });
  assert.equal(await unlucky.read(new Uint8Array(1)), null);
  const lucky = await Deno.connect({ hostname: HOST, port });
  (await door.first.promise).close();
  assert.deepEqual(door.log.lines, ["ERROR Cannot accept a client: no room"]);
  assert.equal(door.clock.sleepers, 0);
  for (const one of [unlucky, lucky, listener]) one.close();
  await accepting;
});
