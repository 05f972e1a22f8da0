/** Which changes of a scope are told, by whom, and once. */
import assert from "node:assert/strict";
import {
  cluster,
  leaderObservation,
  member,
  NOW,
  observation,
  primary,
  unlocked,
} from "../../../../tests/helpers/builders.ts";
import { moment, revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { Notice } from "../../model/notice.ts";
import type { Observation } from "../../model/observation.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import { lookAtScope, type SeenBefore } from "./scope_notices.ts";

/** The looks of one member, one after the other. */
class Onlooker {
  #seen: SeenBefore | null = null;

  looks(o: Observation): readonly Notice[] {
    const { seen, notices } = lookAtScope(this.#seen, o);
    this.#seen = seen;
    return notices;
  }

  told(o: Observation): readonly string[] {
    return this.looks(o).map(({ event, text }) => `${event}: ${text}`);
  }
}

const LEASE = leaderObservation().lease;

/** What n2 sees when it leads in a term of its own. */
function n2Leads(
  changes: Partial<ClusterView> = {},
  term = 11,
): Observation {
  const leader = { name: "n2", isHeld: true, revision: revision(term) };
  return observation({
    view: cluster({ leader, ...changes }),
    lease: LEASE,
    postgres: primary({ timeline: 2 }),
  });
}

function n2Follows(changes: Partial<ClusterView> = {}): Observation {
  return observation({ view: cluster(changes) });
}

/** Nobody leads since NOW, that long ago. */
function vacant(
  agoMs: number,
  self = "n2",
  members = ["n1", "n2", "n3"],
): Observation {
  return observation({
    self,
    now: moment(NOW + agoMs),
    view: unlocked({ members: members.map((name) => member(name)) }),
  });
}

Deno.test("notices: the first look tells nothing, nor does a look without the store", () => {
  const n2 = new Onlooker();
  assert.deepEqual(n2.told(observation({ view: null })), []);
  assert.deepEqual(n2.told(n2Leads()), []);
  assert.deepEqual(n2.told(observation({ view: null })), []);
  assert.deepEqual(n2.told(n2Leads()), []);
});

Deno.test("notices: the new leader tells that it leads, and whom it replaced", () => {
  const n2 = new Onlooker();
  const n3 = new Onlooker();
  n2.looks(n2Follows());
  n3.looks({ ...n2Follows(), self: "n3" });
  const view = { members: [member("n2"), member("n3")] };
  assert.deepEqual(n2.told(vacant(0)), []);
  const [changed, lost, ...others] = n2.looks(n2Leads(view));
  assert.equal(changed?.event, "leader_changed");
  assert.equal(changed.key, "11");
  assert.equal(changed.text, "n2 leads in place of n1");
  assert.deepEqual(changed.data, { leader: "n2", before: "n1", timeline: 1 });
  assert.equal(lost?.event, "member_lost");
  assert.deepEqual(lost.data, { member: "n1" });
  assert.deepEqual(others, []);
  assert.deepEqual(n2.told(n2Leads(view)), []);
  // The others leave it to the leader.
  assert.deepEqual(
    n3.told({ ...n2Leads(view), self: "n3", lease: { kind: "none" } }),
    [],
  );
});

Deno.test("notices: a leader that wrote its key anew is the same, one that lost it is not", () => {
  const n2 = new Onlooker();
  n2.looks(n2Leads());
  assert.deepEqual(n2.told(n2Leads({}, 12)), []);
  assert.deepEqual(n2.told(vacant(0)), []);
  assert.deepEqual(n2.told(n2Leads({}, 13)), ["leader_changed: n2 leads"]);
});

Deno.test("notices: a scope that gets its first leader has one", () => {
  const n2 = new Onlooker();
  const initialize = { kind: "absent" } as const;
  const empty = unlocked({ members: [], initialize, history: null });
  n2.looks(observation({ view: empty }));
  const later = moment(NOW + 60_000);
  assert.deepEqual(n2.told(observation({ view: empty, now: later })), []);
  const members = [member("n2")];
  assert.deepEqual(n2.told(n2Leads({ members })), ["leader_changed: n2 leads"]);
});

Deno.test("notices: nobody leads for long: the first that is left says so, once", () => {
  const { loopWaitMs } = DEFAULT_SETTINGS;
  const n2 = new Onlooker();
  const n3 = new Onlooker();
  n2.looks(n2Follows());
  n3.looks({ ...n2Follows(), self: "n3" });
  for (const agoMs of [0, loopWaitMs]) {
    assert.deepEqual(n2.told(vacant(agoMs)), []);
    assert.deepEqual(n3.told(vacant(agoMs, "n3")), []);
  }
  const late = loopWaitMs + 1;
  assert.deepEqual(n2.told(vacant(late)), [
    "leader_missing: Nobody leads since n1 does not",
  ]);
  assert.deepEqual(n3.told(vacant(late, "n3")), []);
  const [same] = n3.looks(vacant(late, "n3", ["n1", "n3"]));
  assert.equal(same?.event, "leader_missing", "n2 is gone as well");
  assert.equal(same.key, "10");
  assert.deepEqual(n2.told(vacant(2 * late)), []);
  n2.looks(n2Leads());
  n2.looks(vacant(3 * late));
  assert.deepEqual(n2.told(vacant(4 * late + 1, "n2", ["n1", "n2"])), []);
  assert.deepEqual(n2.told(vacant(5 * late, "n2", ["n2"])), [
    "leader_missing: Nobody leads since n2 does not",
  ]);
  // n1 is first now, for it did not lead last.
  const n1 = new Onlooker();
  n1.looks({ ...n2Leads(), self: "n1", lease: { kind: "none" } });
  n1.looks(vacant(0, "n1"));
  assert.deepEqual(n1.told(vacant(late, "n1")), [
    "leader_missing: Nobody leads since n2 does not",
  ]);
});

Deno.test("notices: a leader tells who goes, who comes, and of maintenance mode", () => {
  const n2 = new Onlooker();
  n2.looks(n2Leads());
  const two = { members: [member("n2"), member("n3")] };
  assert.deepEqual(n2.told(n2Leads(two)), [
    "member_lost: n1 is gone: its agent or its host does not answer the store",
  ]);
  assert.deepEqual(n2.told(n2Leads()), ["member_back: n1 is there"]);
  const paused = {
    ...n2Leads(),
    settings: { ...DEFAULT_SETTINGS, isPaused: true },
  };
  const [on, ...more] = n2.looks(paused);
  assert.equal(on?.event, "paused");
  // The revision of the document: whoever tells it gives the same id.
  assert.equal(on.key, "2");
  assert.deepEqual(more, []);
  assert.deepEqual(n2.told(paused), []);
  assert.deepEqual(n2.told(n2Leads()), [
    "resumed: Maintenance mode is off",
  ]);
});

Deno.test("notices: what happened while nobody led is told by the next leader, the rest by the one before", () => {
  const n2 = new Onlooker();
  n2.looks(n2Follows());
  const two = { members: [member("n1"), member("n2")] };
  // n1 leads, and tells that n3 is gone.
  assert.deepEqual(n2.told(n2Follows(two)), []);
  n2.looks(vacant(0, "n2", ["n2"]));
  assert.deepEqual(n2.told(n2Leads({ members: [member("n2")] })), [
    "leader_changed: n2 leads in place of n1",
    "member_lost: n1 is gone: its agent or its host does not answer the store",
  ]);
});
