/** What answers at etcd's port and is no etcd is named as that. */
import assert from "node:assert/strict";
import { DcsEtcd } from "../../lib/adapters/etcd/dcs_etcd.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { RealClock } from "./dcs_clock.ts";
import { SHORT_LIMITS } from "./dcs_fixture.ts";

const HOST = "127.0.0.1";
const STRANGER = /^What answers at http:\/\/\S+ is no etcd of version 3: /;
/** gRPC looks after a connection that hangs for longer than the client lives. */
const LINGERING = { sanitizeOps: false, sanitizeResources: false };

/** Asks what listens at the port; what the failure says, in one line. */
async function said(port: number): Promise<string> {
  const dcs = new DcsEtcd({
    endpoints: [`http://${HOST}:${port}`],
    scopePath: "/service/batman",
    clock: new RealClock(),
  });
  try {
    await dcs.readFresh(SHORT_LIMITS);
    return "it answered";
  } catch (error) {
    const isKnown = error instanceof DcsRefusedError ||
      error instanceof DcsUnreachableError;
    assert.ok(isKnown, Deno.inspect(error));
    assert.ok(!error.message.includes("\n"), error.message);
    return error.message;
  } finally {
    await dcs.close();
  }
}

Deno.test({
  name: "etcd: a web server on the port is named as one",
  ...LINGERING,
  fn: async () => {
    const pages = [
      () => new Response("<html>"),
      () => new Response("404 page not found", { status: 404 }),
      () => new Response(""),
      () => Response.json({ action: "get" }),
    ];
    for (const page of pages) {
      const options = { port: 0, hostname: HOST, onListen: () => {} };
      const server = Deno.serve(options, page);
      const text = await said(server.addr.port);
      assert.match(
        text,
        /^What answers at http:\/\/\S+ is no etcd of version 3/,
      );
      await server.shutdown();
    }
  },
});

Deno.test({
  name: "etcd: what speaks no HTTP/2 is told",
  ...LINGERING,
  fn: async () => {
    const greetings = [
      "220 mail ready\r\n",
      "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    ];
    for (const greeting of greetings) {
      const listener = Deno.listen({ port: 0, hostname: HOST });
      const talking = talk(listener, greeting);
      assert.match(await said(listener.addr.port), STRANGER);
      listener.close();
      await talking;
    }
  },
});

Deno.test({
  name: "etcd: silence is no stranger",
  ...LINGERING,
  fn: async () => {
    const silent = Deno.listen({ port: 0, hostname: HOST });
    assert.match(await said(silent.addr.port), /^Cannot reach etcd at http:/);
    silent.close();
  },
});

/** Says the same to everybody, and hangs up once it was asked something. */
async function talk(
  listener: Deno.Listener<Deno.Conn>,
  greeting: string,
): Promise<void> {
  for await (const connection of listener) {
    await connection.write(new TextEncoder().encode(greeting)).catch(() => {});
    await connection.read(new Uint8Array(100)).catch(() => null);
    connection.close();
  }
}
