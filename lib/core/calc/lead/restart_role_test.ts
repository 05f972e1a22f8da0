import assert from "node:assert/strict";
import {
  control,
  primary,
  replica,
  starting,
  stopped,
} from "../../../../tests/helpers/builders.ts";
import type { PostgresView } from "../../model/postgres_view.ts";
import { isRestartedAsStandby } from "./restart_role.ts";

function hanging(
  state: Parameters<typeof control>[0] | null,
): PostgresView {
  return {
    kind: "unresponsive",
    control: state === null ? null : control(state),
    postmasterPid: 4711,
    detail: "no answer",
  };
}

Deno.test("an instance is restarted as what it is", () => {
  assert.equal(isRestartedAsStandby(primary(), "primary"), false);
  assert.equal(isRestartedAsStandby(replica(), "replica"), true);
  assert.equal(isRestartedAsStandby(stopped(), "primary"), false);
  assert.equal(
    isRestartedAsStandby(stopped({ isStandby: true }), "primary"),
    true,
  );
  assert.equal(
    isRestartedAsStandby(starting({ isStandby: true }), "replica"),
    true,
  );
});

// Simulator, seed 273: the leader of a standby cluster hung when its restart was
// due, and came back as a primary.
Deno.test("an instance that hangs comes back as a primary only if it surely was one", () => {
  const inRecovery = hanging({ state: "in archive recovery" });
  const inProduction = hanging({ state: "in production" });
  assert.equal(isRestartedAsStandby(inRecovery, "replica"), true);
  assert.equal(isRestartedAsStandby(inRecovery, "primary"), true);
  assert.equal(isRestartedAsStandby(inProduction, "primary"), false);
  assert.equal(isRestartedAsStandby(inProduction, "uninitialized"), true);
  assert.equal(isRestartedAsStandby(hanging(null), "standby_leader"), true);
  assert.equal(isRestartedAsStandby(hanging(null), "primary"), false);
});
