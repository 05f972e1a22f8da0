import assert from "node:assert/strict";
import { ManualClock, settle } from "../tests/helpers/manual_clock.ts";
import { OpeningLimit } from "./opening_limit.ts";

/** A limit of 100 ms whose late clients are noted by name. */
function rig() {
  const clock = new ManualClock();
  const limit = new OpeningLimit(clock, 100);
  const late: string[] = [];
  const begin = (name: string) => limit.begin(() => void late.push(name));
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
