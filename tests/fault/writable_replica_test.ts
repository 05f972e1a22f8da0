/** Somebody promotes a replica by hand: it takes writes without leading. */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { judge } from "./bench/checker.ts";

faultTest(
  "fault: replica, not leader: found writable: demoted and rejoined at once",
  async () => {
    await using bench = await FaultBench.running();
    const leader = await bench.untilWhole();
    const [replica] = bench.others(leader);
    assert.ok(replica !== undefined);
    await bench.record();
    await bench.untilWrites("direct", leader);

    const [promoted] = await replica.sql("SELECT pg_promote()");
    assert.equal(promoted?.["pg_promote"], true);
    await bench.until("it is in recovery again", async () => {
      const [row] = await replica.sql("SELECT pg_is_in_recovery() AS recovers");
      return row?.["recovers"] === true;
    });
    assert.equal(await bench.untilWhole(), leader);
    await bench.untilWrites("direct", leader);

    // Who went there directly has written what is gone; nobody else has.
    const report = await bench.judge("vip");
    assert.deepEqual(report.missing, []);
    for (const lanes of ["vip", "proxy"]) {
      const { reigns } = judge(bench.history(), null, lanes);
      assert.deepEqual(reigns.map(({ member }) => member), [leader.name]);
    }
  },
);
