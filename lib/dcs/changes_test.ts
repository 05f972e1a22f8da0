import assert from "node:assert/strict";
import { revision } from "../core/base/units.ts";
import { changesBetween, type KeyState } from "./changes.ts";

const AT = revision("9");

function state(key: string, value: string, at: number): KeyState {
  return { key, value, revision: revision(at) };
}

Deno.test("what is gone, new or changed is told, what stayed is not", () => {
  const before = [state("a", "1", 1), state("b", "1", 2), state("c", "1", 3)];
  const now = [state("b", "1", 2), state("c", "2", 4), state("d", "1", 5)];
  assert.deepEqual(changesBetween(before, now, AT), [
    { key: "a", value: null, revision: AT },
    { key: "c", value: "2", revision: revision(4) },
    { key: "d", value: "1", revision: revision(5) },
  ]);
});

Deno.test("a key that was deleted and made again has changed", () => {
  const before = [state("a", "1", 1)];
  const now = [state("a", "1", 7)];
  assert.deepEqual(changesBetween(before, now, AT), [
    { key: "a", value: "1", revision: revision(7) },
  ]);
});
