import assert from "node:assert/strict";
import { ManualClock, settle } from "../tests/helpers/manual_clock.ts";
import { OpeningLimit, sourceOf } from "./opening_limit.ts";

/** A limit of 100 ms whose late clients are noted by name. */
function rig() {
  const clock = new ManualClock();
  const limit = new OpeningLimit(clock, { limitMs: 100, perSourceMax: 9 });
  const late: string[] = [];
  const begin = (name: string) => limit.begin(name, () => void late.push(name));
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    await settle();
  };
  return { limit, late, begin, pass };
}

Deno.test("opening limit: who is late hears of it in time, the others never", async () => {
  const { limit, late, begin, pass } = rig();
  const first = begin("first");
  begin("second");
  await pass(60);
  begin("third");
  limit.end(first);
  await pass(39);
  assert.deepEqual(late, []);
  await pass(1);
  assert.deepEqual(late, ["second"]);
  await pass(59);
  assert.deepEqual(late, ["second"]);
  await pass(1);
  assert.deepEqual(late, ["second", "third"]);
});

Deno.test("opening limit: a client after a quiet time has the whole limit", async () => {
  const { limit, late, begin, pass } = rig();
  limit.end(begin("early"));
  await pass(1_000);
  begin("later");
  await pass(99);
  assert.deepEqual(late, []);
  await pass(1);
  assert.deepEqual(late, ["later"]);
});

Deno.test("opening limit: after its end nobody is late", async () => {
  const { limit, late, begin, pass } = rig();
  begin("one");
  limit.close();
  begin("two");
  await pass(1_000);
  assert.deepEqual(late, []);
});

/** As above, with more time, and two places for each source. */
function crowd() {
  const clock = new ManualClock();
  const terms = { limitMs: 10_000, perSourceMax: 2 };
  const limit = new OpeningLimit(clock, terms);
  const ends: string[] = [];
  const begin = (name: string) =>
    limit.begin(name[0] ?? "", (end) => void ends.push(`${name} ${end}`));
  return { clock, limit, ends, begin };
}

Deno.test("opening limit: one source too many ends the oldest of its own", async () => {
  const { clock, limit, ends, begin } = crowd();
  const first = begin("a1");
  begin("b1");
  await clock.advance(50);
  begin("a2");
  begin("b2");
  await clock.advance(50);
  assert.deepEqual(ends, []);
  begin("a3");
  assert.deepEqual(ends, ["a1 crowded"]);
  // Ended already: no place is given back twice.
  limit.end(first);
  await clock.advance(50);
  begin("a4");
  assert.deepEqual(ends, ["a1 crowded", "a2 crowded"]);
  limit.close();
});

Deno.test("opening limit: who is only arriving is not met, but later all that are too many", async () => {
  const { clock, limit, ends, begin } = crowd();
  for (let i = 0; i < 50; i++) begin(`a${i}`);
  await clock.advance(99);
  begin("a50");
  assert.deepEqual(ends, []);
  await clock.advance(1);
  // Also without a newcomer, of whom another thread may hear.
  assert.equal(ends.length, 49);
  assert.ok(ends.every((end) => end !== "a49 crowded"));
  begin("a51");
  await clock.advance(100);
  assert.equal(ends.length, 50);
  limit.close();
});

Deno.test("opening limit: a place is free again once its client has spoken", async () => {
  const { clock, limit, ends, begin } = crowd();
  for (let i = 0; i < 10; i++) limit.end(begin(`a${i}`));
  begin("a10");
  await clock.advance(1_000);
  begin("a11");
  assert.deepEqual(ends, []);
  limit.close();
});

Deno.test("opening limit: room is made by who has been silent for long", async () => {
  const clock = new ManualClock();
  const terms = { limitMs: 10_000, perSourceMax: 100 };
  const limit = new OpeningLimit(clock, terms);
  assert.equal(limit.makeRoom(), false);
  const ends: string[] = [];
  limit.begin("a", (end) => ends.push(`a ${end}`));
  await clock.advance(999);
  limit.begin("b", (end) => ends.push(`b ${end}`));
  assert.equal(limit.makeRoom(), false);
  await clock.advance(1);
  assert.equal(limit.makeRoom(), true);
  assert.deepEqual(ends, ["a crowded"]);
  assert.equal(limit.makeRoom(), false);
  limit.close();
});

Deno.test("sourceOf() is an IPv4 address, or the network of an IPv6 one", () => {
  assert.equal(sourceOf("10.0.0.1"), "10.0.0.1");
  assert.equal(sourceOf("::ffff:10.0.0.1"), "10.0.0.1");
  assert.equal(sourceOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(sourceOf("2001:db8:1:2::6"), "2001:db8:1:2");
  assert.equal(sourceOf("2001:db8::6"), "2001:db8:0:0");
  assert.equal(sourceOf("::1"), "0:0:0:0");
  assert.equal(sourceOf("0:0:0:0:0:0:0:1"), "0:0:0:0");
  assert.equal(sourceOf(""), "");
});
