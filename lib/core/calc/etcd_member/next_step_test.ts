import assert from "node:assert/strict";
import type {
  EtcdMember,
  EtcdObservation,
  EtcdStatus,
  EtcdStep,
  EtcdView,
} from "../../model/etcd_member.ts";
import type { EtcdOrder } from "../../model/etcd_order.ts";
import { nextEtcdStep } from "./next_step.ts";

const SELF = { name: "b", peerUrl: "http://b:2380" };
const CLUSTER = "77";
const MEMBER: EtcdOrder = { kind: "member", clusterId: CLUSTER, memberId: "2" };
const JOIN: EtcdOrder = { kind: "join", through: ["http://a:2379"] };
const FOUNDER = { ...SELF, clientUrl: "http://b:2379" };
const FOUND: EtcdOrder = { kind: "found", members: [FOUNDER] };

function member(id: string, change: Partial<EtcdMember> = {}): EtcdMember {
  const name = "-abcde"[Number(id)] ?? "";
  return {
    ...{ id, name, peerUrl: `http://${name}:2380` },
    clientUrls: [`http://${name}:2379`],
    isLearner: false,
    ...change,
  };
}

function view(...members: readonly EtcdMember[]): EtcdView {
  return { clusterId: CLUSTER, members };
}

function status(change: Partial<EtcdStatus> = {}): EtcdStatus {
  return {
    ...{ clusterId: CLUSTER, memberId: "2", version: "3.5.16" },
    ...{ leaderId: "1", isLearner: false, raftTerm: 2, raftIndex: 9 },
    ...{ revision: 1, dbBytes: 20_480, usedBytes: 20_480 },
    ...change,
  };
}

function step(change: Partial<EtcdObservation>): EtcdStep {
  return nextEtcdStep({
    ...{ order: MEMBER, self: SELF, hasData: true, isRunning: true },
    ...{ mayStart: true, own: status(), local: null, alive: [] },
    isForced: false,
    agreed: view(member("1"), member("2")),
    ...change,
  });
}

const DOWN = { isRunning: false, own: null };
const EMPTY = { ...DOWN, hasData: false };
const JUST_ADDED = member("2", { name: "", peerUrl: SELF.peerUrl });

Deno.test("a voter that is noted rests", () => {
  assert.deepEqual(step({}), { kind: "rest" });
});

Deno.test("nothing is made of an empty folder without an order", () => {
  const none = { ...EMPTY, order: null };
  assert.deepEqual(step(none), { kind: "refuse", why: "no_order" });
  // Data without an order are a member's that lost the order.
  assert.equal(step({ ...none, hasData: true }).kind, "start");
  assert.deepEqual(step({ order: null }), {
    kind: "note_order",
    order: MEMBER,
  });
});

Deno.test("a founder founds once, and never again with its data lost", () => {
  const founding = { ...EMPTY, order: FOUND, agreed: null };
  assert.deepEqual(step(founding), {
    kind: "start",
    how: { kind: "found", members: [FOUNDER] },
  });
  assert.deepEqual(step({ ...founding, mayStart: false }), {
    kind: "wait",
    what: "next_start",
  });
  assert.deepEqual(step({ order: FOUND }), {
    kind: "note_order",
    order: MEMBER,
  });
  assert.deepEqual(step({ ...EMPTY, agreed: null }), {
    kind: "refuse",
    why: "data_lost",
  });
  const others: EtcdOrder = {
    kind: "found",
    members: [{ ...FOUNDER, peerUrl: "http://elsewhere:2380" }],
  };
  assert.deepEqual(step({ ...founding, order: others }), {
    kind: "refuse",
    why: "not_a_founder",
  });
});

Deno.test("a founder does not found what exists already", () => {
  const founding = { ...EMPTY, order: FOUND };
  const start = {
    kind: "start",
    how: { kind: "found", members: [FOUNDER] },
  };
  // The others were quicker.
  const awaited = view(member("1"), member("3"), JUST_ADDED);
  assert.deepEqual(step({ ...founding, agreed: awaited }), start);
  const named = view(member("1"), member("3"), member("2", { clientUrls: [] }));
  assert.deepEqual(step({ ...founding, agreed: named }), start);
  const whole = view(member("1"), member("2"), member("3"));
  assert.deepEqual(step({ ...founding, agreed: whole }), {
    kind: "refuse",
    why: "data_lost",
  });
  const without = view(member("1"), member("3"));
  assert.deepEqual(step({ ...founding, agreed: without }), {
    kind: "refuse",
    why: "removed",
  });
  const place = { ...JUST_ADDED, isLearner: true };
  const noted = step({ ...founding, agreed: view(member("1"), place) });
  assert.equal(noted.kind === "note_order" && noted.order.kind, "rejoin");
});

Deno.test("joining is adding as learner, starting, promoting, noting", () => {
  const joining = { ...EMPTY, order: JOIN };
  assert.deepEqual(step({ ...joining, agreed: null }), {
    kind: "wait",
    what: "cluster",
  });
  assert.deepEqual(step({ ...joining, agreed: view(member("1")) }), {
    kind: "add_learner",
  });
  const added = { ...JUST_ADDED, isLearner: true };
  assert.deepEqual(step({ ...joining, agreed: view(member("1"), added) }), {
    kind: "start",
    how: {
      kind: "join",
      members: [{ name: "a", peerUrl: "http://a:2380" }, SELF],
    },
  });
  const learning = {
    order: JOIN,
    own: status({ isLearner: true }),
    agreed: view(member("1"), member("2", { isLearner: true })),
  };
  assert.deepEqual(step({ ...learning, alive: ["1", "2"] }), {
    kind: "promote",
    memberId: "2",
  });
  assert.deepEqual(step({ order: JOIN }), {
    kind: "note_order",
    order: MEMBER,
  });
});

Deno.test("one change at a time, and no vote that could cost the quorum", () => {
  const joining = { ...EMPTY, order: JOIN };
  for (const other of [{ isLearner: true }, { name: "" }]) {
    const agreed = view(member("1"), member("3", other));
    assert.deepEqual(step({ ...joining, agreed }), {
      kind: "wait",
      what: "other_change",
    });
  }
  const agreed = view(
    ...[member("1"), member("3"), member("4")],
    member("2", { isLearner: true }),
  );
  const learning = { order: JOIN, own: status({ isLearner: true }), agreed };
  // Of four voters three must agree.
  assert.deepEqual(step({ ...learning, alive: ["1", "2"] }), {
    kind: "wait",
    what: "voters",
  });
  assert.equal(step({ ...learning, alive: ["1", "3", "2"] }).kind, "promote");
});

Deno.test("a member whose data are gone waits for an operator's place", () => {
  const joined = { ...EMPTY, order: JOIN };
  assert.deepEqual(step(joined), { kind: "refuse", why: "data_lost" });
  assert.deepEqual(step(EMPTY), { kind: "refuse", why: "data_lost" });
  const place = view(member("1"), { ...JUST_ADDED, id: "9", isLearner: true });
  const rejoin = { kind: "rejoin", through: ["http://a:2379", "http://:2379"] };
  const noted = step({ ...EMPTY, agreed: place });
  assert.equal(noted.kind === "note_order" && noted.order.kind, rejoin.kind);
  // A place in another cluster is none for this member.
  const foreign = { ...place, clusterId: "78" };
  assert.deepEqual(step({ ...EMPTY, agreed: foreign }), {
    kind: "refuse",
    why: "data_lost",
  });
});

Deno.test("a removed member does not start, and one with a new place gives up its data", () => {
  const agreed = view(member("1"), member("3"));
  assert.deepEqual(step({ ...DOWN, agreed }), {
    kind: "refuse",
    why: "removed",
  });
  const place = { ...JUST_ADDED, id: "9", isLearner: true };
  const noted = step({ ...DOWN, agreed: view(member("1"), place) });
  assert.equal(noted.kind === "note_order" && noted.order.kind, "rejoin");
  // One that still runs, without a leader, is ended first.
  const alone = { own: status({ leaderId: null }), agreed };
  assert.deepEqual(step(alone), { kind: "stop", why: "removed" });
  const restored = { ...agreed, clusterId: "78" };
  assert.deepEqual(step({ ...alone, agreed: restored }), {
    kind: "stop",
    why: "other_cluster_runs",
  });
  const order: EtcdOrder = { kind: "rejoin", through: ["http://a:2379"] };
  assert.deepEqual(step({ order }), { kind: "stop", why: "order" });
  assert.deepEqual(step({ ...DOWN, order }), { kind: "set_aside" });
  assert.deepEqual(step({ ...EMPTY, order }), {
    kind: "note_order",
    order: JOIN,
  });
});

Deno.test("data of another cluster are never used", () => {
  const own = status({ clusterId: "78" });
  assert.deepEqual(step({ own }), {
    kind: "stop",
    why: "data_of_other_cluster",
  });
  assert.deepEqual(step({ own, order: JOIN }), {
    kind: "stop",
    why: "data_of_other_cluster",
  });
  const agreed = { ...view(member("1")), clusterId: "78" };
  assert.deepEqual(step({ ...DOWN, agreed }), {
    kind: "refuse",
    why: "other_cluster_runs",
  });
});

Deno.test("the name of another member is not taken", () => {
  const agreed = view(member("1"), member("4", { name: "b" }));
  assert.deepEqual(step({ ...EMPTY, order: JOIN, agreed }), {
    kind: "refuse",
    why: "name_taken",
  });
});

Deno.test("without a quorum it is waited, whoever has data starts", () => {
  assert.deepEqual(step({ own: status({ leaderId: null }) }), {
    kind: "wait",
    what: "quorum",
  });
  assert.deepEqual(step({ agreed: null }), { kind: "wait", what: "quorum" });
  assert.deepEqual(step({ own: null }), { kind: "wait", what: "answer" });
  assert.deepEqual(step({ ...DOWN, agreed: null }), {
    kind: "start",
    how: { kind: "again" },
  });
});

Deno.test("forcing a new cluster ends the process of before, and is noted at the end", () => {
  const order: EtcdOrder = { kind: "force" };
  const three = view(member("1"), member("2"), member("3"));
  const own = status({ leaderId: null });
  const before = { order, own, local: three, agreed: null };
  assert.deepEqual(step(before), { kind: "stop", why: "order" });
  // Started without a quorum, it answers nobody.
  const mute = { ...before, own: null, local: null };
  assert.deepEqual(step(mute), { kind: "stop", why: "order" });
  assert.deepEqual(step({ ...mute, isForced: true }), {
    kind: "wait",
    what: "answer",
  });
  assert.deepEqual(step({ ...before, ...DOWN, local: null }), {
    kind: "start",
    how: { kind: "force" },
  });
  const alone = { ...before, local: view(member("2")) };
  assert.deepEqual(step(alone), { kind: "wait", what: "quorum" });
  assert.deepEqual(step({ ...alone, own: status({ leaderId: "2" }) }), {
    kind: "note_order",
    order: MEMBER,
  });
  assert.deepEqual(step({ ...before, ...EMPTY }), {
    kind: "refuse",
    why: "data_lost",
  });
});

Deno.test("a snapshot is restored while nothing runs", () => {
  const order: EtcdOrder = { kind: "restore", snapshot: "/s.db" };
  assert.deepEqual(step({ order }), { kind: "stop", why: "order" });
  const restore = { kind: "restore", snapshot: "/s.db" };
  assert.deepEqual(step({ ...DOWN, order }), restore);
  assert.deepEqual(step({ ...EMPTY, order }), restore);
});
