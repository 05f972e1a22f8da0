/**
 * The rows in which Patroni alone leaves two writable primaries: the leader's
 * agent is killed or frozen. The same recorder, the same judge, the same times,
 * asynchronous replication. That the judge finds Patroni's second primary also
 * shows that it would find ours.
 */
import assert from "node:assert/strict";
import { patroniSkipReason } from "../compat/programs.ts";
import {
  type BenchOptions,
  FaultBench,
  faultSkipReason,
  faultTest,
} from "./bench/bench.ts";
import { CarrierWatch } from "./bench/carriers.ts";
import { longestGapMs, type Report } from "./bench/checker.ts";
import { freeze, kill } from "./bench/faults/processes.ts";
import { moveVipByCallback, PATRONI, startHaproxy } from "./bench/patroni.ts";

/** How long the agent stays away after another member leads. */
const AWAY_MS = 20_000;

const ASYNCHRONOUS = { bootstrapDcs: { synchronous_mode: false } };

interface Finding extends Report {
  readonly vipSharedMs: number;
  /** Without a write through the VIP. */
  readonly vipGapMs: number;
}

for (const how of ["killed", "frozen"] as const) {
  faultTest(`fault: leader: agent ${how}: never two writable`, async () => {
    await using bench = await FaultBench.running(ASYNCHRONOUS);
    const found = await strikeAgent(bench, how);
    print(`Matriarch, agent ${how}`, found);
    assert.deepEqual(found.overlaps, []);
    assert.equal(found.vipSharedMs, 0);
  });

  patroniTest(
    `fault: Patroni: leader's agent ${how}: two writable`,
    async () => {
      const options: BenchOptions = { ...ASYNCHRONOUS, ...PATRONI };
      await using bench = await FaultBench.running({
        ...options,
        prepare: moveVipByCallback,
      });
      const found = await strikeAgent(bench, how);
      print(`Patroni, agent ${how}`, found);
      assert.notDeepEqual(found.overlaps, []);
    },
  );
}

async function strikeAgent(
  bench: FaultBench,
  how: "killed" | "frozen",
): Promise<Finding> {
  const leader = await bench.untilWhole();
  await bench.record([await startHaproxy(bench)]);
  await bench.untilWrites("vip-postgres", leader);
  await bench.untilWrites("haproxy", leader);
  await using watch = new CarrierWatch(bench);
  const from = bench.history().length;
  const undo = how === "killed"
    ? kill(leader, "agent")
    : freeze(leader, "agent");
  const next = await bench.untilLeader(bench.others(leader));
  await bench.untilWrites("direct", next);
  await bench.lasting(AWAY_MS);
  await undo();
  await bench.untilWhole();
  const vipGapMs = longestGapMs(bench.history().slice(from), "vip");
  const report = await bench.judge();
  return { ...report, vipGapMs, vipSharedMs: watch.sharedMs() };
}

function print(what: string, found: Finding): void {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  const longest = found.overlaps.reduce((max, o) => Math.max(max, o.ms), 0);
  console.log(
    `${what}: two writable primaries for ${seconds(longest)}, ` +
      `VIP on two hosts for ${seconds(found.vipSharedMs)}, ` +
      `no write through the VIP for ${seconds(found.vipGapMs)}, ` +
      `${found.missing.length} acknowledged rows lost`,
  );
}

function patroniTest(name: string, fn: () => Promise<void>): void {
  faultTest(name, fn, faultSkipReason() ?? patroniSkipReason());
}
