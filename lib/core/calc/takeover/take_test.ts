import assert from "node:assert/strict";
import { lsn, moment, revision } from "../../base/units.ts";
import type { PledgeKey } from "../../model/pledge.ts";
import { countPledges, type TakeoverView } from "./count_pledges.ts";
import { takeOf } from "./take.ts";
import { mayDropVoters, vetoesOf } from "./veto.ts";

function pledged(
  name: string,
  at: number,
  { timeline = 1, term = "7" }: { timeline?: number; term?: string } = {},
): PledgeKey {
  const pledge = { term: revision(term), timeline, lsn: lsn(at) };
  return { name, revision: revision(`r-${name}`), pledge };
}

function scope(
  quorum: number,
  standbys: readonly string[],
  pledges: readonly PledgeKey[],
): TakeoverView {
  return {
    leader: { name: "a", isHeld: false, revision: revision("7") },
    sync: { leader: "a", quorum, standbys, revision: revision("5") },
    config: { document: {}, revision: revision("3") },
    pledges,
  };
}

Deno.test("takeOf() rests on everything that it read", () => {
  const view = scope(1, ["b", "c"], [pledged("b", 9), pledged("c", 8)]);
  assert.deepEqual(takeOf(view, "b"), {
    leader: "b",
    term: revision("7"),
    syncRevision: revision("5"),
    configRevision: revision("3"),
    pledges: [
      { name: "b", revision: revision("r-b") },
      { name: "c", revision: revision("r-c") },
    ],
    sync: { quorum: 1, standbys: ["a", "c"] },
  });
});

const HIGHEST: readonly (readonly [
  string,
  number,
  readonly PledgeKey[],
  readonly string[],
])[] = [
  ["too few", 1, [pledged("b", 9)], []],
  ["nobody", 0, [], []],
  ["the highest only", 1, [pledged("b", 9), pledged("c", 8)], ["b"]],
  ["equals both", 1, [pledged("b", 9), pledged("c", 9)], ["b", "c"]],
  [
    "a later timeline is higher",
    1,
    [pledged("b", 9), pledged("c", 8, { timeline: 2 })],
    ["c"],
  ],
  [
    "another term does not count",
    1,
    [pledged("b", 9), pledged("c", 8, { term: "6" })],
    [],
  ],
  ["the holder does not count", 1, [pledged("b", 9), pledged("a", 9)], []],
  [
    "others than voters do not count",
    1,
    [pledged("b", 9), pledged("d", 9)],
    [],
  ],
  [
    "an empty entry does not count",
    0,
    [{ name: "b", revision: revision("1"), pledge: null }],
    [],
  ],
];

for (const [name, quorum, pledges, takers] of HIGHEST) {
  Deno.test(`takeOf() lets take over: ${name}`, () => {
    const view = scope(quorum, ["b", "c"], pledges);
    const found = ["a", "b", "c", "d"].filter((each) =>
      takeOf(view, each) !== null
    );
    assert.deepEqual(found, takers);
  });
}

const AFTER: readonly (readonly [
  string,
  number,
  readonly string[],
  readonly string[],
  { readonly quorum: number; readonly standbys: readonly string[] },
])[] = [
  ["one voter", 0, ["b"], ["b"], { quorum: 0, standbys: [] }],
  ["each has all", 0, ["b", "c"], ["b"], { quorum: 0, standbys: ["c"] }],
  [
    "the lost leader stands in",
    2,
    ["b", "c", "d"],
    ["b", "c", "d"],
    { quorum: 2, standbys: ["a", "c", "d"] },
  ],
  [
    "too few others pledged",
    1,
    ["b", "c", "d"],
    ["b", "c"],
    { quorum: 0, standbys: [] },
  ],
];

for (const [name, quorum, standbys, who, sync] of AFTER) {
  Deno.test(`takeOf() says who votes next: ${name}`, () => {
    const pledges = who.map((each) => pledged(each, 9));
    assert.deepEqual(takeOf(scope(quorum, standbys, pledges), "b")?.sync, sync);
  });
}

Deno.test("takeOf() wants a leader, a sync key and a configuration", () => {
  const view = scope(0, ["b"], [pledged("b", 9)]);
  assert.ok(takeOf(view, "b") !== null);
  assert.equal(takeOf({ ...view, leader: null }, "b"), null);
  assert.equal(takeOf({ ...view, config: null }, "b"), null);
  const sync = { ...view.sync, revision: null };
  assert.equal(takeOf({ ...view, sync }, "b"), null);
  assert.equal(countPledges(scope(0, [], [pledged("b", 9)])), null);
});

Deno.test("vetoesOf() names the pledges of the own term, for the leader only", () => {
  const old = pledged("d", 9, { term: "6" });
  const view = scope(1, ["b", "c", "d"], [pledged("b", 9), old]);
  assert.deepEqual(vetoesOf(view, "a").map(({ name }) => name), ["b"]);
  assert.deepEqual(vetoesOf(view, "b"), []);
});

Deno.test("mayDropVoters() waits until those who pledged could come back", () => {
  const at = (ms: number) => ({ now: moment(ms), vetoTimeMs: 700 });
  assert.equal(mayDropVoters(null, at(0)), true);
  assert.equal(mayDropVoters(moment(1_000), at(3_699)), false);
  assert.equal(mayDropVoters(moment(1_000), at(3_700)), true);
});
