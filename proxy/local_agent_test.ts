import assert from "node:assert/strict";
import { ManualClock } from "../tests/helpers/manual_clock.ts";
import { LocalAgent } from "./local_agent.ts";

function rig(memberName: string | null = "n1") {
  const clock = new ManualClock();
  const seen: {
    veto: unknown;
    resting: unknown;
    isAbandoned: boolean;
    readonly fence: string[];
  } = {
    veto: "nothing said",
    resting: "nothing said",
    isAbandoned: false,
    fence: [],
  };
  const agent = new LocalAgent({
    clock,
    memberName,
    lingerMs: 60,
    fence: {
      heard: () => void seen.fence.push("heard"),
      spoke: () => void seen.fence.push("spoke"),
      gone: () => void seen.fence.push("gone"),
    },
    listener: {
      onVeto: (veto) => {
        seen.veto = veto;
      },
      onResting: (name) => {
        seen.resting = name;
      },
      onAbandoned: () => {
        seen.isAbandoned = true;
      },
    },
  });
  const beat = (role: string, leaseDeadlineMs: number | null): void =>
    agent.onHeartbeat({ pid: 1, role, leaseDeadlineMs });
  return { agent, beat, clock, seen };
}

Deno.test("local agent vetoes a member that is no primary any more", () => {
  const { beat, seen } = rig();
  beat("primary", 100);
  assert.equal(seen.veto, null);
  beat("demoted", 100);
  assert.deepEqual(seen.veto, { name: "n1", reason: "local_not_primary" });
  beat("primary", 100);
  assert.equal(seen.veto, null);
});

Deno.test("local agent that does not know its role yet says nothing", () => {
  const { beat, seen } = rig();
  beat("uninitialized", null);
  assert.equal(seen.veto, null);
});

Deno.test("local agent's lease ends at its deadline, also after the agent died", async () => {
  const { agent, beat, clock, seen } = rig();
  agent.presence.onConnect();
  beat("primary", 100);
  agent.presence.onDisconnect();
  await clock.advance(99);
  assert.equal(seen.veto, null);
  await clock.advance(1);
  assert.deepEqual(seen.veto, { name: "n1", reason: "local_lease_passed" });
});

Deno.test("local agent's lease ends once, also if a timer is early", async () => {
  const { beat, clock, seen } = rig();
  beat("primary", 100);
  await clock.advance(99);
  await clock.wakeEarly();
  assert.equal(seen.veto, null);
  await clock.advance(1);
  assert.deepEqual(seen.veto, { name: "n1", reason: "local_lease_passed" });
});

Deno.test("local agent's renewed lease replaces the old deadline", async () => {
  const { beat, clock, seen } = rig();
  beat("primary", 100);
  await clock.advance(50);
  beat("primary", 150);
  await clock.advance(60);
  assert.equal(seen.veto, null);
  await clock.advance(60);
  assert.deepEqual(seen.veto, { name: "n1", reason: "local_lease_passed" });
});

Deno.test("local agent cannot veto on a host without a member", () => {
  const { beat, seen } = rig(null);
  beat("replica", null);
  assert.equal(seen.veto, null);
});

Deno.test("proxy is abandoned after a goodbye, unless another agent comes", async () => {
  const first = rig();
  first.agent.presence.onConnect();
  first.agent.presence.onBye();
  first.agent.presence.onDisconnect();
  await first.clock.advance(59);
  assert.equal(first.seen.isAbandoned, false);
  await first.clock.advance(1);
  assert.equal(first.seen.isAbandoned, true);

  const second = rig();
  second.agent.presence.onBye();
  await second.clock.advance(30);
  second.agent.presence.onConnect();
  await second.clock.advance(100);
  assert.equal(second.seen.isAbandoned, false);
});

Deno.test("proxy is not abandoned when its agent is killed", async () => {
  const { agent, clock, seen } = rig();
  agent.presence.onConnect();
  agent.presence.onDisconnect();
  await clock.advance(1_000_000);
  assert.equal(seen.isAbandoned, false);
});

Deno.test("local agent holds new clients before a planned stop, for a time", async () => {
  const { agent, clock, seen } = rig();
  agent.rest.begin(100);
  assert.equal(seen.resting, "n1");
  await clock.advance(50);
  // Said again: the time begins anew.
  agent.rest.begin(100);
  await clock.advance(99);
  assert.equal(seen.resting, "n1");
  await clock.advance(1);
  assert.equal(seen.resting, null);
});

Deno.test("local agent's planned stop is over for new clients when it stops", async () => {
  const { agent, beat, clock, seen } = rig();
  agent.rest.begin(100);
  beat("primary", 1000);
  assert.equal(seen.resting, "n1");
  beat("demoted", null);
  assert.equal(seen.resting, null);
  seen.resting = "not said again";
  await clock.advance(200);
  assert.equal(seen.resting, "not said again");
});

Deno.test("local agent holds new clients while its agent doubts that it leads", () => {
  const { agent, beat, seen } = rig();
  const word = { pid: 1, role: "primary", leaseDeadlineMs: 1000 };
  beat("primary", 1000);
  assert.equal(seen.resting, "nothing said");
  agent.onHeartbeat({ ...word, isInDoubt: true });
  assert.equal(seen.resting, "n1");
  assert.equal(seen.veto, null, "who is connected goes on");
  // A planned stop that ends meanwhile changes nothing.
  agent.rest.begin(100);
  agent.rest.end();
  assert.equal(seen.resting, "n1");
  agent.onHeartbeat(word);
  assert.equal(seen.resting, null);
});

Deno.test("local agent that is inherited counts as connected until it can have come", async () => {
  const { agent, clock, seen } = rig();
  agent.inherit({ pid: 1, role: "primary", leaseDeadlineMs: 100_000 });
  assert.deepEqual(seen.fence, ["heard"]);
  await clock.advance(1_999);
  assert.deepEqual(seen.fence, ["heard"]);
  await clock.advance(1);
  assert.deepEqual(seen.fence, ["heard", "gone"]);

  const second = rig();
  second.agent.inherit({ pid: 1, role: "primary", leaseDeadlineMs: 100_000 });
  second.agent.presence.onConnect();
  await second.clock.advance(10_000);
  assert.deepEqual(second.seen.fence, ["heard"]);
  second.agent.presence.onDisconnect();
  assert.deepEqual(second.seen.fence, ["heard", "gone"]);
  for (const one of [agent, second.agent]) one.close();
});

Deno.test("local agent of a replaced proxy has no fence, but its word counts until nobody hands it on", async () => {
  const { agent, beat, clock, seen } = rig();
  agent.presence.onConnect();
  beat("primary", 1_000);
  agent.retire();
  agent.presence.onDisconnect();
  assert.deepEqual(seen.fence, ["heard"]);
  beat("demoted", null);
  assert.deepEqual(seen.veto, { name: "n1", reason: "local_not_primary" });
  beat("primary", clock.now() + 1_000);
  agent.forget();
  assert.equal(seen.veto, null);
  seen.veto = "not said again";
  await clock.advance(5_000);
  assert.equal(seen.veto, "not said again");
});

Deno.test("local agent holds new clients of a replica, too, until it is told otherwise", () => {
  const { agent, beat, seen } = rig();
  beat("replica", null);
  agent.rest.begin(100);
  beat("replica", null);
  assert.equal(seen.resting, "n1");
  agent.rest.begin(0);
  assert.equal(seen.resting, null);
});
