/** Which servers are asked: several, strangers, silent ones, old ones, Exhibitor's. */
import assert from "node:assert/strict";
import { JuteReader, JuteWriter } from "../../lib/adapters/zookeeper/jute.ts";
import { FrameSplitter } from "../../lib/adapters/zookeeper/frames.ts";
import { OP } from "../../lib/adapters/zookeeper/messages.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { freePorts } from "../helpers/free_ports.ts";
import { SeverableLink } from "../helpers/severable_link.ts";
import {
  throughSection,
  withDcs,
  withServer,
  zookeeperTest,
} from "./dcs_zookeeper_access.ts";
import {
  contents,
  isRefused,
  LIMITS,
  put,
  SHORT_LIMITS,
  TTL_MS,
} from "./dcs_fixture.ts";

/** A server that answers each connection so; null: not at all. */
async function withFake(
  answer: ((chunk: Uint8Array) => Uint8Array | "close") | null,
  use: (port: number) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<Deno.TcpConn>();
  const serve = async (connection: Deno.TcpConn): Promise<void> => {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await connection.read(buffer);
        if (count === null) break;
        const reply = answer?.(buffer.subarray(0, count)) ?? null;
        if (reply === "close") break;
        if (reply !== null) await connection.write(reply);
      }
    } catch {
      // The other side has closed it, or the test is over.
    }
    if (open.delete(connection)) connection.close();
  };
  const serving = (async () => {
    const all: Promise<void>[] = [];
    try {
      for await (const connection of listener) {
        open.add(connection);
        all.push(serve(connection));
      }
    } catch {
      // Closed.
    }
    await Promise.all(all);
  })();
  try {
    await use(listener.addr.port);
  } finally {
    listener.close();
    for (const connection of open) {
      open.delete(connection);
      connection.close();
    }
    await serving;
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("a server of another kind on the port is named as one", async () => {
  for (
    const text of [
      "HTTP/1.1 400 Bad Request\r\n\r\n",
      "SSH-2.0-OpenSSH_9.2\r\n",
      "\x15\x03\x03\x00\x02\x02\x0a",
      "\xff\xff\xff\xff",
      "\x00\x00\x00\x04\x00\x00\x00\x01",
      "\x00\x00\x00\x02hm",
    ]
  ) {
    const raw = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    await withFake(() => raw, (port) =>
      withDcs({ port }, async (dcs) => {
        const edits = [{ kind: "delete", key: "x" }] as const;
        const wanted = /What answers at 127\.0\.0\.1:\d+ is not ZooKeeper/;
        await isRefused(dcs.readFresh(LIMITS), wanted);
        await isRefused(dcs.read(LIMITS), wanted);
        await isRefused(dcs.write({ when: [], edits }, LIMITS), wanted);
        await isRefused(dcs.openSession(TTL_MS, LIMITS), wanted);
      }));
  }
});

Deno.test("silence, and a connection that is closed at once, end in time", async () => {
  for (const answer of [null, () => "close" as const, () => bytes("\0\0")]) {
    await withFake(answer, (port) =>
      withDcs({ port }, async (dcs) => {
        const kind = DcsUnreachableError;
        const wanted = /Cannot reach ZooKeeper/;
        await isRefused(dcs.readFresh(SHORT_LIMITS), wanted, kind);
        await isRefused(dcs.openSession(TTL_MS, SHORT_LIMITS), wanted, kind);
      }));
  }
});

/** Grants every session, and refuses every request with that code. */
function refusing(code: number): (chunk: Uint8Array) => Uint8Array {
  const splitter = new FrameSplitter();
  let isOpen = false;
  return (chunk) => {
    const replies = splitter.push(chunk.slice(), 1 << 20).flatMap((frame) => {
      if (!isOpen) {
        isOpen = true;
        const password = new Uint8Array(16);
        return [
          ...new JuteWriter().int(0).int(4000).long(7n).buffer(password)
            .bool(false).frame(),
        ];
      }
      const request = new JuteReader(frame);
      const [xid, op] = [request.int(), request.int()];
      if (op === OP.close) return [];
      return [...new JuteWriter().int(xid).long(1n).int(code).frame()];
    });
    return new Uint8Array(replies);
  };
}

Deno.test("a server that knows no snapshots is too old", async () => {
  await withFake(refusing(-6), (port) =>
    withDcs({ port }, async (dcs) => {
      await isRefused(dcs.read(LIMITS), /is older than 3\.6/);
    }));
});

zookeeperTest(
  "the next server is asked when one is silent or a stranger",
  () =>
    withServer({}, async (server) => {
      await withFake(null, (silent) =>
        withFake(() =>
          bytes("HTTP/1.1 400\r\n"), async (stranger) => {
          const [nobody = 0] = freePorts(1);
          const hosts = [silent, stranger, nobody, server.port]
            .map((port) => ({ host: "127.0.0.1", port }));
          const ensemble = { kind: "listed", hosts } as const;
          // They begin anywhere.
          for (let round = 0; round < 5; round++) {
            await withDcs({ ensemble }, async (dcs) => {
              const { id } = await dcs.openSession(TTL_MS, LIMITS);
              assert.equal(await dcs.renewSession(id, LIMITS), "alive");
              await put(dcs, "config", String(round));
              assert.deepEqual(await contents(dcs), { config: String(round) });
            });
          }
        }));
    }),
);

zookeeperTest(
  "a server that has fallen silent is left for the next one",
  () =>
    withServer({}, async (server) => {
      await using first = new SeverableLink(server.port);
      await using second = new SeverableLink(server.port);
      const links = [first, second];
      const ensemble = {
        kind: "listed",
        hosts: links.map(({ port }) => ({ host: "127.0.0.1", port })),
      } as const;
      await withDcs({ ensemble }, async (dcs) => {
        const { id } = await dcs.openSession(20_000, LIMITS);
        await put(dcs, "config", "0");
        for (const [at, link] of [...links, ...links].entries()) {
          link.sever();
          assert.equal(await dcs.renewSession(id, LIMITS), "alive");
          await put(dcs, "config", String(at)).catch(async (error) => {
            assert.ok(error instanceof DcsUnreachableError);
            await put(dcs, "config", String(at));
          });
          assert.deepEqual(await contents(dcs), { config: String(at) });
          link.heal();
        }
      });
    }),
);

zookeeperTest(
  "Exhibitor tells where ZooKeeper is, or why nobody knows",
  () =>
    withServer({}, async (server) => {
      let answer: Response | null = null;
      const asked: string[] = [];
      const exhibitor = Deno.serve(
        { port: 0, hostname: "127.0.0.1", onListen: () => {} },
        (request) => {
          asked.push(new URL(request.url).pathname);
          return answer?.clone() ?? Response.json({
            ...{ servers: ["127.0.0.1"], port: server.port },
          });
        },
      );
      const section = {
        ...{ hosts: ["127.0.0.1"], port: exhibitor.addr.port },
      };
      await throughSection({ exhibitor: section }, async (dcs) => {
        await put(dcs, "config", "{}");
        const { id } = await dcs.openSession(TTL_MS, LIMITS);
        assert.equal(await dcs.renewSession(id, LIMITS), "alive");
        assert.deepEqual(await contents(dcs), { config: "{}" });
      });
      assert.deepEqual(asked, ["/exhibitor/v1/cluster/list"]);
      for (
        const [response, text] of [
          [new Response("no", { status: 500 }), /status 500/],
          [new Response("<html>"), /no list of servers/],
          [Response.json({ servers: [], port: 1 }), /no list of servers/],
          [Response.json({ servers: ["a"], port: 0 }), /no list of servers/],
          [Response.json(null), /no list of servers/],
        ] as const
      ) {
        answer = response;
        await throughSection({ exhibitor: section }, async (dcs) => {
          const kind = DcsUnreachableError;
          const wanted = new RegExp(`Exhibitor does not tell.*${text.source}`);
          await isRefused(dcs.readFresh(SHORT_LIMITS), wanted, kind);
        });
      }
      await exhibitor.shutdown();
    }),
);
