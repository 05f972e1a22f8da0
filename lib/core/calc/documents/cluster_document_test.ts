import assert from "node:assert/strict";
import { lsn, revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import { type Member, NO_TAGS } from "../../model/member.ts";
import {
  clusterDocument,
  isStandbyCluster,
  synchronousModeOf,
} from "./cluster_document.ts";

function member(name: string, over: Partial<Member> = {}): Member {
  return {
    name,
    connUrl: `postgres://10.0.0.${name.slice(1)}:5432/postgres`,
    apiUrl: `http://10.0.0.${name.slice(1)}:8008/patroni`,
    state: "running",
    role: "replica",
    version: "4.1.4",
    timeline: 3,
    xlogLsn: null,
    receivedLsn: null,
    replayedLsn: null,
    replicationState: null,
    tags: NO_TAGS,
    proxyUrl: null,
    doors: null,
    pledging: null,
    fencing: null,
    isCheckpointAfterPromotePending: false,
    pendingRestart: null,
    scheduledRestart: null,
    isPaused: false,
    ...over,
  };
}

function view(over: Partial<ClusterView> = {}): ClusterView {
  return {
    initialize: { kind: "initialized", systemId: "7277694203142172922" },
    config: null,
    leader: { name: "n1", isHeld: false, revision: revision(1) },
    status: { leaderLsn: lsn(1000), slots: null, retainSlots: null },
    members: [],
    failover: null,
    sync: { leader: null, quorum: 0, standbys: [], revision: null },
    history: null,
    failsafe: null,
    pledges: [],
    fencing: null,
    failovers: null,
    isMoving: false,
    ...over,
  };
}

function config(
  document: Record<string, unknown>,
): Pick<ClusterView, "config"> {
  return { config: { document, revision: revision(1) } };
}

Deno.test("clusterDocument() lists a leader without positions", () => {
  const document = clusterDocument(view({
    members: [
      member("n1", { xlogLsn: lsn(900), replicationState: "streaming" }),
    ],
  }));
  assert.deepEqual(document, {
    members: [{
      name: "n1",
      role: "leader",
      state: "running",
      api_url: "http://10.0.0.1:8008/patroni",
      host: "10.0.0.1",
      port: 5432,
      timeline: 3,
    }],
  });
});

Deno.test("clusterDocument() counts lags against the leader's published position", () => {
  const document = clusterDocument(view({
    members: [
      member("n2", {
        replicationState: "streaming",
        receivedLsn: lsn(990),
        replayedLsn: lsn(1200),
      }),
    ],
  }));
  const { name, state, receive_lsn, receive_lag, replay_lag, lsn: own, lag } =
    document.members[0] ?? assert.fail();
  assert.deepEqual(
    { name, state, receive_lsn, receive_lag, replay_lag, own, lag },
    {
      name: "n2",
      state: "streaming",
      receive_lsn: "0/3DE",
      receive_lag: 10,
      replay_lag: 0,
      own: "unknown",
      lag: "unknown",
    },
  );
});

Deno.test("clusterDocument() tells roles by the keys of the DCS", () => {
  const sync = {
    leader: "n1",
    quorum: 0,
    standbys: ["N2"],
    revision: revision(1),
  };
  const members = [member("n1"), member("n2"), member("n3")];
  const rolesWith = (document: Record<string, unknown>): string[] =>
    clusterDocument(view({ members, sync, ...config(document) }))
      .members.map((each) => each.role);
  assert.deepEqual(rolesWith({}), ["leader", "replica", "replica"]);
  assert.deepEqual(rolesWith({ synchronous_mode: "on" }), [
    "leader",
    "sync_standby",
    "replica",
  ]);
  assert.deepEqual(rolesWith({ synchronous_mode: "Quorum" }), [
    "leader",
    "quorum_standby",
    "replica",
  ]);
  assert.deepEqual(rolesWith({ standby_cluster: { host: "x" } }), [
    "standby_leader",
    "replica",
    "replica",
  ]);
});

Deno.test("clusterDocument() shows pause and the scheduled switchover", () => {
  const document = clusterDocument(view({
    ...config({ pause: true }),
    failover: {
      leader: "n1",
      candidate: null,
      scheduledAt: "2030-01-01T10:00:00+00:00",
      revision: revision(1),
    },
  }));
  assert.deepEqual(document, {
    members: [],
    pause: true,
    scheduled_switchover: { at: "2030-01-01T10:00:00+00:00", from: "n1" },
  });
});

Deno.test("clusterDocument() publishes restarts and tags only if there are any", () => {
  const document = clusterDocument(view({
    members: [member("n2", {
      connUrl: null,
      apiUrl: null,
      state: "unknown",
      timeline: null,
      pendingRestart: { wal_level: { oldValue: "a", newValue: "b" } },
      scheduledRestart: { schedule: "x" },
      tags: { ...NO_TAGS, published: { nosync: true } },
    })],
  }));
  assert.deepEqual(document.members[0], {
    name: "n2",
    role: "replica",
    state: "",
    api_url: null,
    pending_restart: true,
    pending_restart_reason: { wal_level: { old_value: "a", new_value: "b" } },
    scheduled_restart: { schedule: "x" },
    tags: { nosync: true },
    receive_lsn: "unknown",
    receive_lag: "unknown",
    replay_lsn: "unknown",
    replay_lag: "unknown",
    lsn: "unknown",
    lag: "unknown",
  });
});

Deno.test("modes are read as leniently as Patroni reads them", () => {
  assert.equal(synchronousModeOf({ synchronous_mode: 1 }), "on");
  assert.equal(synchronousModeOf({ synchronous_mode: "perhaps" }), "off");
  assert.equal(isStandbyCluster({ standby_cluster: { host: "" } }), false);
  assert.equal(isStandbyCluster({ standby_cluster: { port: 5432 } }), true);
});
