import assert from "node:assert/strict";
import { leaderMember, member } from "../../../../tests/helpers/builders.ts";
import {
  TAKEOVER_ON,
  voters,
} from "../../../../tests/helpers/pledge_builders.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import { NO_TAGS } from "../../model/member.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { obstacleText, takeoverLine } from "../../obstacle_text.ts";
import { obstaclesOf, storeObstacleOf } from "./obstacles.ts";

const { members: MEMBERS, sync: SYNC } = voters();

function found(
  changes: Partial<ClusterView> = {},
  settings: Partial<ClusterSettings> = {},
): readonly string[] {
  return obstaclesOf({
    settings: { ...TAKEOVER_ON.settings, ...settings },
    view: voters(changes),
    storeObstacle: null,
  }).map((obstacle) => obstacleText(obstacle).split(" (")[0] ?? "");
}

const ONE: readonly (readonly [
  string,
  readonly string[],
  Partial<ClusterView>,
  Partial<ClusterSettings>?,
])[] = [
  ["nothing", [], {}],
  ["the setting", ["off"], {}, { takeover: null }],
  ["no synchronous mode", ["asynchronous"], {}, { synchronousMode: "off" }],
  ["pause", ["paused"], {}, { isPaused: true }],
  [
    "a standby cluster",
    ["standby_cluster"],
    {},
    { isStandbyCluster: true, synchronousMode: "off" },
  ],
  ["nobody who leads", ["no_leader"], { leader: null }],
  ["nobody who votes", ["no_voters"], { sync: { ...SYNC, standbys: [] } }],
  [
    "a leader of another program",
    ["leader_cannot_object n1"],
    { members: [leaderMember("n1"), ...MEMBERS.slice(1)] },
  ],
  [
    "a voter of another program",
    ["voter_cannot_pledge n3"],
    { members: [...MEMBERS.slice(0, 2), member("n3")] },
  ],
  [
    "a voter without a key",
    ["voter_cannot_pledge n3"],
    { members: MEMBERS.slice(0, 2) },
  ],
  [
    "a voter too few that has caught up",
    ["voters_behind n3"],
    {
      members: [
        ...MEMBERS.slice(0, 2),
        member("n3", { pledging: "behind" }),
      ],
    },
  ],
  [
    "voters that never lead",
    ["no_voter_may_lead"],
    {
      members: MEMBERS.map((each) => ({
        ...each,
        tags: { ...NO_TAGS, isNofailover: each.name !== "n1" },
      })),
    },
  ],
];

for (const [name, codes, changes, settings] of ONE) {
  Deno.test(`obstaclesOf() names what stands in the way: ${name}`, () => {
    assert.deepEqual(found(changes, settings), codes);
  });
}

Deno.test("obstaclesOf() lets one of several be behind", () => {
  const members = MEMBERS.map((each) =>
    each.name === "n3" ? { ...each, pledging: "behind" as const } : each
  );
  assert.deepEqual(found({ members, sync: { ...SYNC, quorum: 0 } }), []);
});

Deno.test("storeObstacleOf() wants several conditions, and what is confirmed kept", () => {
  const of = (hasTransactions: boolean, mayForget: boolean) =>
    storeObstacleOf({ hasTransactions, mayForget });
  assert.equal(of(true, false), null);
  assert.equal(of(true, true), "store_may_forget");
  assert.equal(of(false, false), "store_without_transactions");
});

Deno.test("takeoverLine() says that it would work, or why not", () => {
  const fencing = {
    obstacles: [{ code: "no_fencing_command" }],
    members: [],
  } as const;
  assert.match(takeoverLine({ obstacles: [], fencing }), /would work now$/);
  const obstacles = [
    { code: "asynchronous" },
    { code: "voter_cannot_pledge", member: "n3", version: "4.1.4" },
  ] as const;
  const line = takeoverLine({ obstacles, fencing });
  assert.match(line, /asynchronous .*; voter_cannot_pledge n3 \(4\.1\.4: /);
  assert.doesNotMatch(line, /fenc/);
});

Deno.test("takeoverLine() names who would fence, or what keeps them from it", () => {
  const obstacles = [{ code: "asynchronous" }] as const;
  const members = ["n2", "n3"];
  const fenced = { obstacles, fencing: { obstacles: [], members } };
  assert.match(takeoverLine(fenced), /the fencing command of n2 or n3 ends it/);
  const barred = {
    obstacles,
    fencing: {
      obstacles: [{
        code: "leader_cannot_object",
        member: "n1",
        version: "4.1.4",
      }],
      members,
    },
  } as const;
  assert.match(
    takeoverLine(barred),
    /asynchronous .*; nor can it be fenced: leader_cannot_object n1 \(4\.1/,
  );
});
