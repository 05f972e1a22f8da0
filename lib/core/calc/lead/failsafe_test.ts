import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  member,
  observation,
  unlocked,
} from "../../../../tests/helpers/builders.ts";
import { settings } from "../../../../tests/helpers/rule_table.ts";
import { lsn } from "../../base/units.ts";
import { racePeers } from "./candidates.ts";
import {
  failsafeMap,
  isSameFailsafe,
  slotViewWithoutStore,
  strangeness,
  viewOfMembers,
  withFailsafeLeader,
} from "./failsafe.ts";

const PING = {
  name: "n1",
  connUrl: "postgres://10.0.0.1:5432/postgres",
  apiUrl: "http://10.0.0.1:8008/patroni",
  slots: { n2: lsn(7) },
  ttlMs: null,
};

Deno.test("failsafeMap() lists every address, the leader's own always", () => {
  const view = cluster({
    members: [member("n2"), member("n3", { apiUrl: null })],
  });
  assert.deepEqual(failsafeMap(view, { name: "n1", apiUrl: "http://a" }), {
    n1: "http://a",
    n2: "http://127.0.0.1:7432/patroni",
  });
});

Deno.test("isSameFailsafe() ignores the order and sees every change", () => {
  assert.equal(isSameFailsafe({ a: "1", b: "2" }, { b: "2", a: "1" }), true);
  assert.equal(isSameFailsafe({ a: "1" }, { a: "2" }), false);
  assert.equal(isSameFailsafe({ a: "1" }, { a: "1", b: "2" }), false);
  assert.equal(isSameFailsafe(null, {}), false);
  assert.equal(isSameFailsafe(null, null), true);
});

Deno.test("withFailsafeLeader() completes a view without leader only", () => {
  const locked = cluster();
  assert.equal(withFailsafeLeader(locked, PING, []), locked);
  const seen = withFailsafeLeader(unlocked({ members: [member("n2")] }), PING, [
    leaderMember("n1", { timeline: 4 }),
  ]);
  assert.equal(seen.leader?.name, "n1");
  assert.notDeepEqual(seen.status.slots, PING.slots, "the store's count");
  assert.deepEqual(seen.members.map(({ name }) => name), ["n1", "n2"]);
  const [leader] = seen.members;
  assert.equal(leader?.timeline, 4);
  assert.equal(leader?.connUrl, leaderMember("n1").connUrl);
});

Deno.test("withFailsafeLeader() believes no address that the store does not back", () => {
  const addressIn = (
    connUrl: string,
    map: Readonly<Record<string, string>>,
  ) => {
    const view = unlocked({ members: [member("n2")], failsafe: map });
    const ping = { ...PING, name: "n9", connUrl };
    const seen = withFailsafeLeader(view, ping, []);
    const leader = seen.members.find(({ name }) => name === "n9");
    return [leader?.connUrl, leader?.apiUrl];
  };
  const apiUrl = "https://10.0.0.9:8008/patroni";
  const map = { n9: apiUrl };
  const own = "postgres://10.0.0.9:5432/postgres";
  assert.deepEqual(addressIn(own, map), [own, apiUrl]);
  assert.deepEqual(addressIn(own, {}), [null, null]);
  const strange = [
    "postgres://stranger:5432/postgres",
    "postgres://10.0.0.9@stranger:5432/postgres",
    "postgres://10.0.0.9:5432@stranger/postgres",
    "/tmp/socket",
    "postgres://10.0.0.90:5432/postgres",
  ];
  assert.deepEqual(
    strange.map((url) => addressIn(url, map)[0]),
    strange.map(() => null),
  );
});

Deno.test("without store the slots go by what the leader and the members say", () => {
  const last = cluster({ members: [member("n2"), member("n3")] });
  const seen = slotViewWithoutStore(last, PING);
  assert.equal(seen.leader?.name, PING.name);
  assert.deepEqual(seen.status.slots, PING.slots);
  assert.equal(seen.members, last.members);
  const told = viewOfMembers(last, { n2: lsn(77) });
  assert.deepEqual(
    told.members.map(({ name, xlogLsn }) => [name, xlogLsn]),
    [["n2", 77n], ["n3", member("n3").xlogLsn]],
  );
});

Deno.test("only whom the store named last moves a slot by a ping", () => {
  const last = cluster({
    ...{ members: [leaderMember("n1"), member("n2"), member("n3")] },
    status: { leaderLsn: lsn(9), slots: { feed: lsn(3) }, retainSlots: null },
  });
  const forged = {
    ...PING,
    name: "n3",
    slots: { feed: lsn((1n << 64n) - 1n) },
  };
  assert.equal(slotViewWithoutStore(last, forged).status, last.status);
  // Nor by two: the first one makes a leader of it where the store shows none.
  const alone = { ...last, leader: null };
  const completed = withFailsafeLeader(alone, forged, last.members);
  assert.equal(completed.leader?.name, "n3");
  assert.equal(completed.status, last.status);
  assert.equal(slotViewWithoutStore(completed, forged).status, last.status);
});

Deno.test("strangeness() knows members of the map and of the view, and near ttls", () => {
  const known = {
    map: { n1: "http://n1" },
    members: [member("n2")],
    ttlMs: 30_000,
  };
  const why = (name: string, ttlMs: number | null) =>
    strangeness({ ...PING, name, ttlMs }, known);
  assert.equal(why("n1", null), null);
  assert.equal(why("n2", 60_000), null);
  assert.match(why("n1", 60_001) ?? "", /ttl/);
  assert.match(why("ghost", null) ?? "", /no member/);
  assert.match(why("toString", null) ?? "", /no member/);
  assert.match(
    strangeness(PING, { ...known, map: null, members: [] }) ?? "",
    /no member/,
  );
});

Deno.test("racePeers() asks whom the failsafe map lists, while the mode is on", () => {
  const view = unlocked({
    members: [member("n2")],
    failsafe: { n2: "http://old", n9: "http://n9" },
  });
  const o = observation({ self: "n3", view });
  const names = (asked: ReturnType<typeof racePeers>) =>
    asked.map(({ name, apiUrl }) => [name, apiUrl]);
  assert.deepEqual(names(racePeers(o, view)), [["n2", member("n2").apiUrl]]);
  const on = { ...o, ...settings({ isFailsafeMode: true }) };
  assert.deepEqual(names(racePeers(on, view)), [
    ["n2", member("n2").apiUrl],
    ["n9", "http://n9"],
  ]);
});
