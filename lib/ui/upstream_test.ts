/** Where a member hangs in the tree, by what it tells and by what its tag asks for. */
import assert from "node:assert/strict";
import { OWN_FACTS } from "../../tests/helpers/own_facts.ts";
import {
  registered,
  threeMembers,
} from "../../tests/helpers/stub_agent_api.ts";
import { NO_TAGS } from "../core/model/member.ts";
import { decodeOwnFacts, encodeOwnFacts, type OwnFacts } from "./own_facts.ts";
import { type ShownUpstream, shownUpstream } from "./upstream.ts";

/** n3 asks for n2; its facts went over the wire. */
function ofN3(
  told: Pick<OwnFacts, "upstream" | "isUpstreamTold"> | null,
): ShownUpstream {
  const tags = { ...NO_TAGS, replicatefrom: "n2" };
  const n3 = registered("n3", { tags });
  const { members } = threeMembers();
  const view = threeMembers({ members: [...members.slice(0, 2), n3] });
  const own = told === null
    ? null
    : JSON.stringify(encodeOwnFacts({ ...OWN_FACTS, ...told }));
  return shownUpstream(n3, view, own === null ? null : decodeOwnFacts(own));
}

function set(host: string, isStreaming: boolean, port = 5432) {
  const upstream = { host, port, isStreaming };
  return ofN3({ upstream, isUpstreamTold: true });
}

Deno.test("upstream: what a member tells goes before what its tag asks for", () => {
  assert.deepEqual(set("10.0.0.2", true), {
    ...{ name: "n2", text: "streams from n2", isAsWanted: true },
  });
  assert.deepEqual(set("10.0.0.1", true), {
    name: "n1",
    text: "streams from n1; it should from n2",
    isAsWanted: false,
  });
  assert.deepEqual(set("10.0.0.2", false), {
    name: "n2",
    text: "does not stream; it is set to n2",
    isAsWanted: false,
  });
  assert.deepEqual(set("192.0.2.7", true, 7), {
    name: null,
    text: "streams from 192.0.2.7:7; it should from n2",
    isAsWanted: false,
  });
});

Deno.test("upstream: nothing is made up for who tells nothing", () => {
  const byTag = { name: "n2", text: null, isAsWanted: true };
  assert.deepEqual(ofN3(null), byTag);
  assert.deepEqual(ofN3({ upstream: null, isUpstreamTold: false }), byTag);
  assert.deepEqual(ofN3({ upstream: null, isUpstreamTold: true }), {
    name: "n2",
    text: "follows nobody; it should follow n2",
    isAsWanted: false,
  });
  const view = threeMembers();
  const [leader] = view.members;
  assert.ok(leader !== undefined);
  const own = { ...OWN_FACTS, isUpstreamTold: true };
  assert.deepEqual(shownUpstream(leader, view, own), {
    ...{ name: null, text: null, isAsWanted: true },
  });
});

Deno.test("upstream: rubbish in an answer is as not told", () => {
  for (const upstream of ["7", '"x"', '{"host":"","port":1}', "[]"]) {
    assert.equal(decodeOwnFacts(`{"upstream":${upstream}}`)?.upstream, null);
  }
  const nodes = '{"store":{"kind":"etcd3","nodes":[7,{"address":"a:1"},{}]}}';
  assert.deepEqual(decodeOwnFacts(nodes)?.store?.nodes, [
    { address: "a:1", answerMs: null, isLeader: false },
  ]);
});
