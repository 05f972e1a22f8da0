import assert from "node:assert/strict";
import { podLabels } from "./pod_labels.ts";

const NAMES = {
  role: "role",
  leaderValue: "master",
  followerValue: "follower",
  standbyLeaderValue: "standby",
  temporaryRole: "tmp",
  bootstrap: { busy: "yes" },
};

function labels(
  state: string,
  role: string,
  isLeader: "leader" | "no_leader",
): object {
  return podLabels(NAMES, JSON.stringify({ state, role }), isLeader);
}

Deno.test("a pod's labels say what its member is", () => {
  const quiet = { busy: null };
  const cases: readonly (readonly [
    string,
    string,
    "leader" | "no_leader",
    object,
  ])[] = [
    ["running", "primary", "leader", { role: "master", tmp: "primary" }],
    ["running", "standby_leader", "leader", {
      role: "standby",
      tmp: "primary",
    }],
    ["running", "replica", "no_leader", { role: "follower", tmp: "replica" }],
    // A primary without the key is on its way down.
    ["running", "primary", "no_leader", { role: null, tmp: null }],
    ["stopped", "replica", "no_leader", { role: null, tmp: null }],
    ["running", "promoted", "no_leader", { role: "promoted", tmp: "promoted" }],
  ];
  for (const [state, role, isLeader, wanted] of cases) {
    assert.deepEqual(labels(state, role, isLeader), { ...quiet, ...wanted });
  }
  assert.deepEqual(labels("creating replica", "uninitialized", "no_leader"), {
    ...{ busy: "yes", role: null, tmp: null },
  });
});

Deno.test("what is no member leaves a pod without a role", () => {
  for (const value of ["", "x", "[]", "{}"]) {
    const names = { ...NAMES, temporaryRole: null };
    assert.deepEqual(podLabels(names, value, "no_leader"), {
      ...{ busy: null, role: null },
    });
  }
});
