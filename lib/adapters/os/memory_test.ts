import assert from "node:assert/strict";
import { ManualClock } from "../../../tests/helpers/manual_clock.ts";
import { keepMemorySmall, type Memory, OwnMemory } from "./memory.ts";

const MB = 2 ** 20;

Deno.test("memory is given back after the start, and then only when it has grown", async () => {
  const clock = new ManualClock();
  const ending = new AbortController();
  let [resident, gifts] = [120 * MB, 0];
  const memory: Memory = {
    residentBytes: () => resident,
    giveBack: () => {
      gifts++;
      resident = 60 * MB;
    },
  };
  const keeping = keepMemorySmall(memory, clock, ending.signal);
  assert.equal(gifts, 0);
  await clock.advance(30_000);
  assert.equal(gifts, 1);
  resident = 80 * MB;
  await clock.advance(300_000);
  assert.equal(gifts, 1);
  resident = 90 * MB;
  await clock.advance(300_000);
  assert.equal(gifts, 2);
  ending.abort();
  await keeping;
});

Deno.test("a process that gives memory back goes on", () => {
  const memory = new OwnMemory();
  memory.giveBack();
  assert.ok(memory.residentBytes() > 0);
});

Deno.test("memory is put together, not only collected, where the engine lets us", () => {
  const asked: unknown[] = [];
  const before = Object.getOwnPropertyDescriptor(globalThis, "gc");
  const value = (options: unknown): void => void asked.push(options);
  Object.defineProperty(globalThis, "gc", { value, configurable: true });
  try {
    new OwnMemory().giveBack();
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "gc");
    else Object.defineProperty(globalThis, "gc", before);
  }
  const [options] = asked;
  assert.deepEqual(options, {
    type: "major",
    execution: "sync",
    flavor: "last-resort",
  });
});
