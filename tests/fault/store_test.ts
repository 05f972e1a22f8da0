/** The store fails for everybody: read-only everywhere, or failsafe mode holds the leader. */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { step } from "../helpers/step.ts";
import {
  freezeEtcd,
  freezeEtcdLeader,
  killEtcd,
} from "./bench/faults/store.ts";
import { cutFromMembers } from "./bench/faults/wires.ts";
import type { Undo } from "./bench/undo.ts";

/** Longer than a lease of 20 s. */
const LASTING_MS = 25_000;

type Loss = readonly [name: string, lose: (bench: FaultBench) => Promise<Undo>];

/** Ways to lose the store, and to get it back. */
const LOSSES: readonly Loss[] = [
  ["majority frozen", (bench) => freezeEtcd(bench, 2)],
  ["all frozen", (bench) => freezeEtcd(bench, 3)],
  ["all killed and started again", killEtcd],
];

/** Losses that nobody may notice. */
const TRIFLES: readonly Loss[] = [
  ["one node frozen", (bench) => freezeEtcd(bench, 1)],
  ["its leader frozen", freezeEtcdLeader],
];

faultTest(
  "fault: etcd: nothing changes, or read-only everywhere",
  async (t) => {
    await using bench = await FaultBench.running();
    await bench.record();
    for (const [name, lose] of TRIFLES) {
      await step(t, `etcd: ${name}: nothing changes`, async () => {
        const leader = await bench.untilWhole();
        const recover = await lose(bench);
        await bench.lasting(LASTING_MS);
        await bench.untilWrites("direct", leader);
        await recover();
        assert.equal((await bench.untilWhole()).name, leader.name);
      });
    }
    for (const [name, lose] of LOSSES) {
      await step(
        t,
        `all: etcd gone (${name}): read-only everywhere, back by itself`,
        async () => {
          const leader = await bench.untilWhole();
          await bench.untilWrites("direct", leader);
          const recover = await lose(bench);
          await bench.untilNobodyIsPrimary();
          await recover();
          await bench.untilWrites("direct", await bench.untilWhole());
        },
      );
    }
    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);

faultTest(
  "fault: failsafe mode: etcd gone: the leader goes on while every member agrees, no longer",
  async () => {
    await using bench = await FaultBench.running({
      bootstrapDcs: { failsafe_mode: true },
    });
    const leader = await bench.untilWhole();
    await bench.record();
    const recover = await killEtcd(bench);
    await bench.lasting(LASTING_MS);
    await bench.untilWrites("direct", leader);
    await bench.untilWrites(`proxy-${leader.name}`, leader);

    const connect = await cutFromMembers(bench, leader);
    await bench.untilNobodyIsPrimary();
    await connect();
    await recover();
    await bench.untilWrites("direct", await bench.untilWhole());

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);
