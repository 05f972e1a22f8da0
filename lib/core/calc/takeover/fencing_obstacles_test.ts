/** What stands in the way of fencing, in the words that people are told. */
import assert from "node:assert/strict";
import { leaderMember, member } from "../../../../tests/helpers/builders.ts";
import { scope, SETTINGS } from "../../../../tests/helpers/fencing_builders.ts";
import { NOFAILOVER } from "../../../../tests/helpers/rule_table.ts";
import { revision } from "../../base/units.ts";
import { fencingObstacleText } from "../../fencing_text.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { StoreObstacle } from "../../model/pledge_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { fencersOf } from "./fencing_obstacles.ts";
import { lossOutlook, replacedBy } from "./outlook.ts";

interface Circumstances {
  readonly settings?: Partial<ClusterSettings>;
  readonly view?: Partial<ClusterView>;
  readonly store?: StoreObstacle;
}

function outlookOf({ settings = {}, view = {}, store }: Circumstances) {
  return lossOutlook({
    settings: { ...SETTINGS, ...settings },
    view: scope(view),
    storeObstacle: store ?? null,
  });
}

const { members } = scope();
const OTHERS = members.slice(1);

const CASES: readonly (readonly [string, Circumstances, readonly string[]])[] =
  [
    ["nothing", {}, []],
    ["it is off", { settings: { takeover: null } }, ["off"]],
    ["a pause", { settings: { isPaused: true } }, ["paused"]],
    ["a standby cluster", { settings: { isStandbyCluster: true } }, [
      "standby_cluster",
    ]],
    ["no key config", { view: { config: null } }, ["no_configuration"]],
    ["the store", { store: "store_without_transactions" }, [
      "store_without_transactions",
    ]],
    ["nobody leads", { view: { leader: null } }, ["no_leader"]],
    ["a leader of Patroni", {
      view: { members: [leaderMember("n1"), ...OTHERS] },
    }, ["leader_cannot_object n1"]],
    ["a leader without a key", { view: { members: OTHERS } }, [
      "leader_cannot_object n1",
    ]],
    ["no command", {
      view: {
        members: members.map((each) => ({ ...each, fencing: "aware" })),
      },
    }, ["no_fencing_command"]],
    ["the leader's own command is none against it", {
      view: { members: [...members.slice(0, 1), member("n2")] },
    }, ["no_fencing_command"]],
    ["who never leads", {
      view: {
        members: members.map((each) => ({ ...each, tags: NOFAILOVER })),
      },
    }, ["no_fencer_may_lead"]],
    ["who may lack commits", {
      settings: { synchronousMode: "on" },
      view: {
        sync: {
          ...{ leader: "n1", quorum: 0, standbys: [] },
          revision: revision(5),
        },
      },
    }, ["no_fencer_may_lead"]],
  ];

for (const [name, circumstances, expected] of CASES) {
  Deno.test(`fencingObstaclesOf() names what stands in the way: ${name}`, () => {
    const outlook = outlookOf(circumstances);
    const { obstacles } = outlook.fencing;
    assert.deepEqual(
      obstacles.map((each) => fencingObstacleText(each).split(" (")[0]),
      expected,
    );
    assert.equal(
      replacedBy(outlook),
      expected.length === 0 ? "fencing" : null,
    );
  });
}

Deno.test("fencersOf() names members with a command that may lead", () => {
  assert.deepEqual(fencersOf(SETTINGS, scope()), ["n2", "n3"]);
  const sync = {
    ...{ leader: "n1", quorum: 0, standbys: ["n3"] },
    revision: revision(5),
  };
  const settings = { ...SETTINGS, synchronousMode: "on" } as const;
  assert.deepEqual(fencersOf(settings, scope({ sync })), ["n3"]);
  const quorum = { ...sync, quorum: 1, standbys: ["n2", "n3"] };
  assert.deepEqual(fencersOf(settings, scope({ sync: quorum })), ["n2", "n3"]);
});

Deno.test("replacedBy() prefers pledges: nobody's host is switched off for nothing", () => {
  const sync = {
    ...{ leader: "n1", quorum: 0, standbys: ["n2"] },
    revision: revision(5),
  };
  const outlook = outlookOf({
    settings: { synchronousMode: "on" },
    view: { sync },
  });
  assert.equal(replacedBy(outlook), "pledges");
});
