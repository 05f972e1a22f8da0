import assert from "node:assert/strict";
import { parseComplaints } from "./parameter_check.ts";

const STDERR = `
2026-01-01 00:00:00 UTC [1] LOG:  unrecognized configuration parameter "foo" in file "/x" line 6
2026-01-01 00:00:00 UTC [1] LOG:  parameter "fsync" requires a Boolean value
2026-01-01 00:00:00 UTC [1] LOG:  5 kB is outside the valid range for parameter "work_mem" (64 kB .. 2147483647 kB)
2026-01-01 00:00:00 UTC [1] LOG:  9999999 is outside the valid range for parameter "max_connections" (1 .. 262143)
2026-01-01 00:00:00 UTC [1] HINT:  Valid units for this parameter are "B", "kB".
2026-01-01 00:00:00 UTC [1] FATAL:  configuration file "/x" contains errors
`;

Deno.test("parseComplaints() drops what is unreadable and clamps numbers", () => {
  assert.deepEqual(
    parseComplaints(STDERR).map(({ name, replacement }) => [name, replacement]),
    [
      ["foo", null],
      ["fsync", null],
      ["work_mem", "64kB"],
      ["max_connections", "262143"],
    ],
  );
});
