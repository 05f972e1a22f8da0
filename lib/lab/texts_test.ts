import { deepEqual, match } from "node:assert/strict";
import { stepLines, tableLines } from "./texts.ts";

Deno.test("tableLines() pads columns and rules off the head", () => {
  deepEqual(tableLines([["a", "bc"], ["long", "d"]]), [
    "a     bc",
    "----  --",
    "long  d",
  ]);
});

Deno.test("stepLines() names leaders, gap and lost rows", () => {
  const lines = stepLines([{
    kind: "lose_member",
    oldLeader: "m1",
    newLeader: "m3",
    gapMs: 1234,
    errors: 2,
    acknowledged: 77,
    lost: 0,
  }]);
  match(lines[2] ?? "", /kill -9 of all\) +m1 -> m3 +1234 ms +2 +77 +0$/);
});
