/** Which decisions are told, and as what a change of leader is. */
import assert from "node:assert/strict";
import {
  bid,
  leaderObservation,
  NOW,
  outcome,
} from "../../../../tests/helpers/builders.ts";
import { AT, CLAIM } from "../../../../tests/helpers/fencing_builders.ts";
import { revision } from "../../base/units.ts";
import type { Decision } from "../../model/decision.ts";
import type { FailoverRecord } from "../../model/failover.ts";
import type { FencingReason } from "../../model/fencing.ts";
import { FIRST_MEMORY } from "../../model/memory.ts";
import type { Observation } from "../../model/observation.ts";
import { noticeOfDecision, noticeOfFailover } from "./decision_notices.ts";
import { overdueNotice } from "./certificate_notice.ts";

function noticeOf(decision: Decision, o: Observation = leaderObservation()) {
  return noticeOfDecision({ rule: "R320", decision, sentence: "a text" }, o);
}

const FORCED: Decision = {
  kind: "start_task",
  task: { kind: "demote", how: "immediate", deadline: null },
  reason: "lease_running_out",
  facts: { leftMs: 400 },
};

Deno.test("noticeOfDecision() tells of a primary that has to go, once", () => {
  const notice = noticeOf(FORCED);
  assert.equal(notice?.event, "demoted");
  assert.equal(notice.text, "a text");
  assert.deepEqual(notice.data, {
    ...{ member: "n1", how: "immediate", rule: "R320" },
    ...{ reason: "lease_running_out", facts: { leftMs: 400 } },
  });
  const lastOutcome = outcome(FORCED.task, { result: "failed" });
  const memory = { ...FIRST_MEMORY, lastOutcome, failuresInRow: 1 };
  assert.equal(noticeOf(FORCED, leaderObservation({ memory })), null);
});

Deno.test("noticeOfDecision() is silent about what is planned or usual", () => {
  const task = {
    kind: "demote",
    how: "graceful",
    deadline: null,
    escalateAfterMs: null,
  } as const;
  const quiet: readonly Decision[] = [
    { ...FORCED, task, reason: "switchover_requested" },
    { ...FORCED, task: { kind: "promote" }, reason: "lease_acquired" },
    { kind: "wait", reason: "leading", facts: {}, againInMs: null },
    bid("healthiest"),
  ];
  for (const decision of quiet) {
    assert.equal(noticeOf(decision), null, JSON.stringify(decision));
  }
});

Deno.test("noticeOfDecision() tells of an objection to a takeover", () => {
  const notice = noticeOf({
    kind: "veto_pledges",
    reason: "leader_lives",
    pledges: [{ name: "n2", revision: revision(21) }],
  });
  assert.equal(notice?.event, "takeover_vetoed");
  assert.equal(notice.key, "n2 21");
  assert.deepEqual(notice.data["voters"], ["n2"]);
});

Deno.test("noticeOfDecision() tells what came of a fencing command, and of an objection", () => {
  const told = (reason: FencingReason) => {
    const rest = { past: [], guard: AT, term: null, configRevision: null };
    const write = { claim: CLAIM, ...rest };
    return noticeOf({ kind: "write_fencing", reason, write });
  };
  const fenced = told("host_fenced");
  assert.equal(fenced?.event, "fenced");
  assert.deepEqual(
    [fenced.data["member"], fenced.data["result"]],
    ["n1", "done"],
  );
  assert.equal(told("given_up")?.data["result"], "failed");
  assert.equal(told("leader_lives")?.event, "takeover_vetoed");
  for (const reason of ["leader_suspected", "withdrawn", "vetoed"] as const) {
    assert.equal(told(reason), null);
  }
});

const RECORD: FailoverRecord = {
  ...{ term: "11", leader: "n2", before: "n1", timeline: 2 },
  ...{ rule: "R340", reason: "healthiest", sentence: "a text" },
  facts: { former: "n1" },
  phases: [{ name: "promoted", atMs: 5 }],
  ...{ lostBytes: 16, leftBehind: [], felt: [] },
};

Deno.test("noticeOfFailover() tells the diary's record, as the change it was", () => {
  const failover = noticeOfFailover(RECORD, 7);
  assert.equal(failover.event, "failover");
  assert.deepEqual([failover.key, failover.atMs], ["11", 7]);
  assert.equal(failover.text, "The lead went from n1 to n2 (healthiest)");
  assert.deepEqual(failover.data["phases"], [{ phase: "promoted", at_ms: 5 }]);
  assert.equal(failover.data["lost_bytes"], 16);
  const byName = { requestedFrom: null, candidate: "n2" };
  assert.equal(
    noticeOfFailover({ ...RECORD, facts: byName }, 7).event,
    "failover",
  );
  const facts = { requestedFrom: "n1", candidate: null };
  assert.equal(noticeOfFailover({ ...RECORD, facts }, 7).event, "switchover");
  const again = noticeOfFailover({ ...RECORD, before: "n2" }, 7);
  assert.equal(again.text, "The lead went to n2 (healthiest)");
});

Deno.test("overdueNotice() says for how long a certificate still counts", () => {
  const day = 86_400_000;
  const text = (days: number) =>
    overdueNotice("n1", NOW + days * day, NOW).text;
  assert.match(text(3.5), /counts for 3 days/);
  assert.match(text(-0.5), /counts no more/);
});
