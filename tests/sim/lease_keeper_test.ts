/** The agent's LeaseKeeper against the memory store, fault by fault. */
import assert from "node:assert/strict";
import { LeadRight } from "../../lib/agent/lead_right.ts";
import { LeaseKeeper } from "../../lib/agent/leases.ts";
import { ScopeStore } from "../../lib/agent/scope_store.ts";
import { driftAllowanceMs } from "../../lib/core/calc/lead/budgets.ts";
import { decodeClusterView } from "../../lib/core/codec/cluster_view_codec.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { MemoryDcs } from "./dcs_memory.ts";
import { MemoryStore } from "./dcs_memory_store.ts";

const PATH = "/service/x/";
function fits(): Promise<boolean> {
  return Promise.resolve(true);
}

const TERMS = { ttlMs: 30_000, timeoutMs: 5_000 };

class Bench {
  readonly clock = new ManualClock();
  readonly store = new MemoryStore(this.clock);
  readonly #clients: MemoryDcs[] = [];

  /** A keeper with a connection of its own. */
  keeper(name: string): {
    readonly dcs: MemoryDcs;
    readonly leases: LeaseKeeper;
    readonly right: LeadRight;
  } {
    const dcs = new MemoryDcs(this.store, PATH);
    this.#clients.push(dcs);
    const right = new LeadRight(this.clock);
    const parts = { dcs, clock: this.clock, right };
    return { dcs, right, leases: new LeaseKeeper(parts, name) };
  }

  get view(): ClusterView {
    const entries = this.store.read(PATH)
      .map((key) => ({ ...key, isHeld: false }));
    return decodeClusterView({ entries });
  }

  get leader(): string | null {
    return this.view.leader?.name ?? null;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) await client.close();
    this.store.close();
    await settle();
  }
}

async function withBench(test: (bench: Bench) => Promise<void>): Promise<void> {
  const bench = new Bench();
  try {
    await test(bench);
  } finally {
    await bench.close();
  }
}

/** Waits in virtual time until `call` has an end. */
async function elapse<T>(bench: Bench, call: Promise<T>): Promise<T> {
  let isOver = false;
  const watched = call.finally(() => isOver = true);
  watched.catch(() => undefined);
  await settle();
  for (let turn = 0; turn < 100 && !isOver; turn++) {
    await bench.clock.advance(100);
  }
  return await watched;
}

Deno.test("LeaseKeeper counts the deadline from before the request", () =>
  withBench(async (bench) => {
    const { dcs, leases, right } = bench.keeper("n1");
    dcs.faults.answerDelayMs = 4_000;
    const bid = elapse(bench, leases.acquire(TERMS, fits));
    assert.equal(await bid, "won");
    // Granting took one slow answer, the write another one.
    assert.equal(right.deadline, 30_000 - driftAllowanceMs(30_000));
    assert.ok(bench.clock.now() >= 8_000);
  }));

Deno.test("LeaseKeeper repeats a release whose request was lost", () =>
  withBench(async (bench) => {
    const { dcs, leases, right } = bench.keeper("n1");
    assert.equal(await leases.acquire(TERMS, fits), "won");
    dcs.cutOff();
    await assert.rejects(
      elapse(bench, leases.release({ timeoutMs: 1_000 })),
      DcsUnreachableError,
    );
    dcs.heal();
    // Simulator, seed 431: the lease of the member key kept the
    // leader key alive, and nobody could lead any more.
    await leases.keepMember(TERMS);
    assert.equal(bench.leader, "n1");
    assert.equal(await leases.renew(bench.view.leader, TERMS), "lost");
    assert.equal(bench.leader, null);
    assert.equal(right.deadline, null);
  }));

Deno.test("LeaseKeeper's late release leaves the next life's key alone", () =>
  withBench(async (bench) => {
    const old = bench.keeper("n1");
    assert.equal(await old.leases.acquire(TERMS, fits), "won");
    // Simulator, seed 2628: the agent died while its release was on its way.
    old.dcs.faults.requestDelayMs = 2_000;
    const late = old.leases.release(TERMS);
    const young = bench.keeper("n1");
    assert.equal(await young.leases.renew(bench.view.leader, TERMS), "renewed");
    assert.equal(await elapse(bench, late), false);
    assert.equal(bench.leader, "n1");
  }));

Deno.test("LeaseKeeper gives a key back whose bid rested on an old view", () =>
  withBench(async (bench) => {
    const { dcs, leases, right } = bench.keeper("n1");
    // Simulator, seed 6243: the agent froze between its decision and the bid, and
    // somebody else had led and gone.
    const stale = (): Promise<boolean> => Promise.resolve(false);
    assert.equal(await leases.acquire(TERMS, stale), "lost");
    assert.equal(bench.leader, null);
    assert.equal(right.deadline, null);
    const blind = async (): Promise<boolean> => {
      dcs.cutOff();
      return await Promise.reject(new DcsUnreachableError("away"));
    };
    await assert.rejects(leases.acquire(TERMS, blind), DcsUnreachableError);
    dcs.heal();
    assert.equal(bench.leader, "n1");
    assert.equal(await leases.renew(bench.view.leader, TERMS), "lost");
    assert.equal(bench.leader, null);
    assert.equal(await leases.acquire(TERMS, fits), "won");
  }));

Deno.test("LeaseKeeper does not rebind the key after its lease expired", () =>
  withBench(async (bench) => {
    const { leases, right } = bench.keeper("n1");
    const other = bench.keeper("n2");
    assert.equal(await leases.acquire(TERMS, fits), "won");
    const { view } = bench;
    await bench.clock.advance(31_000);
    assert.equal(await other.leases.acquire(TERMS, fits), "won");
    assert.equal(await leases.renew(view.leader, TERMS), "lost");
    assert.equal(right.deadline, null);
    assert.equal(bench.leader, "n2");
  }));

Deno.test("LeaseKeeper holds nothing after a release, whatever answers come", () =>
  withBench(async (bench) => {
    const { dcs, leases, right } = bench.keeper("n1");
    assert.equal(await leases.acquire(TERMS, fits), "won");
    dcs.faults.answerDelayMs = 1_000;
    const renewal = leases.renew(bench.view.leader, TERMS);
    await settle();
    const released = leases.release(TERMS);
    assert.equal(right.deadline, null);
    await elapse(bench, renewal);
    assert.equal(right.deadline, null);
    assert.equal(await elapse(bench, released), true);
    assert.equal(bench.leader, null);
  }));

Deno.test("a write of the sync key does not outlive its term", () =>
  withBench(async (bench) => {
    const old = bench.keeper("n1");
    assert.equal(old.leases.term, null);
    assert.equal(await old.leases.acquire(TERMS, fits), "won");
    const store = new ScopeStore(old.dcs);
    const { term } = old.leases;
    assert.equal(term, bench.view.leader?.revision);
    const empty = { leader: "n1", quorum: 0, standbys: [] };
    const first = { revision: null, term };
    assert.equal(await store.writeSync(empty, first, TERMS), "written");
    // On its way while n1 gives the lead away, and n2 takes it.
    old.dcs.faults.requestDelayMs = 2_000;
    const { revision } = bench.view.sync;
    const listed = { ...empty, standbys: ["n3"] };
    const late = store.writeSync(listed, { revision, term }, TERMS);
    old.dcs.faults.requestDelayMs = 0;
    assert.equal(await old.leases.release(TERMS), true);
    const young = bench.keeper("n2");
    assert.equal(await young.leases.acquire(TERMS, fits), "won");
    assert.equal(await elapse(bench, late), "conflict");
    assert.deepEqual(bench.view.sync, { ...empty, revision });
    const own = { revision, term: young.leases.term };
    assert.equal(
      await new ScopeStore(young.dcs).deleteSync(own, TERMS),
      "written",
    );
  }));

Deno.test("binding the leader key to a new lease begins a new term", () =>
  withBench(async (bench) => {
    const old = bench.keeper("n1");
    assert.equal(await old.leases.acquire(TERMS, fits), "won");
    const young = bench.keeper("n1");
    assert.equal(await young.leases.renew(bench.view.leader, TERMS), "renewed");
    assert.equal(young.leases.term, bench.view.leader?.revision);
    assert.notEqual(young.leases.term, old.leases.term);
    // A renewal does not.
    const { term } = young.leases;
    const { leader } = decodeClusterView(await young.dcs.readFresh(TERMS));
    assert.equal(await young.leases.renew(leader, TERMS), "renewed");
    assert.equal(young.leases.term, term);
    const sync = { leader: "n1", quorum: 0, standbys: ["n2"] };
    const stale = { revision: null, term: old.leases.term };
    const store = new ScopeStore(old.dcs);
    assert.equal(await store.writeSync(sync, stale, TERMS), "conflict");
    assert.equal(bench.view.sync.leader, null);
  }));

Deno.test("LeaseKeeper does not renew a key that was taken over while its lease lives", () =>
  withBench(async (bench) => {
    const old = bench.keeper("n1");
    const other = bench.keeper("n2");
    assert.equal(await old.leases.acquire(TERMS, fits), "won");
    assert.equal(
      await old.leases.renew(held(bench.view), TERMS),
      "renewed",
      "nothing has happened yet",
    );
    const seen = held(bench.view);
    const session = await other.leases.keepMember(TERMS);
    const revision = old.leases.term;
    assert.ok(revision !== null);
    const taken = await other.dcs.write({
      when: [{ kind: "revision_is", key: "leader", revision }],
      edits: [{ kind: "put", key: "leader", value: "n2", session }],
    }, TERMS);
    assert.equal(taken.kind, "done");
    assert.equal(await old.leases.renew(seen, TERMS), "lost");
    assert.equal(old.right.deadline, null);
    assert.equal(bench.leader, "n2");
  }));

Deno.test("LeaseKeeper asks the store in no more time than a renewal has", () =>
  withBench(async (bench) => {
    const { dcs, leases } = bench.keeper("n1");
    assert.equal(await leases.acquire(TERMS, fits), "won");
    let reads = 0;
    const ask = dcs.readFresh.bind(dcs);
    dcs.readFresh = (limits) => {
      reads++;
      return ask(limits);
    };
    dcs.faults.answerDelayMs = 3_000;
    const before = bench.clock.now();
    const renewal = leases.renew(held(bench.view), TERMS);
    assert.equal(await elapse(bench, renewal), "renewed");
    assert.ok(bench.clock.now() - before < 2 * 3_000);
    assert.equal(reads, 1, "one call more than the renewal itself");
  }));

/** As the keeper's own view has it. */
function held({ leader }: ClusterView): ClusterView["leader"] {
  return leader === null ? null : { ...leader, isHeld: true };
}
