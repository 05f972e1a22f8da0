import assert from "node:assert/strict";
import type { EtcdStatus } from "../../model/etcd_member.ts";
import { type EtcdUpkeep, nextUpkeep } from "./upkeep.ts";

const MIB = 2 ** 20;

function due(
  change: Partial<Parameters<typeof nextUpkeep>[0]>,
  own: Partial<EtcdStatus> = {},
): EtcdUpkeep | null {
  return nextUpkeep({
    own: {
      ...{ clusterId: "1", memberId: "1", version: "", leaderId: "1" },
      ...{ isLearner: false, raftTerm: 1, raftIndex: 1, revision: 1 },
      ...{ dbBytes: MIB, usedBytes: MIB },
      ...own,
    },
    ...{ isFull: false, quotaBytes: 256 * MIB },
    ...{ snapshotAgeMs: 0, snapshotEveryMs: 3_600_000 },
    ...change,
  });
}

Deno.test("a full member makes room before anything else", () => {
  assert.equal(due({ isFull: true, snapshotAgeMs: null }), "make_room");
  assert.equal(due({}), null);
});

Deno.test("the first snapshot is due at once, the next after the interval", () => {
  assert.equal(due({ snapshotAgeMs: null }), "snapshot");
  assert.equal(due({ snapshotAgeMs: 3_599_999 }), null);
  assert.equal(due({ snapshotAgeMs: 3_600_000 }), "snapshot");
});

Deno.test("only much free space is given back, and only of a large file", () => {
  const of = (dbMib: number, usedMib: number) =>
    due({}, { dbBytes: dbMib * MIB, usedBytes: usedMib * MIB });
  assert.equal(of(130, 20), "defragment");
  assert.equal(of(130, 80), null);
  assert.equal(of(100, 10), null);
  assert.equal(of(60, 1), null);
});

Deno.test("a learner or a member without a leader is left alone", () => {
  assert.equal(due({ isFull: true }, { isLearner: true }), null);
  assert.equal(due({ isFull: true }, { leaderId: null }), null);
});
