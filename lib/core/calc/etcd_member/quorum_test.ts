import assert from "node:assert/strict";
import type { EtcdMember, EtcdStatus } from "../../model/etcd_member.ts";
import {
  hasQuorum,
  hasQuorumWithout,
  hasQuorumWithVoter,
  newestOf,
  quorumOf,
  votersAdvice,
} from "./quorum.ts";

function members(voters: number, learners = 0): readonly EtcdMember[] {
  return Array.from({ length: voters + learners }, (_, at) => ({
    ...{ id: String(at + 1), name: `e${at}`, peerUrl: `http://e${at}` },
    clientUrls: [],
    isLearner: at >= voters,
  }));
}

function ids(count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => String(at + 1));
}

Deno.test("any two quorums share a voter", () => {
  for (let voters = 1; voters < 10; voters++) {
    assert.ok(2 * quorumOf(voters) > voters);
    assert.ok(2 * (quorumOf(voters) - 1) <= voters);
  }
});

Deno.test("learners never count, and a removed member does not either", () => {
  assert.ok(hasQuorum(members(3, 2), ids(2)));
  assert.ok(!hasQuorum(members(3, 2), ["1", "4", "5"]));
  // Of three with one dead, the dead one may go and a living one may not.
  assert.ok(hasQuorumWithout(members(3), "3", ["1", "2"]));
  assert.ok(!hasQuorumWithout(members(3), "2", ["1", "2"]));
  assert.ok(!hasQuorumWithout(members(1), "1", ["1"]));
});

Deno.test("one more vote needs the quorum of one more", () => {
  assert.ok(hasQuorumWithVoter(members(1, 1), ids(2)));
  assert.ok(!hasQuorumWithVoter(members(1, 1), ["2"]));
  assert.ok(hasQuorumWithVoter(members(2, 1), ["1", "3"]));
  assert.ok(!hasQuorumWithVoter(members(3, 1), ["1", "4"]));
});

Deno.test("the later term is newer, then the longer log", () => {
  const status = (memberId: string, raftTerm: number, raftIndex: number) => {
    const one: EtcdStatus = {
      ...{ clusterId: "1", memberId, version: "", leaderId: null },
      ...{ isLearner: false, raftTerm, raftIndex, revision: 1 },
      ...{ dbBytes: 0, usedBytes: 0 },
    };
    return one;
  };
  const all = [status("1", 3, 10), status("2", 4, 8), status("3", 4, 9)];
  assert.equal(newestOf(all)?.memberId, "3");
  assert.equal(newestOf([]), null);
});

Deno.test("even numbers are told", () => {
  assert.equal(votersAdvice(members(3, 1)), null);
  assert.match(votersAdvice(members(2)) ?? "", /2 voting .* loss of 0/);
  assert.match(
    votersAdvice(members(4)) ?? "",
    /4 voting .* loss of 1 .*with 3/,
  );
});
