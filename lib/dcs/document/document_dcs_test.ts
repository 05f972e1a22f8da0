import assert from "node:assert/strict";
import type { SessionId } from "../../core/base/units.ts";
import type { DcsChange, DcsWrite } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { ManualClock, settle } from "../../../tests/helpers/manual_clock.ts";
import {
  MemoryDocumentServer,
  MemoryDocumentStore,
} from "../../../tests/helpers/memory_document_server.ts";
import { DocumentDcs } from "./document_dcs.ts";
import type { DocumentStore } from "./document_store.ts";

const LIMITS = { timeoutMs: 1000 };
const TTL_MS = 10_000;
const PATH = "/service/batman";

interface Client {
  readonly dcs: DocumentDcs;
  readonly store: MemoryDocumentStore;
  readonly warnings: string[];
}

class World {
  readonly clock = new ManualClock();
  readonly server = new MemoryDocumentServer(this.clock);

  client(refusal?: DocumentStore["refusal"]): Client {
    const store = new MemoryDocumentStore(this.server, PATH, refusal);
    const warnings: string[] = [];
    const dcs = new DocumentDcs({
      ...{ store, clock: this.clock, random: { next: Math.random } },
      warn: (text) => warnings.push(text),
    });
    return { dcs, store, warnings };
  }

  /** Lets time pass in small steps until the call has ended. */
  async ended<T>(call: Promise<T>): Promise<T | "unreachable"> {
    let outcome: { readonly value: T | "unreachable" } | null = null;
    let problem: unknown = null;
    call.then((value) => outcome = { value }, (error) => {
      if (error instanceof DcsUnreachableError) {
        outcome = { value: "unreachable" };
      } else problem = error;
    });
    for (let step = 0; step < 200; step++) {
      await settle();
      if (problem !== null) throw problem;
      if (outcome !== null) return (outcome as { value: T }).value;
      await this.clock.advance(10);
    }
    throw new Error("the call never ends");
  }

  async session({ dcs }: Client): Promise<SessionId> {
    const session = await this.ended(dcs.openSession(TTL_MS, LIMITS));
    assert.ok(session !== "unreachable");
    return session.id;
  }

  async leader(by: Client): Promise<string | null> {
    const snapshot = await this.ended(by.dcs.readFresh(LIMITS));
    assert.ok(snapshot !== "unreachable");
    return snapshot.entries.find(({ key }) => key === "leader")?.value ?? null;
  }
}

function put(value: string, session: SessionId | null = null): DcsWrite {
  return { when: [], edits: [{ kind: "put", key: "leader", value, session }] };
}

function bid(value: string, session: SessionId): DcsWrite {
  return { ...put(value, session), when: [{ kind: "absent", key: "leader" }] };
}

const FAILED = { kind: "condition_failed" };

Deno.test("a renewal is one round trip, and so is a write", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const id = await world.session(n1);
  world.server.loads = 0;
  world.server.saves = 0;
  assert.equal(await world.ended(n1.dcs.renewSession(id, LIMITS)), "alive");
  await world.ended(n1.dcs.write(bid("n1", id), LIMITS));
  assert.deepEqual([world.server.loads, world.server.saves], [0, 2]);
  // Somebody who has not seen that asks once more, and is right all the same.
  await world.leader(n2);
  await world.ended(n1.dcs.write(put("n1b", id), LIMITS));
  const session = await world.session(n2);
  assert.deepEqual(
    await world.ended(n2.dcs.write(bid("n2", session), LIMITS)),
    {
      ...FAILED,
    },
  );
  assert.equal(await world.leader(n1), "n1b");
});

Deno.test("a refusal is asked for before it is believed", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const [one, two] = [await world.session(n1), await world.session(n2)];
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  assert.equal(await world.leader(n2), "n1");
  const edits = [{ kind: "delete", key: "leader" }] as const;
  await world.ended(n1.dcs.write({ when: [], edits }, LIMITS));
  // As far as n2 has seen, the key is still there.
  const answer = await world.ended(n2.dcs.write(bid("n2", two), LIMITS));
  assert.ok(answer !== "unreachable");
  assert.equal(answer.kind, "done");
});

Deno.test("who has not watched a session for its whole time cannot end it", async () => {
  const world = new World();
  const [n1, n2, late] = [world.client(), world.client(), world.client()];
  const [one, two] = [await world.session(n1), await world.session(n2)];
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  await world.leader(n2);
  await world.clock.advance(TTL_MS - 100);
  const third = await world.session(late);
  await world.clock.advance(200);
  // A whole ttl has passed since the store was told, but late has just come.
  assert.deepEqual(
    await world.ended(late.dcs.write(bid("n3", third), LIMITS)),
    FAILED,
  );
  const answer = await world.ended(n2.dcs.renewSession(two, LIMITS));
  assert.equal(answer, "gone");
  assert.equal(await world.leader(late), null);
});

Deno.test("a renewal that came meanwhile wins", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const one = await world.session(n1);
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  await world.leader(n2);
  await world.clock.advance(TTL_MS - 50);
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "alive");
  await world.clock.advance(100);
  // n2 has seen the same renewal for a whole ttl, and acts on that.
  await world.ended(n2.dcs.openSession(TTL_MS, LIMITS));
  assert.equal(await world.leader(n2), "n1");
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "alive");
});

Deno.test("a broken connection is no failure, done or not", async () => {
  for (const fault of ["isBroken", "isBrokenAfter"] as const) {
    const world = new World();
    const n1 = world.client();
    const id = await world.session(n1);
    world.server.saves = 0;
    n1.store.faults[fault] = true;
    const answer = await world.ended(n1.dcs.write(bid("n1", id), LIMITS));
    assert.ok(answer !== "unreachable", fault);
    assert.equal(answer.kind, "done", fault);
    assert.equal(world.server.saves, 1, fault);
    assert.equal(await world.leader(n1), "n1");
  }
});

Deno.test("a write that may have happened is said to be unknown", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const id = await world.session(n1);
  n1.store.faults.isAnswerLost = true;
  assert.equal(
    await world.ended(n1.dcs.write(bid("n1", id), LIMITS)),
    "unreachable",
  );
  n1.store.faults.isAnswerLost = false;
  assert.equal(await world.leader(n1), "n1");
  // Somebody else writes before the answer can be looked for.
  const { load } = n1.store;
  n1.store.faults.isBrokenAfter = true;
  n1.store.load = async (limits) => {
    await n2.dcs.write(put("n2"), LIMITS);
    return await load.call(n1.store, limits);
  };
  assert.equal(
    await world.ended(n1.dcs.write(put("n3", id), LIMITS)),
    "unreachable",
  );
});

Deno.test("a failover that loses the lead gives it to nobody for a ttl", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const two = await world.session(n2);
  const one = await world.session(n1);
  // n2 has seen nothing of what follows, and n1 is told that it leads.
  const answer = await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  assert.ok(answer !== "unreachable");
  assert.equal(answer.kind, "done");
  world.server.failOver(2);
  const since = world.clock.now();
  assert.deepEqual(
    await world.ended(n2.dcs.write(bid("n2", two), LIMITS)),
    FAILED,
  );
  assert.match(n2.warnings.join(), /nobody takes the lead for 10 s/);
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "gone");
  for (;;) {
    assert.equal(await world.ended(n2.dcs.renewSession(two, LIMITS)), "alive");
    const now = await world.ended(n2.dcs.write(bid("n2", two), LIMITS));
    assert.ok(now !== "unreachable");
    if (now.kind === "done") break;
    await world.clock.advance(500);
  }
  const heldMs = world.clock.now() - since;
  assert.ok(heldMs >= TTL_MS && heldMs < TTL_MS + 1500, `${heldMs} ms`);
  assert.deepEqual(n1.warnings, []);
});

Deno.test("a failover that loses nothing leaves the leader alone", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const one = await world.session(n1);
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  world.server.failOver(0);
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "alive");
  assert.equal(await world.leader(n2), "n1");
  await world.ended(n1.dcs.write({
    when: [{ kind: "value_is", key: "leader", value: "n1" }],
    ...{ edits: put("n1", one).edits },
  }, LIMITS));
  assert.equal(await world.leader(n2), "n1");
});

Deno.test("a leader that the server has forgotten is told so", async () => {
  const world = new World();
  const n1 = world.client();
  const one = await world.session(n1);
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  // Only the key is lost, its session is still there.
  world.server.failOver(1);
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "gone");
  assert.equal(await world.leader(n1), null);
});

Deno.test("a lead that was given back does not come back", async () => {
  const world = new World();
  const [n1, again] = [world.client(), world.client()];
  const one = await world.session(n1);
  const own = { kind: "value_is", key: "leader", value: "n1" } as const;
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  const edits = [{ kind: "delete", key: "leader" }] as const;
  await world.ended(n1.dcs.write({ when: [own], edits }, LIMITS));
  world.server.failOver(1);
  const snapshot = await world.ended(n1.dcs.readFresh(LIMITS));
  assert.ok(snapshot !== "unreachable");
  assert.deepEqual(snapshot.entries.map((e) => [e.value, e.isHeld]), [
    ["n1", false],
  ]);
  // Started anew it knows nothing of that, and must wait like everybody.
  const session = await world.session(again);
  const rebind = { ...put("n1", session), when: [own] };
  assert.deepEqual(await world.ended(again.dcs.write(rebind, LIMITS)), FAILED);
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "gone");
  assert.equal(await world.leader(again), null);
});

Deno.test("who has not renewed for its own time has lost its session", async () => {
  const world = new World();
  const n1 = world.client();
  const one = await world.session(n1);
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "alive");
  await world.clock.advance(TTL_MS);
  // What is left on the server is older than what n1 has seen, so nothing there
  // tells that its time is over.
  world.server.failOver(1);
  assert.equal(await world.ended(n1.dcs.renewSession(one, LIMITS)), "gone");
  assert.equal(await world.leader(n1), null);
});

Deno.test("the watch sees the end of a session when it comes", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const told: [number, string | null][] = [];
  const ending = new AbortController();
  n2.dcs.watch({
    onChange: ({ value }: DcsChange) => told.push([world.clock.now(), value]),
    onReset: () => told.push([world.clock.now(), "reset"]),
  }, ending.signal);
  await settle();
  const one = await world.session(n1);
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  await settle();
  for (let at = 0; at < 25; at++) await world.clock.advance(500);
  assert.deepEqual(told, [[0, "reset"], [0, "n1"], [TTL_MS, null]]);
  world.server.failOver(1);
  await world.leader(n2);
  assert.deepEqual(told.at(-1)?.[1], "reset");
  ending.abort();
  await n2.dcs.close();
});

Deno.test("a session that cannot be cleared away is still there", async () => {
  const world = new World();
  const [n1, n2] = [world.client(), world.client()];
  const one = await world.session(n1);
  await world.ended(n1.dcs.write(bid("n1", one), LIMITS));
  await world.leader(n2);
  await world.clock.advance(TTL_MS + 1);
  n2.store.save = () => Promise.reject(new DcsRefusedError("read-only"));
  assert.equal(await world.leader(n2), "n1");
});

Deno.test("what does not belong there is neither read nor written", async () => {
  const world = new World();
  const misplaced = world.client(({ valueOf }) =>
    valueOf("leader") === "own" ? "it is the cluster's own" : null
  );
  const other = world.client();
  const isRefused = (call: Promise<unknown>) =>
    assert.rejects(world.ended(call), /it is the cluster's own/);
  await isRefused(misplaced.dcs.write(put("own"), LIMITS));
  assert.equal(world.server.saves, 0);
  await world.ended(other.dcs.write(put("own"), LIMITS));
  await isRefused(misplaced.dcs.readFresh(LIMITS));
  const huge = put("x".repeat(2_000_000));
  await assert.rejects(
    world.ended(other.dcs.write(huge, LIMITS)),
    /would take 2000\d+ bytes in the memory server, .* 1000000 at most/,
  );
});

Deno.test("a stranger's document is refused, and so is its version", async () => {
  for (
    const [version, text] of [
      ["1.0000000000000000", "{}"],
      ["x", JSON.stringify({ format: 1, era: "", keys: {}, sessions: {} })],
    ] as const
  ) {
    const world = new World();
    const n1 = world.client();
    world.server.plant(PATH, { version, text });
    const calls = [
      () => n1.dcs.read(LIMITS),
      () => n1.dcs.openSession(TTL_MS, LIMITS),
      () => n1.dcs.write(put("n1"), LIMITS),
    ];
    for (const call of calls) {
      await assert.rejects(
        world.ended<unknown>(call()),
        (error) => error instanceof DcsRefusedError,
      );
    }
    assert.equal(world.server.saves, 0);
  }
});
