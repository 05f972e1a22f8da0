/** The sentences about the end of a lead. */
import assert from "node:assert/strict";
import type { LeadEnd } from "../core/calc/lead/lead_end.ts";
import type { Facts } from "../core/model/decision.ts";
import { leadEndText } from "./lead_end_text.ts";

function given(reason: string, facts: Facts = {}): LeadEnd {
  const at = "2026-11-29T02:19:25.980Z";
  const decision = {
    ...{ member: "n1", rule: "R1", kind: "start_task", task: "demote" },
    ...{ reason, facts, sentence: "the log's words", firstAt: at, lastAt: at },
    count: 1,
  };
  return { kind: "given", decision };
}

const SENTENCES: readonly (readonly [LeadEnd, RegExp])[] = [
  [
    given("switchover_requested", {
      ...{ requestedFrom: "n1", candidate: "n2", scheduledAt: null },
    }),
    /^n1 stepped down: a switchover to n2 was requested$/,
  ],
  [
    given("switchover_requested", {
      ...{ requestedFrom: "n1", candidate: null, scheduledAt: null },
    }),
    /^n1 stepped down: a switchover was requested$/,
  ],
  [
    given("switchover_requested", {
      ...{ requestedFrom: null, candidate: "n2", scheduledAt: null },
    }),
    /^n1 stepped down: a failover to n2 was requested$/,
  ],
  [
    given("switchover_requested", {
      ...{ requestedFrom: "n1", candidate: "n2" },
      scheduledAt: "2030-01-01T10:00+00:00",
    }),
    /^n1 .* a switchover to n2 was requested for 2030-01-01T10:00\+00:00$/,
  ],
  [given("switchover_requested"), /^n1 stepped down: a switchover was req/],
  [given("crash_failover"), /its PostgreSQL crashed, and primary_start_timeou/],
  [given("start_timed_out"), /not up again within primary_start_timeout$/],
  [given("dcs_unreachable"), /could not reach the store/],
  [given("lease_running_out"), /could not renew its leader key in time/],
  [given("a_newer_reason"), /^n1 stepped down: the log's words$/],
  [
    { kind: "stopped", former: "n1" },
    /^n1 handed the lead over because its agent was stopped$/,
  ],
  [
    {
      kind: "silent",
      former: "n1",
      detail: "connect ECONNREFUSED 127.0.0.1:8008",
    },
    /^n1 did not step down: .*\(connect ECONNREFUSED .*\), so its agent was dead/,
  ],
  [
    {
      kind: "silent",
      former: "n1",
      detail: "no answer from http://h:8008/patroni within 2 s",
    },
    /^n1 did not step down: .* so its agent was frozen, or its host lost/,
  ],
  [
    { kind: "key_lost", former: "n1", formerRole: "primary" },
    /^n1 did not step down: its agent answered \(as primary\), but had no/,
  ],
  [
    { kind: "requested", former: "n1" },
    /^An operator asked for it; n1 does not tell any more/,
  ],
  [
    { kind: "unknown", former: null },
    /^How the lead before ended is told by n/,
  ],
  [{ kind: "unknown", former: "n1" }, /^How the lead of n1 ended is told by n/],
];

Deno.test("each way in which a lead ends has its sentence", () => {
  for (const [end, sentence] of SENTENCES) {
    assert.match(leadEndText(end), sentence);
  }
});
