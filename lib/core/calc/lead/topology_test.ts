import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  member,
} from "../../../../tests/helpers/builders.ts";
import { type Member, NO_TAGS } from "../../model/member.ts";
import {
  branchHead,
  hasStreamingPath,
  isInLoop,
  upstreamOf,
} from "./topology.ts";

function behind(name: string, replicatefrom: string | null): Member {
  return member(name, { tags: { ...NO_TAGS, replicatefrom } });
}

type Case = readonly [
  what: string,
  others: readonly Member[],
  upstream: string | null,
  head: string | null,
];

/** What n3 does; n1 leads. */
const CASES: readonly Case[] = [
  ["without a tag: the leader", [behind("n3", null)], "n1", "n3"],
  [
    "the member that the tag names",
    [behind("n2", null), behind("n3", "n2")],
    "n2",
    "n2",
  ],
  ["a source that is gone: the leader", [behind("n3", "n2")], "n1", "n3"],
  ["itself: the leader", [behind("n3", "n3")], "n1", "n3"],
  ["the leader by name", [behind("n3", "n1")], "n1", "n3"],
  [
    "a source without an address: the leader",
    [member("n2", { connUrl: null }), behind("n3", "n2")],
    "n1",
    "n2",
  ],
  [
    "a chain of three",
    [behind("n2", null), behind("n4", "n2"), behind("n3", "n4")],
    "n4",
    "n2",
  ],
  [
    "a loop is broken by the leader",
    [behind("n2", "n3"), behind("n3", "n2")],
    "n1",
    null,
  ],
  [
    "beside a loop the tag is followed",
    [behind("n2", "n4"), behind("n4", "n2"), behind("n3", "n2")],
    "n2",
    null,
  ],
  [
    "nostream",
    [member("n3", { tags: { ...NO_TAGS, isNostream: true } })],
    null,
    null,
  ],
  [
    "behind a nostream member there is no stream from the leader",
    [
      member("n2", { tags: { ...NO_TAGS, isNostream: true } }),
      behind("n3", "n2"),
    ],
    "n2",
    null,
  ],
];

for (const [what, others, upstream, head] of CASES) {
  Deno.test(`upstreamOf() and branchHead(): ${what}`, () => {
    const view = cluster({ members: [leaderMember("n1"), ...others] });
    const n3 = others.at(-1);
    assert.ok(n3?.name === "n3");
    assert.equal(upstreamOf(view, n3), upstream);
    assert.equal(branchHead(view, n3), head);
    assert.equal(hasStreamingPath(view, n3), head !== null);
    const isLoop = what === "a loop is broken by the leader";
    assert.equal(isInLoop(view, n3), isLoop);
  });
}

Deno.test("upstreamOf() the leader is nobody, whatever its tag", () => {
  const n1 = leaderMember("n1", { tags: { ...NO_TAGS, replicatefrom: "n2" } });
  const view = cluster({ members: [n1, member("n2")] });
  assert.equal(upstreamOf(view, n1), null);
  assert.equal(hasStreamingPath(view, n1), true);
});
