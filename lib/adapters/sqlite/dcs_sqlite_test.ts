import assert from "node:assert/strict";
import { moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Dcs, DcsChange } from "../../ports/dcs.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import { DcsSqlite } from "./dcs_sqlite.ts";
import { CHANGES_KEPT } from "./schema.ts";

const LIMITS = { timeoutMs: 2000 };

/** Time that moves by hand; sleeps are one turn of the real event loop. */
class HandClock implements Clock {
  nowMs = 1_000_000;
  now() {
    return moment(this.nowMs);
  }
  wallTimeMs(): number {
    return this.nowMs;
  }
  async sleep(ms: number): Promise<void> {
    this.nowMs += Math.min(ms, 1);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function withFile(
  test: (
    open: () => DcsSqlite,
    path: string,
    clock: HandClock,
  ) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "matriarch-sqlite-" });
  const path = `${directory}/dcs.sqlite`;
  const clock = new HandClock();
  const clients: DcsSqlite[] = [];
  const open = (): DcsSqlite => {
    const client = new DcsSqlite({ path, scopePath: "/s/a", clock });
    clients.push(client);
    return client;
  };
  try {
    await test(open, path, clock);
  } finally {
    for (const client of clients) await client.close();
    await Deno.remove(directory, { recursive: true });
  }
}

async function lead(dcs: Dcs, ttlMs: number): Promise<void> {
  const { id: session } = await dcs.openSession(ttlMs, LIMITS);
  const key = "leader";
  const result = await dcs.write({
    when: [{ kind: "absent", key }],
    edits: [{ kind: "put", key, value: "n1", session }],
  }, LIMITS);
  assert.equal(result.kind, "done");
}

Deno.test("an expired key is gone for readers before anybody deletes it", () =>
  withFile(async (open, _path, clock) => {
    const [writer, reader] = [open(), open()];
    await lead(writer, 5000);
    clock.nowMs += 4000;
    assert.equal((await reader.readFresh(LIMITS)).entries.length, 1);
    clock.nowMs += 1100;
    assert.deepEqual((await reader.readFresh(LIMITS)).entries, []);
    await lead(reader, 5000);
  }));

Deno.test("a lease from before a restart of the host is over", () =>
  withFile(async (open, _path, clock) => {
    const dcs = open();
    await lead(dcs, 5000);
    clock.nowMs = 10;
    assert.deepEqual((await dcs.readFresh(LIMITS)).entries, []);
    await lead(dcs, 5000);
  }));

Deno.test("a removed file is unreachable and never made anew", () =>
  withFile(async (open, path) => {
    const dcs = open();
    await lead(dcs, 5000);
    await Deno.remove(path);
    await assert.rejects(dcs.readFresh(LIMITS), DcsUnreachableError);
    await assert.rejects(dcs.openSession(5000, LIMITS), DcsUnreachableError);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  }));

Deno.test("a client that must find the file there never makes it", () =>
  withFile(async (open, path, clock) => {
    const reader = new DcsSqlite({
      path,
      scopePath: "/s/a",
      clock,
      mustExist: true,
    });
    await assert.rejects(reader.readFresh(LIMITS), {
      name: "DcsUnreachableError",
      message: `Cannot use the SQLite file ${path}: ` +
        "there is no such file; an agent makes it",
    });
    await assert.rejects(reader.openSession(5000, LIMITS), DcsUnreachableError);
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await lead(open(), 5000);
    assert.equal((await reader.readFresh(LIMITS)).entries.length, 1);
    await reader.close();
  }));

Deno.test("a file that is no database is unreachable", () =>
  withFile(async (open, path) => {
    await Deno.writeTextFile(path, "no database, just text ".repeat(100));
    await assert.rejects(open().readFresh(LIMITS), DcsUnreachableError);
  }));

Deno.test("a watch that slept through too much is reset, not misled", () =>
  withFile(async (open) => {
    const [writer, watcher] = [open(), open()];
    const changes: DcsChange[] = [];
    let resets = 0;
    const ending = new AbortController();
    watcher.watch({
      onChange: (change) => changes.push(change),
      onReset: () => resets += 1,
    }, ending.signal);
    while (resets === 0) await new Promise((r) => setTimeout(r, 2));
    // Holding the event loop keeps the watcher from looking in between.
    const puts = [];
    for (let i = 0; i < CHANGES_KEPT + 10; i++) {
      const put = { kind: "put", key: "k", value: `${i}` } as const;
      const write = { when: [], edits: [{ ...put, session: null }] };
      puts.push(writer.write(write, LIMITS));
    }
    await Promise.all(puts);
    const deadline = performance.now() + 10_000;
    while (resets === 1 && changes.length < CHANGES_KEPT + 10) {
      assert.ok(performance.now() < deadline, "no reset and no changes");
      await new Promise((r) => setTimeout(r, 2));
    }
    ending.abort();
    assert.equal(resets, 2);
  }));
