/** Two containers on loopback: each shows a certificate of its cluster's authority. */
import assert from "node:assert/strict";
import type { ContainerGreeting } from "../../core/model/container.ts";
import { issued } from "../../../tests/helpers/certificates.ts";
import { decodeGreeting, encodeGreeting } from "./greeting_codec.ts";
import {
  GreetingNeighbours,
  type GreetingTls,
  serveGreetings,
} from "./greetings.ts";

const SAID: ContainerGreeting = {
  ...{ cluster: "main", name: "127.0.0.1", founders: ["127.0.0.1", "b"] },
  state: "empty",
};

async function tlsOf(folder: string, name: string): Promise<GreetingTls> {
  const { ca, cert, key } = await issued(folder, name);
  return {
    ca: await Deno.readTextFile(ca),
    cert: await Deno.readTextFile(cert) + await Deno.readTextFile(key),
  };
}

Deno.test("greetings: only containers of one cluster hear each other", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-greeting-" });
  try {
    const [tls, stranger] = [
      await tlsOf(folder, "own"),
      await tlsOf(folder, "other"),
    ];
    let said = SAID;
    await using server = await serveGreetings(() => Promise.resolve(said), {
      ...{ port: 0, tls },
    });
    const { port } = server;
    const own = new GreetingNeighbours({ port, tls });
    assert.deepEqual(await own.ask("127.0.0.1"), SAID);
    // A stranger hears nothing, and is not believed.
    const other = new GreetingNeighbours({ port, tls: stranger });
    assert.equal(await other.ask("127.0.0.1"), null);
    const half = { ca: tls.ca, cert: stranger.cert };
    const sneaked = new GreetingNeighbours({ port, tls: half });
    assert.equal(await sneaked.ask("127.0.0.1"), null);
    // Who answers with another's name is another one.
    said = { ...SAID, name: "b" };
    assert.equal(await own.ask("127.0.0.1"), null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("greetings: nobody there is no answer", async () => {
  const folder = await Deno.makeTempDir({ prefix: "matriarch-greeting-" });
  try {
    const tls = await tlsOf(folder, "own");
    const server = await serveGreetings(() => Promise.resolve(SAID), {
      ...{ port: 0, tls },
    });
    const { port } = server;
    await server[Symbol.asyncDispose]();
    const own = new GreetingNeighbours({ port, tls });
    assert.equal(await own.ask("127.0.0.1"), null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("greetings: what is none is not taken for one", () => {
  assert.deepEqual(decodeGreeting(encodeGreeting(SAID)), SAID);
  for (
    const text of [
      ...["", "null", "7", "[]", "{}", '{"state":"empty"}'],
      JSON.stringify({ ...SAID, state: "full" }),
      JSON.stringify({ ...SAID, founders: "db1" }),
      JSON.stringify({ ...SAID, founders: [1] }),
      JSON.stringify({ ...SAID, name: null }),
    ]
  ) assert.equal(decodeGreeting(text), null, text);
});
