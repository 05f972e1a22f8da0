import assert from "node:assert/strict";
import {
  type Backend,
  type MemberTraits,
  NO_ROUTES,
  type Routes,
} from "../../model/routes.ts";
import { portRoutes, type PortRule, type PortTarget } from "./port_routes.ts";

function backend(name: string): Backend {
  return { name, host: name, port: 5432, via: "address" };
}

function traits(given: Partial<MemberTraits>): MemberTraits {
  return { zone: null, weight: 1, isSync: false, isNear: true, ...given };
}

const TABLE: Routes = {
  ...NO_ROUTES,
  primary: backend("n1"),
  readers: [backend("n2"), backend("n3"), backend("n4")],
  resting: [backend("n5")],
  leaderReads: {
    backend: backend("n1"),
    isStandby: false,
    isResting: false,
  },
  traits: {
    n1: traits({ zone: "east" }),
    n2: traits({ zone: "east", isSync: true }),
    n3: traits({ zone: "west" }),
    n4: traits({ zone: "west", weight: 0 }),
  },
};

function rule(to: PortTarget, given: Partial<PortRule> = {}): PortRule {
  return { to, zone: null, isFallback: null, ...given };
}

/** Tiers, with "/" between them, then who rests and who is drained. */
function way(one: PortRule, table: Routes = TABLE): readonly string[] {
  const { tiers, resting, drained } = portRoutes(table, one);
  const names = (list: readonly Backend[]): string =>
    list.map(({ name }) => name).join("+");
  return [tiers.map(names).join("/"), names(resting), names(drained)];
}

Deno.test("portRoutes() leads each kind of port to its members", () => {
  assert.deepEqual(way(rule("leader")), ["n1", "", ""]);
  assert.deepEqual(way(rule("replica")), ["n2+n3", "n4+n5", ""]);
  assert.deepEqual(way(rule("sync")), ["n2", "n3+n4+n5", ""]);
  assert.deepEqual(way(rule("async")), ["n3", "n2+n4+n5", ""]);
  assert.deepEqual(way(rule("any")), ["n2+n3+n1", "n4+n5", ""]);
  assert.deepEqual(way(rule("standby_leader")), ["", "", ""]);
});

Deno.test("portRoutes() prefers a zone, then others, then the leader", () => {
  const west = { zone: "west", isFallback: true };
  assert.deepEqual(way(rule("replica", west)), ["n3/n2/n1", "n4+n5", ""]);
  assert.deepEqual(way(rule("any", { zone: "east" })), [
    "n2+n1/n3",
    "n4+n5",
    "",
  ]);
  const alone = { ...TABLE, readers: [], resting: [] };
  assert.deepEqual(way(rule("sync", { isFallback: true }), alone), [
    "n1",
    "",
    "",
  ]);
  const asProxy = { ...alone, isReplicaFallback: true };
  assert.deepEqual(way(rule("sync"), asProxy), ["n1", "", ""]);
  assert.deepEqual(way(rule("sync", { isFallback: false }), asProxy)[0], "");
});

Deno.test("portRoutes() leads to the leader of a standby cluster, for reads", () => {
  const table: Routes = {
    ...NO_ROUTES,
    leaderReads: {
      backend: backend("n1"),
      isStandby: true,
      isResting: false,
    },
  };
  assert.deepEqual(way(rule("standby_leader"), table), ["n1", "", ""]);
  assert.deepEqual(way(rule("any"), table), ["n1", "", ""]);
  assert.deepEqual(way(rule("leader"), table), ["", "", ""]);
  const stopping: Routes = {
    ...table,
    leaderReads: { backend: backend("n1"), isStandby: true, isResting: true },
  };
  assert.deepEqual(way(rule("standby_leader"), stopping), ["", "n1", "n1"]);
  assert.deepEqual(way(rule("any"), stopping), ["", "n1", "n1"]);
  assert.deepEqual(way(rule("replica"), stopping), ["", "", ""]);
});

Deno.test("portRoutes() drains who is about to stop, on each port that uses it", () => {
  const table: Routes = {
    ...NO_ROUTES,
    primaryResting: backend("n1"),
    resting: [backend("n2"), backend("n3")],
    exclusions: [
      { route: "replica", name: "n2", reason: "stopping", facts: {} },
      { route: "replica", name: "n3", reason: "not_streaming", facts: {} },
    ],
    leaderReads: { backend: backend("n1"), isStandby: false, isResting: true },
  };
  assert.deepEqual(way(rule("leader"), table), ["", "n1", "n1"]);
  assert.deepEqual(way(rule("sync"), table), ["", "n2+n3", "n2"]);
  assert.deepEqual(way(rule("any"), table), ["", "n2+n3+n1", "n2+n1"]);
});
