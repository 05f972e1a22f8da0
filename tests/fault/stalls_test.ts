/**
 * Stalls of up to a second of the leader's agent, of all of its host, of its
 * network and of its disk, while takeover is on: nobody may take them for a loss.
 * The ten thousand stand in tests/sim/stalls_test.ts; these are on real servers.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { slowFsync } from "./bench/faults/disks.ts";
import { freeze, freezeHost } from "./bench/faults/processes.ts";
import { isolate } from "./bench/faults/wires.ts";
import type { BenchMember } from "./bench/member.ts";
import type { Undo } from "./bench/undo.ts";

const STALLS = 36;
const STALL_MS_MAX = 950;
/** Between two, so that each is one of its own. */
const REST_MS = 1_200;
const SUSPECTED = "it seems to be lost";

type Strike = (bench: FaultBench, leader: BenchMember) => Promise<Undo>;

const STRIKES: readonly (readonly [string, Strike])[] = [
  ["agent", (_, leader) => Promise.resolve(freeze(leader, "agent"))],
  ["host", (_, leader) => freezeHost(leader)],
  ["network", isolate],
  ["disk", (_, leader) => slowFsync(leader)],
];

faultTest("fault: takeover: stalls of up to a second", async () => {
  const bootstrapDcs = {
    ...{ ttl: 30, loop_wait: 10, retry_timeout: 10 },
    ...{ synchronous_mode: true, takeover: "on" },
  };
  await using bench = await FaultBench.running({ bootstrapDcs });
  const leader = await bench.untilWhole();
  await bench.until("a voter may pledge", () =>
    Promise.resolve(
      bench.others(leader).every((member) =>
        member.log().includes("able to pledge again")
      ),
    ));
  await bench.record();
  await bench.untilWrites("direct", leader);
  const told: string[] = [];
  let counted = 0;
  for (let n = 0; n < STALLS; n++) {
    const [name, strike] = STRIKES[n % STRIKES.length] ?? ["", isolate];
    const before = suspicions(bench, leader);
    const begin = performance.now();
    const undo = await strike(bench, leader);
    const struck = performance.now();
    await bench.lasting(STALL_MS_MAX * (n + 1) / STALLS);
    await undo();
    // On a busy machine it may have taken longer than was meant.
    const tookMs = performance.now() - begin;
    await bench.lasting(REST_MS);
    const found = suspicions(bench, leader) - before;
    if (tookMs <= 1_000) counted++;
    told.push(
      `${name} ${tookMs.toFixed(0)} ms ` +
        `(${(struck - begin).toFixed(0)} to begin): ${found}`,
    );
    if (tookMs <= 1_000) assert.equal(found, 0, told.join("\n"));
  }
  assert.ok(counted > 0, told.join("\n"));
  console.log(`${counted} of ${STALLS} stalls were of up to a second`);
  console.log(told.join("\n"));
  assert.equal((await bench.untilWhole()).name, leader.name);
  const report = await bench.judge("direct");
  assert.deepEqual(report.missing, []);
  assert.equal(new Set(report.reigns.map(({ member }) => member)).size, 1);
});

/** How often the others have believed that their leader is lost. */
function suspicions(bench: FaultBench, leader: BenchMember): number {
  return bench.others(leader)
    .map((member) => member.log().split(SUSPECTED).length - 1)
    .reduce((sum, count) => sum + count, 0);
}
