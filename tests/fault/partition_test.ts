/** Cut connections: whoever loses the store gives the lead up before its lease ends. */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import {
  cutFromEtcd,
  cutFromMembers,
  deafenMember,
  isolate,
  muteMember,
} from "./bench/faults/wires.ts";
import type { BenchMember } from "./bench/member.ts";
import type { Undo } from "./bench/undo.ts";

/** Ways to take the store from a leader, all with the same end. */
const CUTS: readonly (readonly [
  name: string,
  cut: (bench: FaultBench, leader: BenchMember) => Promise<Undo>,
])[] = [
  ["cut off from etcd", cutFromEtcd],
  ["cut off from everything", isolate],
  ["sends nothing", muteMember],
  ["hears nothing", deafenMember],
];

for (const [name, cut] of CUTS) {
  faultTest(
    `fault: leader ${name}: demoted before its lease ends, another leads`,
    async () => {
      await using bench = await FaultBench.running();
      const first = await bench.untilWhole();
      await bench.record();
      await bench.untilWrites("direct", first);

      const heal = await cut(bench, first);
      const second = await bench.untilLeader(bench.others(first));
      await bench.untilWrites("direct", second);
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
}

faultTest(
  "fault: leader cut off from the other members only: it goes on leading",
  async () => {
    await using bench = await FaultBench.running();
    const first = await bench.untilWhole();
    await bench.record();
    await bench.untilWrites("direct", first);

    const heal = await cutFromMembers(bench, first);
    await bench.until(
      "no replica is connected",
      async () => {
        const rows = await first.sql("SELECT pid FROM pg_stat_replication");
        return rows.length === 0;
      },
    );
    await bench.untilWrites("direct", first);
    await heal();
    assert.equal(await bench.untilWhole(), first);

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
    assert.deepEqual(report.reigns.map(({ member }) => member), [first.name]);
  },
);
