/** Asynchronous mode: what a lost host may take with it is bounded. */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { removeData } from "./bench/faults/disks.ts";
import { loseHost } from "./bench/faults/processes.ts";
import { cutFromMembers } from "./bench/faults/wires.ts";

/** How long rows reach nobody. */
const LAGGING_MS = 3_000;
const BOUND_BYTES = 1_048_576;

function asynchronous(boundBytes: number) {
  return {
    bootstrapDcs: {
      synchronous_mode: false,
      maximum_lag_on_failover: boundBytes,
    },
  };
}

faultTest(
  "fault: asynchronous mode: a lost leader takes less than maximum_lag_on_failover with it",
  async () => {
    await using bench = await FaultBench.running(asynchronous(BOUND_BYTES));
    const leader = await bench.untilWhole();
    await bench.record();
    const connect = await cutFromMembers(bench, leader);
    await bench.lasting(LAGGING_MS);
    await bench.untilWrites("direct", leader);
    const comeBack = await loseHost(bench, leader);
    const next = await bench.untilLeader(bench.others(leader));
    await bench.untilWrites("direct", next);
    await connect();
    await comeBack();
    await bench.untilWhole();

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.ok(report.missing.length > 0, "rows that reached nobody are lost");
    assert.ok(report.lostBytes <= BOUND_BYTES, `${report.lostBytes} bytes`);
  },
);

faultTest(
  "fault: asynchronous mode: nobody leads who lacks more than maximum_lag_on_failover",
  async () => {
    await using bench = await FaultBench.running(asynchronous(1));
    const leader = await bench.untilWhole();
    await bench.record();
    const connect = await cutFromMembers(bench, leader);
    // Until the lag is more than what the last cycle wrote, which nobody can know of.
    await bench.lasting(2 * LAGGING_MS);
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
  "fault: asynchronous mode: leader's data removed: its server ends before another leads",
  async () => {
    await using bench = await FaultBench.running(asynchronous(BOUND_BYTES));
    const leader = await bench.untilWhole();
    await bench.record();
    await bench.untilWrites("direct", leader);
    const undo = await removeData(leader);
    const next = await bench.untilLeader(bench.others(leader));
    await bench.untilWrites("direct", next);
    await undo();
    await bench.untilWhole();
    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
  },
);
