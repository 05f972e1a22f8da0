import assert from "node:assert/strict";
import { leaderObservation, NOW } from "../../../../tests/helpers/builders.ts";
import { DUE, SHORT_LEASE } from "../../../../tests/helpers/rule_table.ts";
import { moment } from "../../base/units.ts";
import type { FailsafeAnswer, FailsafePing } from "../../model/failsafe.ts";
import {
  attemptMs,
  isLeadingItself,
  judgePing,
  type Listener,
  refusalIn,
} from "./consent.ts";

const PING: FailsafePing = {
  name: "n1",
  connUrl: "postgres://10.0.0.1:5432/postgres",
  apiUrl: "http://10.0.0.1:8008/patroni",
  slots: {},
  ttlMs: null,
};
const IDLE = { kind: "idle" } as const;
const LISTENER: Listener = {
  self: "n2",
  now: NOW,
  deadline: null,
  task: IDLE,
  map: { n1: PING.apiUrl, n2: "http://10.0.0.2:8008/patroni" },
  members: [],
  ttlMs: 30_000,
};

function answer(name: string, changes: Partial<FailsafeAnswer> = {}) {
  const rest = { isAccepted: true, isLeading: false, position: null };
  return { name, ...rest, detail: "", ...changes };
}

Deno.test("judgePing() agrees for the longer of both ttls", () => {
  assert.deepEqual(judgePing(PING, LISTENER), {
    kind: "accepted",
    ttlMs: 30_000,
  });
  const longer = judgePing({ ...PING, ttlMs: 40_000 }, LISTENER);
  assert.deepEqual(longer, { kind: "accepted", ttlMs: 40_000 });
  const shorter = judgePing({ ...PING, ttlMs: 20_000 }, LISTENER);
  assert.deepEqual(shorter, { kind: "accepted", ttlMs: 30_000 });
});

Deno.test("judgePing() refuses strangers, itself, and while it leads", () => {
  const whyOf = (ping: FailsafePing, listener: Listener) => {
    const verdict = judgePing(ping, listener);
    return verdict.kind === "refused" ? verdict.why : null;
  };
  assert.equal(whyOf({ ...PING, name: "n9" }, LISTENER), "stranger");
  assert.equal(whyOf({ ...PING, ttlMs: 60_001 }, LISTENER), "stranger");
  assert.equal(whyOf(PING, { ...LISTENER, self: "n1" }), "leading");
  const covered = { ...LISTENER, deadline: moment(NOW + 1) };
  assert.equal(whyOf(PING, covered), "leading");
  assert.equal(whyOf(PING, { ...LISTENER, deadline: NOW }), null);
});

Deno.test("isLeadingItself() also while a promotion runs", () => {
  const task = {
    kind: "running",
    task: { kind: "promote" },
    startedAt: NOW,
  } as const;
  assert.equal(isLeadingItself({ ...LISTENER, task }), true);
  assert.equal(isLeadingItself(LISTENER), false);
});

Deno.test("attemptMs() lets two attempts fit before the stop", () => {
  const { settings } = leaderObservation();
  assert.equal(attemptMs({ ...DUE, settings }, NOW), 2_000);
  assert.equal(attemptMs({ ...DUE, settings }, moment(NOW + 12_000)), 1_500);
  assert.equal(attemptMs({ ...SHORT_LEASE, settings }, NOW), 200);
});

Deno.test("refusalIn() needs all of them, and knows a leader among them", () => {
  assert.equal(refusalIn([], NOW), null);
  assert.equal(refusalIn([answer("n2"), answer("n3")], NOW), null);
  const silent = answer("n3", { isAccepted: false });
  assert.deepEqual(refusalIn([answer("n2"), silent], NOW), {
    since: NOW,
    isByLeader: false,
  });
  const rival = answer("n2", { isAccepted: false, isLeading: true });
  assert.equal(refusalIn([rival, silent], NOW)?.isByLeader, true);
});
