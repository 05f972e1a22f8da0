import assert from "node:assert/strict";
import type { PortBalance } from "../lib/core/calc/host/port_routes.ts";
import { Balancer, type Choice, steadyChoice } from "./balance.ts";

function choice(key: string, weight = 1): Choice {
  return { key, weight };
}

/** How often each was chosen of `count` clients that stay. */
function shares(
  balance: PortBalance,
  open: readonly Choice[],
  count: number,
): Readonly<Record<string, number>> {
  const balancer = new Balancer(balance);
  const taken: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const picked = balancer.choose(open, {
      sessionsOf: ({ key }) => taken[key] ?? 0,
      source: `10.0.${i >> 8}.${i & 255}`,
    });
    assert.ok(picked !== null);
    taken[picked.key] = (taken[picked.key] ?? 0) + 1;
  }
  return taken;
}

Deno.test("Balancer spreads by weight, in all three ways", () => {
  const open = [choice("a", 1), choice("b", 3)];
  assert.deepEqual(shares("least", open, 400), { a: 100, b: 300 });
  assert.deepEqual(shares("round_robin", open, 400), { a: 100, b: 300 });
  const { a = 0, b = 0 } = shares("source", open, 4_000);
  assert.ok(a > 800 && a < 1_200, `${a} of 4000, ${b}`);
});

Deno.test("Balancer takes turns without weights", () => {
  const open = [choice("a"), choice("b"), choice("c")];
  const balancer = new Balancer("round_robin");
  const facts = { sessionsOf: () => 0, source: "" };
  const keys = (list: readonly Choice[], count: number) =>
    Array.from({ length: count }, () => balancer.choose(list, facts)?.key)
      .join("");
  assert.equal(keys(open, 6), "abcabc");
  // One that was away gets its turn again, and not all that it missed.
  assert.equal(keys([choice("a"), choice("b")], 20), "ab".repeat(10));
  const back = keys(open, 6);
  assert.deepEqual([...back].sort().join(""), "aabbcc");
  assert.equal(balancer.choose([], facts), null);
});

Deno.test("steadyChoice() moves only the sources of the one that went", () => {
  const open = [choice("a"), choice("b"), choice("c")];
  const sources = Array.from({ length: 300 }, (_, i) => `10.1.0.${i}`);
  for (const source of sources) {
    const before = steadyChoice(open, source)?.key;
    assert.equal(steadyChoice(open, source)?.key, before);
    const left = open.filter(({ key }) => key !== "b");
    const after = steadyChoice(left, source)?.key;
    if (before !== "b") assert.equal(after, before);
  }
});
