import assert from "node:assert/strict";
import { control } from "../../../../tests/helpers/builders.ts";
import { formatLsn, lsn } from "../../../core/base/units.ts";
import {
  crashedEnd,
  parseRecordBytes,
  recordEnd,
  recoveryEnd,
} from "./wal_end.ts";

const LAYOUT = { pageBytes: 8192, segmentBytes: 16 * 1024 * 1024 };

Deno.test("recordEnd() aligns to eight bytes and skips page headers", () => {
  const cases: readonly [bigint, number, string][] = [
    [0x1529AF8n, 114, "0/1529B70"],
    [0x1001F88n, 120, "0/1002000"],
    [0x1001F90n, 114, "0/1002020"],
    [0x1FFFFF0n, 114, "0/2000090"],
  ];
  for (const [start, bytes, end] of cases) {
    assert.equal(formatLsn(recordEnd(lsn(start), bytes, LAYOUT)), end);
  }
});

Deno.test("parseRecordBytes() takes the total length of a shutdown checkpoint", () => {
  const line =
    "rmgr: XLOG        len (rec/tot):    114/   114, tx:          0," +
    " lsn: 0/01529AF8, prev 0/01529AC0, desc: CHECKPOINT_SHUTDOWN redo 0/1";
  assert.equal(parseRecordBytes(line), 114);
  assert.equal(parseRecordBytes(line.replace("SHUTDOWN", "ONLINE")), null);
  assert.equal(parseRecordBytes(""), null);
});

Deno.test("recoveryEnd() is behind the checkpoint that a standby started from", () => {
  const endOf = (minRecoveryEndLsn: bigint | null, tli: number | null) =>
    recoveryEnd(control({
      timeline: 1,
      checkpointLsn: lsn(0x3000060n),
      minRecoveryEndLsn: minRecoveryEndLsn === null
        ? null
        : lsn(minRecoveryEndLsn),
      minRecoveryEndTimeline: tli,
    }));
  const cases = [
    // Killed right after its start from the shutdown checkpoint.
    [endOf(0x3000060n, 1), "replica", 1, 0x3000061n],
    [endOf(0x3000060n, null), "replica", 1, 0x3000061n],
    [endOf(0x30000D8n, 1), "replica", 1, 0x30000D8n],
    [endOf(0x3000060n, 2), "replica", 2, 0x3000060n],
    [endOf(null, null), "primary_crash", 1, 0x3000060n],
  ] as const;
  for (const [end, kind, timeline, endLsn] of cases) {
    assert.deepEqual(end, { kind, timeline, endLsn });
  }
});

Deno.test("crashedEnd() knows of a promotion that no checkpoint followed yet", () => {
  const promoted = control({
    timeline: 1,
    checkpointLsn: lsn(0x3000000n),
    minRecoveryEndLsn: lsn(0x4000060n),
    minRecoveryEndTimeline: 2,
  });
  assert.deepEqual(crashedEnd(promoted), {
    kind: "primary_crash",
    timeline: 2,
    endLsn: 0x4000060n,
  });
  const settled = { ...promoted, minRecoveryEndLsn: null, timeline: 2 };
  assert.deepEqual(crashedEnd(settled), {
    kind: "primary_crash",
    timeline: 2,
    endLsn: 0x3000000n,
  });
});
