import assert from "node:assert/strict";
import { parseLsn } from "../../../core/base/units.ts";
import { walFileName } from "./wal_name.ts";

const MIB = 1024 * 1024;

for (
  const [timeline, text, segmentBytes, name] of [
    [2, "0/3000060", 16 * MIB, "000000020000000000000003"],
    [1, "1/0", 16 * MIB, "000000010000000100000000"],
    [31, "A/FF000028", 16 * MIB, "0000001F0000000A000000FF"],
    [1, "2/7FFFFFFF", 1024 * MIB, "000000010000000200000001"],
  ] as const
) {
  Deno.test(`walFileName() of ${text} in files of ${segmentBytes / MIB} MiB`, () => {
    const lsn = parseLsn(text);
    assert.ok(lsn !== null);
    assert.equal(walFileName(timeline, lsn, segmentBytes), name);
  });
}
