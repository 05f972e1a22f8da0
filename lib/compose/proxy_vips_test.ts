import assert from "node:assert/strict";
import type { Exclusion } from "../core/model/routes.ts";
import { obstacleOf } from "./proxy_vips.ts";

const NOWHERE = { primary: null, replicas: [], exclusions: [] } as const;
const READ = { kind: "reachable", readAtMs: 0 } as const;
const AWAY = { kind: "unreachable", sinceMs: 0, detail: "" } as const;
const EXCLUDED: Exclusion = {
  route: "replica",
  name: "n1",
  reason: "not_running",
  facts: {},
};

Deno.test("obstacleOf(): a proxy stands for addresses while it takes clients and knows a member", () => {
  const routes = { ...NOWHERE, exclusions: [EXCLUDED] };
  const kindOf = (...[stats]: Parameters<typeof obstacleOf>) =>
    obstacleOf(stats)?.kind ?? null;
  const state = "running" as const;
  assert.equal(kindOf({ state, dcs: READ, routes }), null);
  // Its lease says how long it may do without the store.
  assert.equal(kindOf({ state, dcs: AWAY, routes }), null);
  assert.equal(kindOf({ state: "draining", dcs: READ, routes }), "ending");
  const dcs = { kind: "not_read_yet" } as const;
  assert.equal(kindOf({ state, dcs, routes: NOWHERE }), "scope_unread");
  assert.equal(kindOf({ state, dcs: READ, routes: NOWHERE }), "no_member");
});
