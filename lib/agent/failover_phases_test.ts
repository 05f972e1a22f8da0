/** Which moments bound the phases of a failover. */
import assert from "node:assert/strict";
import { bid } from "../../tests/helpers/builders.ts";
import { moment } from "../core/base/units.ts";
import type { Decision, WaitReason } from "../core/model/decision.ts";
import type { TaskOutcome } from "../core/model/task_view.ts";
import { FailoverWatch } from "./failover_phases.ts";

const ASK: Decision = {
  kind: "ask_peers",
  reason: "no_leader",
  members: [],
};
const BID: Decision = bid("healthiest");

function waiting(reason: WaitReason): Decision {
  return { kind: "wait", reason, facts: {}, againInMs: null };
}

function promoted(at: number, result: TaskOutcome["result"]): TaskOutcome {
  const task = { kind: "promote" } as const;
  return { task, result, detail: "", endedAt: moment(at) };
}

Deno.test("failover phases: race until the bid that won, then promotion", () => {
  const watch = new FailoverWatch();
  watch.decided(waiting("following"), moment(100));
  watch.decided(ASK, moment(1_000));
  watch.decided(BID, moment(1_010));
  watch.decided(waiting("bid_lost"), moment(1_020));
  watch.decided(ASK, moment(1_100));
  watch.decided(BID, moment(1_200));
  assert.equal(watch.last, null);
  watch.ended(promoted(1_900, "done"));
  assert.deepEqual(watch.last, { raceMs: 200, promotionMs: 700 });
});

Deno.test("failover phases: what others win or what fails does not count", () => {
  const watch = new FailoverWatch();
  watch.decided(ASK, moment(1_000));
  watch.decided(waiting("following"), moment(2_000));
  watch.decided(ASK, moment(50_000));
  watch.decided(BID, moment(50_001));
  watch.ended(promoted(50_002, "failed"));
  assert.equal(watch.last, null);
  watch.ended(promoted(50_010, "done"));
  assert.deepEqual(watch.last, { raceMs: 1, promotionMs: 9 });
});
