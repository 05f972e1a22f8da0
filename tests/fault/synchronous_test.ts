/** Synchronous mode with nobody left to be synchronous. */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { longestGapMs } from "./bench/checker.ts";
import { loseHost } from "./bench/faults/processes.ts";
import { cutFromMembers } from "./bench/faults/wires.ts";
import type { BenchMember } from "./bench/member.ts";

/** Longer than an attempt of the recorder. */
const WAITING_MS = 5_000;

faultTest(
  "fault: synchronous mode: no synchronous replica left: async until one is back, no automatic failover meanwhile",
  async () => {
    await using bench = await FaultBench.running();
    const leader = await bench.untilWhole();
    await bench.record();

    const connect = await cutFromMembers(bench, leader);
    await bench.until("nobody is synchronous", () => isAlone(leader));
    await bench.untilWrites("direct", leader);
    const comeBack = await loseHost(bench, leader);
    await bench.nobodyElseLeads(leader);
    await comeBack();
    await bench.untilWrites("direct", leader);
    await connect();
    assert.equal((await bench.untilWhole()).name, leader.name);

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);

faultTest(
  "fault: strict synchronous mode: no synchronous replica left: writes wait",
  async () => {
    await using bench = await FaultBench.running({
      bootstrapDcs: { synchronous_mode_strict: true },
    });
    const leader = await bench.untilWhole();
    await bench.record();
    await bench.untilWrites("direct", leader);

    const connect = await cutFromMembers(bench, leader);
    const waiting = await bench.until("writes wait", async () => {
      const from = bench.history().length;
      await bench.lasting(WAITING_MS);
      const tried = bench.history().slice(from);
      const isSilent = tried.every(({ outcome }) => outcome.kind === "failed");
      return isSilent && tried.length > 0 ? tried : null;
    });
    assert.ok(longestGapMs(waiting) >= WAITING_MS / 2);
    await connect();
    await bench.untilWrites("direct", leader);
    assert.equal((await bench.untilWhole()).name, leader.name);

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);

async function isAlone(leader: BenchMember): Promise<boolean> {
  const { text } = await leader.rest("GET", "/cluster");
  return !text.includes("sync_standby");
}
