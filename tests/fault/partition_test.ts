/** Cut connections: whoever loses the store gives the lead up before its lease ends. */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { cutFromEtcd } from "./bench/faults.ts";

faultTest(
  "fault: the leader is cut off from etcd: demoted before its lease ends, another leads",
  async () => {
    await using bench = await FaultBench.running();
    const first = await bench.untilWhole();
    await bench.record();
    await bench.untilWrites("direct", first);

    const heal = await cutFromEtcd(bench, first);
    const second = await bench.untilLeader(bench.others(first));
    await bench.untilWrites("direct", second);
    const status = await first.status();
    assert.notEqual(status?.["role"], "primary");

    await heal();
    await bench.untilWhole();
    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
    assert.deepEqual(
      report.reigns.map(({ member }) => member),
      [first.name, second.name],
    );
  },
);
