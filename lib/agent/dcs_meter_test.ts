/** Calls pass through unchanged, and are counted. */
import assert from "node:assert/strict";
import { type Moment, moment } from "../core/base/units.ts";
import type { Dcs } from "../ports/dcs.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import { DcsMeter } from "./dcs_meter.ts";

const LIMITS = { timeoutMs: 100 };

Deno.test("dcs meter: answers and errors pass, both are counted", async () => {
  let nowMs = 0;
  const snapshot = { entries: [] };
  const failure = new DcsUnreachableError("timeout");
  const unused = () => Promise.reject(new Error("not asked"));
  const dcs: Dcs = {
    capabilities: {
      ...{
        hasTransactions: true,
        mayForget: false,
        isSnapshotAtomic: true,
        expiry: "store",
      },
      ttlMinMs: 1,
    },
    read: () => {
      nowMs += 250;
      return Promise.resolve(snapshot);
    },
    write: () => Promise.reject(failure),
    ...{ readFresh: unused, removeScope: unused, openSession: unused },
    ...{ renewSession: unused, watch: () => {}, close: unused },
  };
  const now = (): Moment => moment(nowMs);
  const meter = new DcsMeter(dcs, { now });
  assert.deepEqual(meter.samples(), []);
  assert.equal(await meter.read(LIMITS), snapshot);
  await meter.read(LIMITS);
  const edits = [{ kind: "delete", key: "sync" }] as const;
  const write = { when: [], edits };
  await assert.rejects(meter.write(write, LIMITS), failure);
  const values = meter.samples().map(({ name, labels, value }) =>
    `${name} ${labels["operation"]} ${value}`
  );
  assert.deepEqual(values, [
    "matriarch_dcs_requests_total read 2",
    "matriarch_dcs_requests_total write 1",
    "matriarch_dcs_failures_total read 0",
    "matriarch_dcs_failures_total write 1",
    "matriarch_dcs_duration_seconds_total read 0.5",
    "matriarch_dcs_duration_seconds_total write 0",
    "matriarch_dcs_last_duration_seconds read 0.25",
    "matriarch_dcs_last_duration_seconds write 0",
  ]);
});
