/**
 * Thousands of simulated scopes with the real agents. MATRIARCH_SIM_SEEDS says
 * how many (1,000 without it); both cores of a small machine share them.
 */
import assert from "node:assert/strict";
import { runSeed } from "./seed.ts";
import { summarize } from "./summary.ts";
import { runSwarm } from "./swarm.ts";

const SEEDS = Number(Deno.env.get("MATRIARCH_SIM_SEEDS") ?? 1_000);

/** Rows of failovers, of failsafe mode, standby clusters and watchdogs; a few others need what no world has. */
const MUST_DECIDE = `
  R020 R050 R060 R130 R140 R150 R170 R210 R225 R230 R240 R250 R260 R280 R310 R311
  R320 R330 R340 R410 R430 R440 R450 R460 R470 R480 R493 R496 R510 R530 R540
  R550 R560 R570 R575 R580 R590 R610 R660 R670 R680 R690 R700 R710 R720 R730 R740
  R412 R413 R910 R920 R940 R950 R960 take_lease
  R411 R965 R968 R970 R975 R980 R985 R990 fencing_run take_fenced_lease
  R820 R830 R840 R850 R305 R308 R482 R586 R588 R823 R825 R826`.trim().split(
  /\s+/,
);

Deno.test("seeds that found bugs keep every promise now", async () => {
  const text = await Deno.readTextFile(new URL("seeds.txt", import.meta.url));
  const seeds = text.split("\n").filter((line) => /^\d/.test(line))
    .map((line) => parseInt(line));
  assert.ok(seeds.length > 0);
  for (const seed of seeds) {
    assert.equal((await runSeed(seed)).broken, null, `seed ${seed}`);
  }
});

Deno.test("the same seed is the same world", async () => {
  const first = await runSeed(7, { isTraced: true });
  const again = await runSeed(7, { isTraced: true });
  assert.deepEqual(again.trace, first.trace);
  assert.ok(first.trace.length > 100);
  const other = await runSeed(8, { isTraced: true });
  assert.notDeepEqual(other.trace, first.trace);
});

Deno.test(`${SEEDS} seeds keep every promise`, async () => {
  const verdicts = await runSwarm({ from: 1, to: SEEDS });
  const summary = summarize(verdicts);
  assert.equal(verdicts.length, SEEDS);
  assert.equal(summary.broken.length, 0, summary.text("short"));
  assert.ok(summary.promotions > SEEDS, "the worlds have grown too quiet");
  const unused = MUST_DECIDE.filter((id) => !summary.hits.has(id));
  assert.deepEqual(unused, [], "rules that no seed used");
});
