/**
 * Thousands of simulated scopes with the real rules. MATRIARCH_SIM_SEEDS says
 * how many (2,000 without it); both cores of a small machine share them.
 */
import assert from "node:assert/strict";
import { runFast } from "./seed.ts";
import { summarize } from "./summary.ts";
import { runSwarm } from "./swarm.ts";

const SEEDS = Number(Deno.env.get("MATRIARCH_SIM_SEEDS") ?? 2_000);

/** Rows that the worlds of the fast mode can not reach: no pause, no tags, no half-made data ... */
const UNREACHABLE_RULES = 20;

Deno.test("fast: seeds that found bugs keep every promise now", async () => {
  const text = await Deno.readTextFile(new URL("seeds.txt", import.meta.url));
  const seeds = text.split("\n").filter((line) => /^\d/.test(line))
    .map((line) => parseInt(line));
  assert.ok(seeds.length > 0);
  for (const seed of seeds) {
    assert.equal(runFast(seed).broken, null, `seed ${seed}`);
  }
});

Deno.test("fast: the same seed is the same world", () => {
  const first = runFast(7, { isTraced: true });
  assert.deepEqual(runFast(7, { isTraced: true }).trace, first.trace);
  assert.ok(first.trace.length > 100);
  assert.notDeepEqual(runFast(8, { isTraced: true }).trace, first.trace);
});

Deno.test(`fast: ${SEEDS} seeds keep every promise`, async () => {
  const verdicts = await runSwarm({ mode: "fast", from: 1, to: SEEDS });
  const summary = summarize(verdicts);
  assert.equal(verdicts.length, SEEDS);
  assert.equal(summary.broken.length, 0, summary.text("short"));
  assert.ok(summary.promotions > SEEDS, "the worlds have grown too quiet");
  assert.ok(
    summary.unused.length <= UNREACHABLE_RULES,
    `rules that no seed used: ${summary.unused.join(" ")}`,
  );
});
