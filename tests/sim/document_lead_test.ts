/**
 * Goal: on a server of documents, two members never believe at once that they
 * hold the lead, whatever happens to the server and to their connections: also
 * when a standby without the last saves takes over. Method: three clients bid and
 * renew at random, with faults at random, on a clock that only the test moves;
 * each counts its lease from before its request, gives the lead back now and then,
 * and is started anew, as the lease keeper does it.
 *
 * The same with a server that does not say that it was replaced must fail, or the
 * test would prove nothing.
 */
import assert from "node:assert/strict";
import type { SessionId } from "../../lib/core/base/units.ts";
import { DocumentDcs } from "../../lib/dcs/document/document_dcs.ts";
import type { DcsCondition, DcsEdit, DcsEntry } from "../../lib/ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
} from "../../lib/ports/errors.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import {
  MemoryDocumentServer,
  MemoryDocumentStore,
} from "../helpers/memory_document_server.ts";

const TTL_MS = 1000;
const LIMITS = { timeoutMs: 300 };
const STEPS = 150;
const SEEDS = 150;

/** Mulberry32. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** As an agent does it: see the lease keeper. */
class Member {
  readonly name: string;
  readonly store: MemoryDocumentStore;
  readonly #parts: { readonly clock: ManualClock; readonly next: () => number };
  #dcs: DocumentDcs;
  #session: SessionId | null = null;
  #boundTo: SessionId | null = null;
  #isReleased = false;
  #isLeader = false;
  #deadline = 0;

  constructor(
    name: string,
    server: MemoryDocumentServer,
    parts: { readonly clock: ManualClock; readonly next: () => number },
  ) {
    this.name = name;
    this.#parts = parts;
    this.store = new MemoryDocumentStore(server, "/s/a");
    this.#dcs = this.#connect();
  }

  leads(): boolean {
    return this.#isLeader && this.#parts.clock.now() < this.#deadline;
  }

  /** One cycle of a member. */
  async cycle(): Promise<void> {
    const { next } = this.#parts;
    try {
      if (next() < 0.02) return this.#restart();
      const { entries } = await this.#dcs.readFresh(LIMITS);
      const key = entries.find((one) => one.key === "leader");
      if (key?.value === this.name) return await this.#lead(key);
      this.#isLeader = false;
      const { session } = await this.#fresh();
      if (key === undefined) await this.#bid(session);
    } catch (error) {
      const isExpected = error instanceof DcsUnreachableError ||
        error instanceof DcsRefusedError;
      if (!isExpected) throw error;
    }
  }

  async #lead(key: DcsEntry): Promise<void> {
    const { next } = this.#parts;
    const { revision } = key;
    if (this.#isReleased || next() < 0.05) {
      this.#isReleased = true;
      this.#isLeader = false;
      await this.#write({ kind: "revision_is", key: "leader", revision }, null);
      return;
    }
    const before = this.#session;
    const { session, since } = await this.#fresh();
    if (before !== null && before !== session) {
      this.#isLeader = false;
      return;
    }
    if (!key.isHeld || this.#boundTo !== session) {
      const own = {
        kind: "value_is",
        key: "leader",
        value: this.name,
      } as const;
      this.#isLeader = await this.#write(own, session);
    } else this.#isLeader = true;
    this.#deadline = since + TTL_MS;
  }

  async #bid(session: SessionId): Promise<void> {
    this.#isReleased = true;
    const since = this.#deadline;
    if (await this.#write({ kind: "absent", key: "leader" }, session)) {
      this.#isReleased = false;
      this.#isLeader = true;
      this.#deadline = since;
    }
  }

  /** The own session, renewed or opened now. */
  async #fresh(): Promise<
    { readonly session: SessionId; readonly since: number }
  > {
    const { clock } = this.#parts;
    let since = clock.now();
    if (this.#session !== null) {
      const answer = await this.#dcs.renewSession(this.#session, LIMITS);
      if (answer === "alive") {
        if (!this.#isLeader) this.#deadline = since + TTL_MS;
        return { session: this.#session, since };
      }
      this.#isLeader = false;
    }
    since = clock.now();
    this.#session = (await this.#dcs.openSession(TTL_MS, LIMITS)).id;
    if (!this.#isLeader) this.#deadline = since + TTL_MS;
    return { session: this.#session, since };
  }

  async #write(
    condition: DcsCondition,
    session: SessionId | null,
  ): Promise<boolean> {
    const value = this.name;
    const edit: DcsEdit = session === null
      ? { kind: "delete", key: "leader" }
      : { kind: "put", key: "leader", value, session };
    const write = { when: [condition], edits: [edit] };
    const isDone = (await this.#dcs.write(write, LIMITS)).kind === "done";
    if (isDone && session !== null) this.#boundTo = session;
    return isDone;
  }

  #restart(): void {
    this.#dcs = this.#connect();
    this.#session = null;
    this.#boundTo = null;
    this.#isReleased = false;
    this.#isLeader = false;
  }

  #connect(): DocumentDcs {
    const { clock, next } = this.#parts;
    return new DocumentDcs({ store: this.store, clock, random: { next } });
  }
}

/** Names of those who believe that they lead at one moment; null: there were never two. */
async function twoLeaders(
  seed: number,
  hasEras: boolean,
): Promise<{ readonly two: string | null; readonly terms: number }> {
  const next = randomOf(seed);
  const clock = new ManualClock();
  const server = new MemoryDocumentServer(clock, { hasEras });
  const members = ["n1", "n2", "n3"].map((name) =>
    new Member(name, server, { clock, next })
  );
  const busy = new Set<Member>();
  let [last, terms] = ["", 0];
  for (let step = 0; step < STEPS; step++) {
    for (const member of members) {
      const { faults } = member.store;
      faults.isAnswerLost = next() < 0.03;
      faults.isBroken = next() < 0.03;
      faults.isBrokenAfter = next() < 0.03;
      if (next() < 0.05) faults.isCutOff = !faults.isCutOff;
      if (busy.has(member) || next() < 0.4) continue;
      busy.add(member);
      void member.cycle().finally(() => busy.delete(member));
    }
    if (next() < 0.03) server.failOver(Math.floor(next() * 4));
    if (next() < 0.03) server.freeze();
    else if (next() < 0.3) server.thaw();
    await settle();
    await clock.advance(Math.floor(next() * 120));
    const leaders = members.filter((member) => member.leads());
    const names = leaders.map(({ name }) => name).join(" and ");
    if (leaders.length > 1) return { two: names, terms };
    if (names !== "" && names !== last) [last, terms] = [names, terms + 1];
  }
  return { two: null, terms };
}

Deno.test("two never lead at once, also when the server forgets", async () => {
  let terms = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = await twoLeaders(seed, true);
    assert.equal(run.two, null, `seed ${seed}: ${run.two} lead at once`);
    terms += run.terms;
  }
  // They do lead, one after the other.
  assert.ok(terms > 2 * SEEDS, `only ${terms} terms`);
});

Deno.test("a server that hides its failover is found out", async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    if ((await twoLeaders(seed, false)).two !== null) return;
  }
  assert.fail("no seed finds two leaders: the test proves nothing");
});
