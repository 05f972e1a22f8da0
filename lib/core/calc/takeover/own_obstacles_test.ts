import assert from "node:assert/strict";
import { cluster, member } from "../../../../tests/helpers/builders.ts";
import {
  decisiveAmong,
  type OwnObstacle,
  ownObstaclesOf,
} from "./own_obstacles.ts";

const SYNC = { leader: "n1", revision: null };
const TWO = { ...SYNC, quorum: 0, standbys: ["n2", "n3"] };
const BOTH = { ...TWO, quorum: 1 };

Deno.test("a member says of itself what only it knows", () => {
  const view = cluster({ sync: TWO });
  const own = {
    ...{ self: "n2", view, isLeaderHeard: false },
    ...{ mayHaveConsented: true, areEntriesRefused: true },
  };
  const codes = (changes: Partial<typeof own>) =>
    ownObstaclesOf({ ...own, ...changes }).map(({ code }) => code);
  assert.deepEqual(codes({}), [
    "leader_unheard",
    "consent_may_stand",
    "pledges_refused",
  ]);
  assert.deepEqual(codes({ isLeaderHeard: true, mayHaveConsented: false }), [
    "pledges_refused",
  ]);
  // Who is no voter is asked for no pledge, but cannot take an old one back.
  assert.deepEqual(codes({ self: "n9" }), ["pledges_refused"]);
});

Deno.test("what voters tell counts if the others are too few", () => {
  const unheard: OwnObstacle = { code: "leader_unheard", member: "n2" };
  const stranger: OwnObstacle = { code: "pledges_refused", member: "n9" };
  const told = [unheard, stranger];
  assert.deepEqual(decisiveAmong(told, cluster({ sync: TWO })), []);
  assert.deepEqual(decisiveAmong(told, cluster({ sync: BOTH })), [unheard]);
  const members = [member("n3", { pledging: "behind" })];
  assert.deepEqual(
    decisiveAmong(told, cluster({ sync: TWO, members })),
    [unheard],
  );
});
