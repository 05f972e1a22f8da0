import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  member,
  observation,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import { settings } from "../../../tests/helpers/rule_table.ts";
import { lsn } from "../base/units.ts";
import { racePeers } from "./candidates.ts";
import { failsafeMap, isSameFailsafe, withFailsafeLeader } from "./failsafe.ts";

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
  assert.deepEqual(seen.status.slots, PING.slots);
  assert.deepEqual(seen.members.map(({ name }) => name), ["n1", "n2"]);
  const [leader] = seen.members;
  assert.equal(leader?.timeline, 4);
  assert.equal(leader?.connUrl, PING.connUrl);
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
