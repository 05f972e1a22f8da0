import assert from "node:assert/strict";
import { revision } from "../base/units.ts";
import type { StoredEntry } from "./cluster_view_codec.ts";
import {
  decodeVipGroup,
  encodeVipCandidate,
  isVipKey,
  vipCandidateKey,
  vipHolderKey,
} from "./vip_group_codec.ts";

const ONE = { id: "a1", name: "lb1", priority: 100, isPreempting: true };

function entry(key: string, value: string): StoredEntry {
  return { key, value, revision: revision(7), isHeld: true };
}

Deno.test("a group's keys come back as they were written", () => {
  const value = encodeVipCandidate(ONE);
  const entries = [
    entry("leader", "n1"),
    entry(vipHolderKey("web"), value),
    entry(vipCandidateKey("web", "a1"), value),
    entry(vipCandidateKey("web2", "b2"), value),
  ];
  assert.deepEqual(decodeVipGroup({ entries }, "web"), {
    holder: { ...ONE, revision: "7", isHeld: true },
    candidates: [ONE],
  });
  assert.equal(decodeVipGroup({ entries }, "web2").holder, null);
});

Deno.test("an unreadable holder holds all the same, an unreadable candidate is none", () => {
  for (const value of ["", "{", "[]", '{"id":1}', '{"id":"","name":"x"}']) {
    const entries = [
      entry(vipHolderKey("web"), value),
      entry(vipCandidateKey("web", "a1"), value),
    ];
    const view = decodeVipGroup({ entries }, "web");
    assert.equal(view.holder?.name, "unknown", value);
    assert.deepEqual(view.candidates, []);
  }
});

Deno.test("a candidate's text under another one's key counts for nobody", () => {
  const key = vipCandidateKey("web", "b2");
  const entries = [entry(key, encodeVipCandidate(ONE))];
  assert.deepEqual(decodeVipGroup({ entries }, "web").candidates, []);
});

Deno.test("no key of Patroni's is taken for one of these", () => {
  const all = ["leader", "members/vip", "status", "config", "viper"];
  assert.deepEqual(all.filter(isVipKey), []);
  assert.ok(isVipKey("vip/web") && isVipKey("vip_candidates/web/a1"));
});
