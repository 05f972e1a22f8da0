import assert from "node:assert/strict";
import type { StandbyCluster } from "../../../core/model/standby_cluster.ts";
import { roleInFiles } from "./instance_role.ts";

const CLUSTER: StandbyCluster = {
  host: "far",
  port: 5433,
  primarySlotName: null,
  createReplicaMethods: [],
  restoreCommand: null,
  archiveCleanupCommand: null,
  recoveryMinApplyDelay: null,
};
const ARCHIVE = { ...CLUSTER, host: null, restoreCommand: "cp" };
const FAR = { primary_conninfo: "user=r host=far port=5433" };

const CASES: readonly (readonly [
  string,
  Readonly<Record<string, string>> | null,
  StandbyCluster | null,
  ReturnType<typeof roleInFiles>,
])[] = [
  ["no standby", null, null, "primary"],
  ["no standby in a standby cluster", null, CLUSTER, "primary"],
  ["a standby of a member", FAR, null, "replica"],
  ["a standby of the remote", FAR, CLUSTER, "standby_leader"],
  [
    "a member on the remote's host",
    { primary_conninfo: "host=far port=5432" },
    CLUSTER,
    "replica",
  ],
  [
    "a standby of one of several remotes",
    { primary_conninfo: "host=far,off port=1,2" },
    { ...CLUSTER, host: "far,off" },
    "standby_leader",
  ],
  ["a standby without stream", { primary_conninfo: "" }, CLUSTER, "replica"],
  ["a standby that was never set up", {}, null, "replica"],
  ["a leader with an archive alone", {}, ARCHIVE, "standby_leader"],
];

for (const [name, recovery, cluster, wanted] of CASES) {
  Deno.test(`roleInFiles(): ${name}`, () => {
    assert.equal(roleInFiles(recovery, cluster), wanted);
  });
}
