/** Which decisions become a change of leader that is told, and which do not. */
import assert from "node:assert/strict";
import { bid, observation, unlocked } from "../../tests/helpers/builders.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { lsn, moment } from "../core/base/units.ts";
import type { Decision, WaitReason } from "../core/model/decision.ts";
import type { Observation } from "../core/model/observation.ts";
import { FailoverDiary } from "./failover_diary.ts";

const VACANT: Observation = observation({
  dcs: { kind: "reachable", view: unlocked() },
});

const ASK: Decision = { kind: "ask_peers", reason: "no_leader", members: [] };

function waiting(reason: WaitReason): Decision {
  return { kind: "wait", reason, facts: {}, againInMs: null };
}

class Desk {
  readonly clock = new ManualClock();
  readonly diary = new FailoverDiary(this.clock);

  get isDrafted(): boolean {
    return this.diary.draft !== null;
  }

  async decides(decision: Decision, o = VACANT): Promise<void> {
    await this.clock.advance(100);
    this.diary.decided({ rule: "R340", decision }, o);
  }

  async promotes(result: "done" | "failed"): Promise<void> {
    await this.clock.advance(100);
    const task = { kind: "promote" } as const;
    const endedAt = moment(this.clock.now() - 30);
    this.diary.ended({ task, result, detail: "", endedAt });
  }
}

Deno.test("diary: the bid that won, with its moments, until it is kept", async () => {
  const told = new Desk();
  await told.decides(ASK);
  await told.decides(bid("healthiest"));
  await told.decides(waiting("bid_lost"));
  await told.decides(bid("healthiest"));
  assert.ok(!told.isDrafted);
  await told.promotes("done");
  const { draft } = told.diary;
  assert.equal(draft?.bid.rule, "R340");
  assert.equal(draft.bid.reason, "healthiest");
  assert.deepEqual(draft.phases, [
    { name: "detected", atMs: 100 },
    { name: "decided", atMs: 400 },
    { name: "promoted", atMs: 470 },
  ]);
  told.diary.mark("first_write");
  assert.equal(told.diary.draft?.phases.at(-1)?.name, "first_write");
  told.diary.kept();
  assert.ok(!told.isDrafted);
});

Deno.test("diary: what others win, or what fails, is nobody's change", async () => {
  const desk = new Desk();
  await desk.decides(ASK);
  await desk.decides(bid("healthiest"));
  await desk.decides(waiting("following"));
  await desk.promotes("done");
  assert.equal(desk.diary.draft, null);
  await desk.decides(bid("healthiest"));
  await desk.promotes("failed");
  assert.equal(desk.diary.draft, null);
});

Deno.test("diary: a repair tells how much WAL it throws away", async () => {
  const desk = new Desk();
  const facts = {
    localTimeline: 1,
    localEndLsn: lsn(160),
    switchpoint: lsn(144),
  };
  const task = { kind: "rewind", source: "n2", isLastAttempt: false } as const;
  const kind = "start_task";
  await desk.decides({ kind, task, reason: "diverged", facts: {} });
  assert.equal(desk.diary.leftBehind, null);
  await desk.decides({ kind, task, reason: "diverged", facts });
  assert.deepEqual(desk.diary.leftBehind, { timeline: 1, bytes: 16 });
  desk.diary.keptLeftBehind();
  assert.equal(desk.diary.leftBehind, null);
});
