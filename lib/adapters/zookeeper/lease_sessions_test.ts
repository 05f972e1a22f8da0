import assert from "node:assert/strict";
import { moment } from "../../core/base/units.ts";
import { Dialer } from "./dialer.ts";
import { FrameSplitter } from "./frames.ts";
import { HostList } from "./hosts.ts";
import { JuteReader, JuteWriter } from "./jute.ts";
import { LeaseSessions } from "./lease_sessions.ts";
import { OP } from "./messages.ts";

const LIMITS = { timeoutMs: 5000 };
const TTL_MS = 30_000;
const CLOCK = {
  now: () => moment(performance.now()),
  wallTimeMs: () => Date.now(),
  sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
};

/** One attempt to open or join a session. */
interface Join {
  readonly id: bigint;
  /** Answers it; 0: the session is gone. */
  grant(timeoutMs?: number): Promise<void>;
  close(): void;
}

/** A server whose answers to joins the test gives; all else is done at once. */
class FakeServer implements AsyncDisposable {
  readonly joins: Join[] = [];
  readonly asked: number[] = [];
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #serving = this.#serve();

  /** Waits for so many attempts in all. */
  async join(count: number): Promise<Join> {
    const deadline = performance.now() + LIMITS.timeoutMs;
    for (;;) {
      const found = this.joins[count - 1];
      if (found !== undefined) return found;
      assert.ok(performance.now() < deadline, `no attempt ${count}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  sessions(): { readonly leases: LeaseSessions; readonly dialer: Dialer } {
    const clock = CLOCK;
    const { port } = this.#listener.addr;
    const dialer = new Dialer({
      source: new HostList([{ host: "127.0.0.1", port }]),
      ...{ clock, tls: null, credentials: () => [] },
    });
    return { dialer, leases: new LeaseSessions({ dialer, clock }) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of [...this.#open]) this.#close(connection);
    await this.#serving;
  }

  async #serve(): Promise<void> {
    const all: Promise<void>[] = [];
    try {
      for await (const connection of this.#listener) {
        this.#open.add(connection);
        all.push(this.#answer(connection));
      }
    } catch {
      // The test is over.
    }
    await Promise.all(all);
  }

  async #answer(connection: Deno.TcpConn): Promise<void> {
    const splitter = new FrameSplitter();
    const buffer = new Uint8Array(65_536);
    let hasJoined = false;
    try {
      for (;;) {
        const count = await connection.read(buffer);
        if (count === null) break;
        const chunk = buffer.subarray(0, count);
        for (const frame of splitter.push(chunk, 1 << 20)) {
          const reader = new JuteReader(frame);
          if (!hasJoined) this.#note(connection, reader);
          else await connection.write(this.#done(reader));
          hasJoined = true;
        }
      }
    } catch {
      // One of the two has closed it.
    }
    this.#close(connection);
  }

  #note(connection: Deno.TcpConn, reader: JuteReader): void {
    reader.int();
    reader.long();
    reader.int();
    const id = reader.long();
    this.joins.push({
      id,
      grant: async (timeoutMs = TTL_MS) => {
        await connection.write(
          new JuteWriter().int(0).int(timeoutMs).long(7n)
            .buffer(new Uint8Array(16)).bool(false).frame(),
        );
      },
      close: () => this.#close(connection),
    });
  }

  #done(reader: JuteReader): Uint8Array {
    const [xid, op] = [reader.int(), reader.int()];
    this.asked.push(op);
    return new JuteWriter().int(xid).long(1n).int(0)
      .int(-1).bool(true).int(-1).frame();
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#open.delete(connection)) connection.close();
  }
}

async function withSession(
  use: (
    server: FakeServer,
    leases: LeaseSessions,
    id: Parameters<LeaseSessions["renew"]>[0],
  ) => Promise<void>,
): Promise<void> {
  await using server = new FakeServer();
  const { leases, dialer } = server.sessions();
  const opening = leases.open(TTL_MS, LIMITS);
  await (await server.join(1)).grant();
  const { id, ttlMs } = await opening;
  assert.equal(ttlMs, TTL_MS);
  try {
    await use(server, leases, id);
  } finally {
    dialer.close();
  }
}

Deno.test("a renewal joins the session anew, and proves a majority", async () => {
  await withSession(async (server, leases, id) => {
    const renewal = leases.renew(id, LIMITS);
    const join = await server.join(2);
    assert.equal(join.id, 7n);
    await join.grant();
    assert.equal(await renewal, "alive");
    assert.deepEqual(server.asked, [OP.multi]);
    const last = leases.renew(id, LIMITS);
    await (await server.join(3)).grant(0);
    assert.equal(await last, "gone");
    assert.equal(await leases.renew(id, LIMITS), "gone");
  });
});

Deno.test("a renewal shares no attempt that began before it", async () => {
  await withSession(async (server, leases, id) => {
    const lost = await leases.connection(id, LIMITS);
    (await server.join(1)).close();
    await lost?.ended;
    const write = leases.connection(id, LIMITS);
    const earlier = await server.join(2);
    const renewal = leases.renew(id, LIMITS);
    await earlier.grant();
    assert.equal((await write)?.isOpen, true);
    await (await server.join(3)).grant();
    assert.equal(await renewal, "alive");
  });
});

Deno.test("renewals at the same time each join it", async () => {
  await withSession(async (server, leases, id) => {
    const renewals = [leases.renew(id, LIMITS), leases.renew(id, LIMITS)];
    await (await server.join(2)).grant();
    await (await server.join(3)).grant();
    const answering = Promise.all(renewals);
    // The second may have cut off the first one's proof.
    let next = 4;
    const granting = (async () => {
      while (next > 0) {
        const found = server.joins[next - 1];
        if (found !== undefined) {
          next += 1;
          await found.grant();
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    })();
    assert.deepEqual(await answering, ["alive", "alive"]);
    next = -1;
    await granting;
  });
});
