import assert from "node:assert/strict";
import { moment } from "../../base/units.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../../model/settings.ts";
import {
  backOffMs,
  driftAllowanceMs,
  handOverPatienceMs,
  leaseRemainingMs,
  promoteBudgetMs,
  stopBudgetMs,
  storeBudgetMs,
} from "./budgets.ts";

function timing(ttlMs: number): ClusterSettings {
  return { ...DEFAULT_SETTINGS, ttlMs };
}

Deno.test("budgets fit into every TTL that Patroni accepts", () => {
  for (let ttlMs = 1_000; ttlMs <= 300_000; ttlMs += 500) {
    const settings = timing(ttlMs);
    const stopMs = stopBudgetMs(settings);
    const promoteMs = promoteBudgetMs(settings);
    assert.ok(stopMs > 0);
    assert.ok(promoteMs > stopMs, "a promotion leaves time to stop");
    // A lease that was just renewed always covers a promotion.
    assert.ok(promoteMs < ttlMs - driftAllowanceMs(ttlMs), `ttl ${ttlMs}`);
  }
});

Deno.test("budgets with the default TTL", () => {
  assert.equal(stopBudgetMs(DEFAULT_SETTINGS), 5_000);
  assert.equal(promoteBudgetMs(DEFAULT_SETTINGS), 8_000);
  assert.equal(driftAllowanceMs(30_000), 80);
});

Deno.test("handOverPatienceMs() ends where commits wait, if the user set a limit", () => {
  const patience = (
    synchronousMode: ClusterSettings["synchronousMode"],
    primaryStopTimeoutMs: number,
  ) => handOverPatienceMs({ synchronousMode, primaryStopTimeoutMs });
  assert.equal(patience("off", 5_000), null);
  assert.equal(patience("on", 0), null);
  assert.equal(patience("on", 5_000), 5_000);
  assert.equal(patience("quorum", 5_000), 5_000);
});

Deno.test("storeBudgetMs() ends with the time to stop a primary", () => {
  const primary = (leftMs: number | null) =>
    storeBudgetMs({ role: "primary", leftMs }, DEFAULT_SETTINGS);
  assert.equal(primary(null), 10_000);
  assert.equal(primary(29_000), 10_000);
  assert.equal(primary(7_000), 2_000);
  // It must stop within half a second of that, or its fence does it.
  assert.equal(primary(5_000), 100);
  assert.equal(primary(-1_000), 1_000);
});

Deno.test("storeBudgetMs() is whole again when there is nothing to stop", () => {
  for (const role of ["demoted", "replica"] as const) {
    const budget = (leftMs: number) =>
      storeBudgetMs({ role, leftMs }, DEFAULT_SETTINGS);
    assert.equal(budget(-1), 10_000);
    assert.equal(budget(1), 100);
  }
});

Deno.test("leaseRemainingMs() counts down, past zero, and knows no lease", () => {
  const lease = {
    kind: "held",
    deadline: moment(1_000),
    isFresh: false,
    source: "store",
    cover: "not_asked",
  } as const;
  assert.equal(leaseRemainingMs(lease, moment(400)), 600);
  assert.equal(leaseRemainingMs(lease, moment(1_500)), -500);
  assert.equal(leaseRemainingMs({ kind: "none" }, moment(0)), null);
});

Deno.test("backOffMs() doubles from one second up to loop_wait", () => {
  const waits = [1, 2, 3, 4, 5, 50].map((n) => backOffMs(n, DEFAULT_SETTINGS));
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});
