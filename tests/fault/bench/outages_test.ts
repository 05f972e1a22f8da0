import assert from "node:assert/strict";
import type { Attempt } from "./history.ts";
import { Outages } from "./outages.ts";

function acked(startedMs: number, lane: string): Attempt {
  const reign = { member: "n1", timeline: 1, lsn: "0/1" };
  const outcome = { kind: "acked", ...reign } as const;
  return { id: `${startedMs}`, lane, startedMs, endedMs: startedMs, outcome };
}

Deno.test("outages: the longest of each fault, alone and beside another", () => {
  const outages = new Outages();
  const direct = (ms: number) => acked(ms, "direct-n1");
  const text = outages.note(["a"], [direct(0), direct(1_500), direct(1_600)]);
  assert.equal(text, "no write for 1.5 s, through VIP and proxy for 1.6 s");
  outages.note(["a", "b"], [acked(0, "vip-proxy"), acked(9_000, "vip-proxy")]);
  outages.note(["a"], [acked(0, "vip-proxy"), acked(700, "vip-proxy")]);
  assert.deepEqual(outages.table().split("\n").slice(2), [
    "| a | 3 | 1.5 s | 1.6 s | 9.0 s | 9.0 s |",
    "| b | 1 |  |  | 9.0 s | 9.0 s |",
  ]);
});
