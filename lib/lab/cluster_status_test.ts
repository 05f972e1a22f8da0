import { equal, match } from "node:assert/strict";
import {
  type ClusterStatus,
  leaderOf,
  missingToBeWhole,
  parseClusterStatus,
} from "./cluster_status.ts";

const WANTED = { members: 3, isSynchronous: true };

function status(...states: readonly string[]): ClusterStatus {
  const members = states.map((text, i) => {
    const [role, state, timeline] = text.split(" ");
    const isLeader = role === "leader";
    const lag = isLeader ? {} : { lag: 0 };
    return {
      name: `m${i + 1}`,
      role,
      state,
      timeline: Number(timeline),
      ...lag,
    };
  });
  return parseClusterStatus({ members, scope: "lab" });
}

Deno.test("missingToBeWhole() is null only when all stream from one leader", () => {
  const whole = status(
    "leader running 2",
    "sync_standby streaming 2",
    "replica streaming 2",
  );
  equal(missingToBeWhole(whole, WANTED), null);
  equal(leaderOf(whole), "m1");
});

Deno.test("missingToBeWhole() says what is missing", () => {
  const sync = "sync_standby streaming 2";
  const cases: readonly (readonly [ClusterStatus, RegExp])[] = [
    [[], /^no leader$/],
    [status("leader stopped 2", sync, sync), /^leader is stopped$/],
    [status("leader running 2", sync), /^1 not streaming/],
    [status("leader running 2", sync, "replica streaming 1"), /^1 not stream/],
    [status("leader running 2", sync, "replica running 2"), /^1 not stream/],
    [
      status("leader running 2", "replica streaming 2", "replica streaming 2"),
      /^no synchronous standby$/,
    ],
  ];
  for (const [given, wanted] of cases) {
    match(missingToBeWhole(given, WANTED) ?? "whole", wanted);
  }
});

Deno.test("parseClusterStatus() takes an unknown lag and strange bodies", () => {
  const [member] = parseClusterStatus({
    members: [{ name: "m1", role: "replica", state: "x", lag: "unknown" }],
  });
  equal(member?.lag, null);
  equal(parseClusterStatus(null).length, 0);
  equal(parseClusterStatus({ members: "no" }).length, 0);
});
