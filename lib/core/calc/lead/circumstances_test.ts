/** What is kept beside a decision about the lead. */
import assert from "node:assert/strict";
import {
  answer,
  bid,
  cluster,
  leaderMember,
  member,
  observation,
  unlocked,
} from "../../../../tests/helpers/builders.ts";
import { revision } from "../../base/units.ts";
import type { Decision } from "../../model/decision.ts";
import { FIRST_MEMORY } from "../../model/memory.ts";
import type { Observation } from "../../model/observation.ts";
import type { PeerAnswer } from "../../model/peer_view.ts";
import { circumstances } from "./circumstances.ts";

const BID: Decision = bid("healthiest");
const DEMOTION: Decision = {
  kind: "start_task",
  task: {
    kind: "demote",
    how: "graceful",
    deadline: null,
    escalateAfterMs: null,
  },
  reason: "switchover_requested",
  facts: {},
};
const REQUEST = {
  leader: "n1",
  candidate: "n2",
  scheduledAt: null,
  revision: revision(9),
};
const REQUESTED = { requestedFrom: "n1", candidate: "n2", scheduledAt: null };

/** What n2 saw when n1's key was gone. */
function bidder(
  answers: readonly PeerAnswer[],
  state: "running" | "stopping" | null,
): Observation {
  const others = [member("n2"), member("n3")];
  const members = state === null
    ? others
    : [leaderMember("n1", { state }), ...others];
  return observation({
    view: unlocked({ members }),
    peers: { kind: "asked", answers },
    memory: {
      ...FIRST_MEMORY,
      knownPeers: { leader: "n1", members: cluster().members },
    },
  });
}

Deno.test("a bid keeps how the leader before looked", () => {
  const silent: PeerAnswer = {
    kind: "silent",
    name: "n1",
    detail: "connect ECONNREFUSED 127.0.0.1:7431",
  };
  const cases: readonly (readonly [Observation, unknown, unknown])[] = [
    [bidder([silent, answer("n3")], null), null, silent.detail],
    [bidder([answer("n1")], "stopping"), "stopping", "replica"],
    [
      bidder([answer("n1", { isInRecovery: false })], "running"),
      "running",
      "primary",
    ],
    [bidder([], "running"), "running", null],
  ];
  for (const [o, formerState, formerAnswer] of cases) {
    const former = "n1";
    assert.deepEqual(circumstances(BID, o), {
      ...{ former, formerState, formerAnswer },
    });
  }
  assert.deepEqual(circumstances(BID, observation({ view: unlocked() })), {});
});

Deno.test("what an operator asked for is kept by both sides", () => {
  const view = cluster({ failover: REQUEST });
  assert.deepEqual(circumstances(DEMOTION, observation({ view })), REQUESTED);
  const o = observation({ view: unlocked({ failover: REQUEST }) });
  assert.deepEqual(circumstances(BID, o), REQUESTED);
});

Deno.test("other decisions keep nothing", () => {
  const view = cluster({ failover: REQUEST });
  const other: Decision = { ...DEMOTION, reason: "lease_running_out" };
  assert.deepEqual(circumstances(other, observation({ view })), {});
  assert.deepEqual(circumstances(BID, observation({ view: null })), {});
});
