/** A change of leader as it stands in the store. */
import type { FailoverRecord } from "../../lib/core/model/failover.ts";

/** n2 took over from n1, and the clients of one proxy felt it. */
export function failoverRecord(
  changes: Partial<FailoverRecord> = {},
): FailoverRecord {
  return {
    term: "7",
    leader: "n2",
    before: "n1",
    timeline: 2,
    rule: "R310",
    reason: "healthiest",
    sentence: "trying to acquire session lock as the healthiest member",
    facts: { former: "n1", formerAnswer: null },
    phases: [
      { name: "detected", atMs: 1_000 },
      { name: "decided", atMs: 1_010 },
      { name: "promoted", atMs: 1_640 },
    ],
    lostBytes: 0,
    leftBehind: [],
    felt: [{
      ...{ proxy: "n3", closedAtMs: 900, routedAtMs: 1_700 },
      ...{ ended: 3, waited: 2, longestWaitMs: 790, failed: 0 },
    }],
    ...changes,
  };
}
