import assert from "node:assert/strict";
import { settle } from "../tests/helpers/manual_clock.ts";
import { Places } from "./places.ts";

Deno.test("places: so many at once, the next in order, none after an abort", async () => {
  const places = new Places(2);
  const never = new AbortController().signal;
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const run = (name: string, signal = never) =>
    places.within(signal, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const giveUp = new AbortController();
  const all = [
    ...[run("a"), run("b"), run("c", giveUp.signal), run("d")],
    run("late", AbortSignal.abort()),
  ];
  await settle();
  assert.deepEqual(begun, ["a", "b"]);
  giveUp.abort();
  ends.get("a")?.();
  await settle();
  assert.deepEqual(begun, ["a", "b", "d"]);
  ends.get("b")?.();
  ends.get("d")?.();
  await Promise.all(all);
  const again = run("e");
  await settle();
  ends.get("e")?.();
  await again;
  assert.deepEqual(begun, ["a", "b", "d", "e"]);
});

Deno.test("places: work that fails gives its place back", async () => {
  const places = new Places(1);
  const { signal } = new AbortController();
  const failing = places.within(signal, () => Promise.reject(new Error("x")));
  await assert.rejects(failing, /x/);
  let isDone = false;
  await places.within(signal, () => {
    isDone = true;
    return Promise.resolve();
  });
  assert.equal(isDone, true);
});
