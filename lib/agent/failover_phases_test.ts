/** Which moments bound the phases of a failover. */
import assert from "node:assert/strict";
import { bid } from "../../tests/helpers/builders.ts";
import { TASK } from "../../tests/helpers/fencing_builders.ts";
import { lsn, moment, revision } from "../core/base/units.ts";
import type { Decision, WaitReason } from "../core/model/decision.ts";
import type { FencingReason } from "../core/model/fencing.ts";
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
  assert.deepEqual(watch.last, {
    raceMs: 200,
    promotionMs: 700,
    takeover: null,
    fencing: null,
  });
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
  assert.deepEqual(watch.last, {
    raceMs: 1,
    promotionMs: 9,
    takeover: null,
    fencing: null,
  });
});

Deno.test("failover phases: a takeover is suspicion, pledge, and the time to object", () => {
  const watch = new FailoverWatch();
  const term = revision(7);
  const pledge = { term, timeline: 1, lsn: lsn(9) };
  const reason = "leader_suspected" as const;
  const record = { kind: "write_pledge_record" as const, reason };
  const take = {
    ...{ leader: "n2", term, syncRevision: term, configRevision: term },
    ...{ pledges: [], sync: { quorum: 0, standbys: [] } },
  };
  watch.decided({ ...record, record: { kind: "pledged", term } }, moment(10));
  watch.decided({
    ...record,
    reason: "vetoed",
    record: { kind: "none" },
  }, moment(20));
  watch.decided(
    { ...record, record: { kind: "pledged", term } },
    moment(1_000),
  );
  watch.decided(
    { kind: "write_pledge", reason, pledge, guard: null },
    moment(1_300),
  );
  watch.decided(
    { kind: "take_lease", reason: "leader_lost", take },
    moment(2_100),
  );
  watch.ended(promoted(2_500, "done"));
  assert.deepEqual(watch.last, {
    raceMs: 1_100,
    promotionMs: 400,
    takeover: { pledgeMs: 300, vetoMs: 800 },
    fencing: null,
  });
});

Deno.test("failover phases: fencing is the claim, and the command until it succeeds", () => {
  const watch = new FailoverWatch();
  const written = (reason: FencingReason): Decision => {
    const rest = { past: [], guard: null, term: null, configRevision: null };
    return { kind: "write_fencing", reason, write: { claim: null, ...rest } };
  };
  const run: Decision = {
    kind: "start_task",
    reason: "leader_suspected",
    task: TASK,
    facts: {},
  };
  watch.decided(written("leader_suspected"), moment(100));
  watch.decided(written("vetoed"), moment(200));
  watch.decided(written("leader_suspected"), moment(1_000));
  watch.decided(run, moment(1_800));
  watch.decided(written("attempt_failed"), moment(3_000));
  watch.decided(run, moment(4_000));
  watch.decided(written("host_fenced"), moment(5_000));
  const term = revision(7);
  const take = {
    ...{ leader: "n2", host: "n1", term, syncRevision: null },
    ...{ configRevision: term, fencing: term, past: [] },
  };
  watch.decided(
    { kind: "take_fenced_lease", reason: "leader_fenced", take },
    moment(5_100),
  );
  watch.ended(promoted(5_600, "done"));
  assert.deepEqual(watch.last, {
    raceMs: 4_100,
    promotionMs: 500,
    takeover: null,
    fencing: { claimMs: 800, commandMs: 3_200 },
  });
});
