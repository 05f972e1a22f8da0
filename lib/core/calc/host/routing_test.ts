import assert from "node:assert/strict";
import { lsn, moment, revision } from "../../base/units.ts";
import { NO_LAG_HISTORY } from "../documents/lag_history.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import { type Member, NO_TAGS } from "../../model/member.ts";
import { drainedBackends, routes, type RoutingLimits } from "./routing.ts";
import { NO_ROUTES, type Routes } from "../../model/routes.ts";

function member(name: string, given: Partial<Member> = {}): Member {
  return {
    name,
    connUrl: `postgres://${name}:5432/postgres`,
    apiUrl: null,
    state: "running",
    role: "replica",
    version: null,
    timeline: 1,
    xlogLsn: lsn(1000),
    receivedLsn: lsn(1000),
    replayedLsn: lsn(1000),
    replicationState: "streaming",
    tags: NO_TAGS,
    proxyUrl: null,
    doors: null,
    pledging: null,
    fencing: null,
    isCheckpointAfterPromotePending: false,
    pendingRestart: null,
    scheduledRestart: null,
    isPaused: false,
    ...given,
  };
}

function view(leader: string | null, members: readonly Member[]): ClusterView {
  return {
    initialize: { kind: "initialized", systemId: "1234567890" },
    config: null,
    leader: leader === null
      ? null
      : { name: leader, isHeld: false, revision: revision(1) },
    status: { leaderLsn: lsn(1000), slots: null, retainSlots: null },
    members,
    failover: null,
    sync: { leader: null, quorum: 0, standbys: [], revision: null },
    history: [],
    failsafe: null,
    pledges: [],
    fencing: null,
    failovers: null,
    isMoving: false,
  };
}

const LIMITS = {
  replicaLagBytesMax: 100,
  replicaLagMsMax: 30_000,
  lagHistory: NO_LAG_HISTORY,
  asOf: moment(0),
  veto: null,
  resting: null,
  isHandoverExpected: true,
  isLeaseOver: false,
  before: NO_ROUTES,
  zone: null,
  isReplicaFallback: false,
  sealed: null,
  isPoolerWanted: false,
};
const LEADER = member("n1", { role: "primary", replicationState: null });

interface Case {
  readonly title: string;
  readonly view: ClusterView;
  /** Names in: primary, replicas, resting. */
  readonly want: readonly [string | null, string, string];
  /** "route name reason" of the exclusion that matters. */
  readonly because: string;
  readonly facts?: Readonly<Record<string, unknown>>;
}

const CASES: readonly Case[] = [
  {
    title: "routes to a running primary and a streaming replica",
    view: view("n1", [LEADER, member("n2")]),
    want: ["n1", "n2", ""],
    because: "replica n1 is_leader",
  },
  {
    title: "has no primary without a leader key",
    view: view(null, [LEADER]),
    want: [null, "", ""],
    because: "primary null no_leader",
  },
  {
    title: "waits for a leader that has not published itself",
    view: view("n9", [LEADER]),
    want: [null, "", ""],
    because: "primary n9 leader_unknown",
  },
  {
    title: "waits for a leader that is not yet a primary",
    view: view("n2", [member("n2", { role: "promoted" })]),
    want: [null, "", ""],
    because: "primary n2 not_primary",
    facts: { role: "promoted" },
  },
  {
    title: "has no read-write route in a standby cluster",
    view: view("n1", [
      member("n1", { role: "standby_leader" }),
      member("n2"),
    ]),
    want: [null, "n2", ""],
    because: "primary n1 not_primary",
    facts: { role: "standby_leader" },
  },
  {
    title: "waits for a leader that restarts",
    view: view("n1", [{ ...LEADER, state: "restarting" }]),
    want: [null, "", ""],
    because: "primary n1 handover_requested",
  },
  {
    title: "waits for a leader without usable address",
    view: view("n1", [{ ...LEADER, connUrl: "postgres:///x" }]),
    want: [null, "", ""],
    because: "primary n1 address_unknown",
  },
  {
    title: "takes a replica whose lag is the maximum",
    view: view("n1", [LEADER, member("n2", { replayedLsn: lsn(900) })]),
    want: ["n1", "n2", ""],
    because: "replica n1 is_leader",
  },
  {
    title: "rests a replica whose lag exceeds the maximum",
    view: view("n1", [LEADER, member("n2", { replayedLsn: lsn(899) })]),
    want: ["n1", "", "n2"],
    because: "replica n2 lag_exceeds_maximum",
    facts: { lagBytes: 101, lagBytesMax: 100 },
  },
  {
    title: "counts the lag from the furthest position of the leader",
    view: view("n1", [{ ...LEADER, xlogLsn: lsn(5000) }, member("n2")]),
    want: ["n1", "", "n2"],
    because: "replica n2 lag_exceeds_maximum",
    facts: { lagBytes: 4000, lagBytesMax: 100 },
  },
  {
    title: "uses the published position if none was replayed",
    view: view("n1", [LEADER, member("n2", { replayedLsn: null })]),
    want: ["n1", "n2", ""],
    because: "replica n1 is_leader",
  },
  {
    title: "rests a replica without any position",
    view: view("n1", [
      LEADER,
      member("n2", { replayedLsn: null, xlogLsn: null }),
    ]),
    want: ["n1", "", "n2"],
    because: "replica n2 position_unknown",
  },
  {
    title: "rests a replica that does not stream",
    view: view("n1", [LEADER, member("n2", { replicationState: null })]),
    want: ["n1", "", "n2"],
    because: "replica n2 not_streaming",
  },
  {
    title: "does not ask for streaming while there is no leader",
    view: view(null, [member("n2", { replicationState: null })]),
    want: [null, "n2", ""],
    because: "primary null no_leader",
  },
  {
    title: "rests a replica that asked to be spared",
    view: view("n1", [
      LEADER,
      member("n2", { tags: { ...NO_TAGS, isNoloadbalance: true } }),
    ]),
    want: ["n1", "", "n2"],
    because: "replica n2 noloadbalance",
  },
  {
    title: "leaves out a replica that does not run",
    view: view("n1", [LEADER, member("n2", { state: "starting" })]),
    want: ["n1", "", ""],
    because: "replica n2 not_running",
  },
  {
    title: "leaves out a second primary",
    view: view("n1", [LEADER, member("n2", { role: "primary" })]),
    want: ["n1", "", ""],
    because: "replica n2 not_replica",
  },
];

for (const one of CASES) {
  Deno.test(`routes() ${one.title}`, () => {
    const table = routes(one.view, LIMITS);
    const names = (list: readonly { readonly name: string }[]): string =>
      list.map((backend) => backend.name).join(",");
    assert.deepEqual([
      table.primary?.name ?? null,
      names(table.replicas),
      names(table.resting),
    ], one.want);
    const found = table.exclusions.find((e) =>
      `${e.route} ${e.name} ${e.reason}` === one.because
    );
    assert.ok(found, Deno.inspect(table.exclusions));
    if (one.facts !== undefined) assert.deepEqual(found.facts, one.facts);
  });
}

Deno.test("routes() believes the local agent before the DCS, of its own member only", () => {
  const reason = "local_lease_passed" as const;
  const own = routes(view("n1", [LEADER]), {
    ...LIMITS,
    veto: { name: "n1", reason },
  });
  assert.equal(own.primary, null);
  assert.equal(own.exclusions[0]?.reason, reason);
  const other = routes(view("n1", [LEADER]), {
    ...LIMITS,
    veto: { name: "n2", reason },
  });
  assert.deepEqual(other.primary, {
    name: "n1",
    host: "n1",
    port: 5432,
    via: "address",
  });
});

Deno.test("routes() hold new sessions before a handover, and keep those that are", () => {
  const asked = (leader: string, scheduledAt: string | null): ClusterView => ({
    ...view("n1", [LEADER, member("n2")]),
    failover: { leader, candidate: "n2", scheduledAt, revision: revision(2) },
  });
  const cases = [
    { title: "asked for now", given: asked("n1", null), isResting: true },
    { title: "of another leader", given: asked("n0", null), isResting: false },
    {
      title: "scheduled",
      given: asked("n1", "2030-01-01T00:00+00"),
      isResting: false,
    },
    {
      title: "asked for long ago",
      given: asked("n1", null),
      limits: { ...LIMITS, isHandoverExpected: false },
      isResting: false,
    },
    {
      title: "its agent stops",
      given: view("n1", [LEADER]),
      limits: { ...LIMITS, resting: "n1" },
      isResting: true,
    },
    {
      title: "it stops, as its member key says",
      given: view("n1", [{ ...LEADER, state: "stopping" }]),
      isResting: true,
    },
    {
      title: "it restarts, as its member key says",
      given: view("n1", [{ ...LEADER, state: "restarting" }]),
      isResting: true,
    },
    {
      title: "an agent that does not lead stops",
      given: view("n1", [LEADER]),
      limits: { ...LIMITS, resting: "n2" },
      isResting: false,
    },
  ];
  for (const { title, given, limits = LIMITS, isResting } of cases) {
    const table = routes(given, limits);
    const want = isResting ? [undefined, "n1"] : ["n1", undefined];
    const got = [table.primary?.name, table.primaryResting?.name];
    assert.deepEqual(got, want, title);
  }
});

Deno.test("routes() take a replica that lagged back only when it caught up by half", () => {
  const at = (replayed: number): ClusterView =>
    view("n1", [LEADER, member("n2", { replayedLsn: lsn(replayed) })]);
  const names = (table: Routes) => table.replicas.map(({ name }) => name);
  const fresh = routes(at(900), LIMITS);
  assert.deepEqual(names(fresh), ["n2"]);
  const behind = routes(at(899), { ...LIMITS, before: fresh });
  assert.deepEqual(names(behind), []);
  const almost = routes(at(949), { ...LIMITS, before: behind });
  assert.deepEqual(names(almost), []);
  const again = routes(at(950), { ...LIMITS, before: almost });
  assert.deepEqual(names(again), ["n2"]);
  const stays = routes(at(901), { ...LIMITS, before: again });
  assert.deepEqual(names(stays), ["n2"]);
});

Deno.test("routes() leave a replica out that has been behind for too long", () => {
  const given = view("n1", [LEADER, member("n2", { replayedLsn: lsn(999) })]);
  const at = (ms: number, before: Routes): Routes =>
    routes(given, {
      ...LIMITS,
      before,
      asOf: moment(ms),
      lagHistory: {
        leader: "n1",
        samples: [{ leaderLsn: lsn(1000), seenAt: moment(0) }],
      },
    });
  const fresh = at(30_000, NO_ROUTES);
  assert.equal(fresh.replicas.length, 1);
  const behind = at(30_001, fresh);
  assert.deepEqual(behind.resting.map(({ name }) => name), ["n2"]);
  const facts = { lagMs: 30_001, lagMsMax: 30_000 };
  assert.deepEqual(behind.exclusions[1]?.facts, facts);
  assert.equal(at(15_001, behind).replicas.length, 0);
  assert.equal(at(15_000, behind).replicas.length, 1);
});

Deno.test("routes() let the clients of a replica finish before it stops", () => {
  const stopping = (given: Partial<Member>, resting: string | null): Routes =>
    routes(view("n1", [LEADER, member("n2", given)]), { ...LIMITS, resting });
  const cases = [
    stopping({ state: "stopping" }, null),
    stopping({ state: "restarting" }, null),
    stopping({}, "n2"),
  ];
  for (const table of cases) {
    assert.deepEqual(table.replicas, []);
    assert.equal(table.resting[0]?.name, "n2");
    assert.equal(table.exclusions[1]?.reason, "stopping");
  }
  assert.deepEqual(stopping({ state: "stopped" }, null).resting, []);
});

Deno.test("routes() prefer replicas of the zone, then others, then the leader", () => {
  const inZone = (name: string, zone: string): Member =>
    member(name, { tags: { ...NO_TAGS, published: { zone } } });
  const members = [LEADER, inZone("n2", "east"), inZone("n3", "west")];
  const wanted = (zone: string | null, isReplicaFallback: boolean) => {
    const table = routes(view("n1", members), {
      ...LIMITS,
      ...{ zone, isReplicaFallback },
    });
    return [table.replicas, ...table.spares]
      .map((tier) => tier.map(({ name }) => name).join("+"));
  };
  assert.deepEqual(wanted(null, false), ["n2+n3"]);
  assert.deepEqual(wanted("west", false), ["n3", "n2"]);
  assert.deepEqual(wanted("west", true), ["n3", "n2", "n1"]);
  assert.deepEqual(wanted("north", true), ["n2+n3", "n1"]);
});

/** The read-only route with fallback: whom new readers may go to, whose readers may finish. */
function reads(leader: Member, limits: Partial<RoutingLimits> = {}) {
  const table = routes(
    view("n1", [leader, member("n2", { state: "stopped" })]),
    {
      ...LIMITS,
      isHandoverExpected: false,
      isReplicaFallback: true,
      ...limits,
    },
  );
  const tiers = [table.replicas, ...table.spares].flat();
  return {
    open: tiers.map(({ name }) => name),
    resting: table.resting.map(({ name }) => name),
    drained: drainedBackends(table, "replica").map(({ name }) => name),
    primary: table.primary?.name ?? null,
  };
}

const STANDBY_LEADER = member("n1", { role: "standby_leader" });

Deno.test("routes() fall back to the leader of a standby cluster, for reads alone", () => {
  const served = { open: ["n1"], resting: [], drained: [], primary: null };
  assert.deepEqual(reads(STANDBY_LEADER), served);
  // What makes its agent's word no veto: a standby takes no writes anyway.
  const name = "n1";
  const veto = { name, reason: "local_not_primary" } as const;
  assert.deepEqual(reads(STANDBY_LEADER, { veto }), served);
  const nobody = { ...served, open: [] };
  assert.deepEqual(reads(STANDBY_LEADER, { isReplicaFallback: false }), nobody);
  const fenced = { name, reason: "local_fenced" } as const;
  assert.deepEqual(reads(STANDBY_LEADER, { veto: fenced }), nobody);
  const starting = { ...STANDBY_LEADER, state: "starting" } as const;
  assert.deepEqual(reads(starting), nobody);
});

Deno.test("routes() let readers of a leader that stops as planned finish", () => {
  const finishing = {
    ...{ open: [], resting: ["n1"], drained: ["n1"] },
    primary: null,
  };
  for (const leader of [STANDBY_LEADER, LEADER]) {
    assert.deepEqual(reads({ ...leader, state: "stopping" }), finishing);
    assert.deepEqual(reads(leader, { resting: "n1" }), finishing);
  }
});

Deno.test("routes() find a sealed standby leader behind its read-only door", () => {
  const doors = { primary: 5000, replica: 6000 };
  const table = routes(view("n1", [{ ...STANDBY_LEADER, doors }]), {
    ...LIMITS,
    isReplicaFallback: true,
  });
  assert.deepEqual(table.spares, [[
    { name: "n1", host: "n1", port: 6000, via: "proxy" },
  ]]);
});

Deno.test("routes() do not trust a leader whose lease must have ended", () => {
  const table = routes(view("n1", [LEADER, member("n2")]), {
    ...LIMITS,
    isLeaseOver: true,
  });
  assert.equal(table.primary, null);
  assert.deepEqual(table.replicas.map(({ name }) => name), ["n2"]);
  assert.equal(table.exclusions[0]?.reason, "lease_over");
});

Deno.test("routes() lead to poolers, and never past them", () => {
  const proxyUrl = "postgres://n1:6432/postgres";
  const leader = { ...LEADER, proxyUrl };
  const strange = { ...member("n3"), proxyUrl: "postgres://n3 6432/postgres" };
  const table = routes(view("n1", [leader, member("n2"), strange]), {
    ...LIMITS,
    isPoolerWanted: true,
  });
  const pooler = { name: "n1", host: "n1", port: 6432, via: "pooler" };
  assert.deepEqual(table.primary, pooler);
  assert.deepEqual(table.replicas, []);
  assert.deepEqual(
    table.exclusions.slice(-2).map(({ name, reason, facts }) => [
      ...[name, reason, facts["proxyUrl"]],
    ]),
    [
      ["n2", "pooler_unknown", null],
      ["n3", "pooler_unknown", strange.proxyUrl],
    ],
  );
});

Deno.test("routes() know by which name others see a sealed instance", () => {
  const sealed = { name: "n1", host: "127.0.0.1", port: 5432 };
  const table = routes(view("n1", [LEADER]), { ...LIMITS, sealed });
  assert.deepEqual(
    [table.primary?.host, table.primary?.publicHost],
    ["127.0.0.1", "n1"],
  );
});
