/**
 * Goal: whoever fills the store with as much as it takes makes no process of any
 * host count for seconds, or fail where it walks through a document. Agent and
 * fence have one thread each: a lease would pass with nobody there to stop
 * PostgreSQL.
 *
 * Method: the largest and the deepest values, what is left of them after reading,
 * and how often a member is looked at where the calculations follow chains.
 */
import assert from "node:assert/strict";
import { revision } from "../../lib/core/base/units.ts";
import { clusterDocument } from "../../lib/core/calc/documents/cluster_document.ts";
import {
  deepEqualByText,
  textForm,
} from "../../lib/core/calc/documents/config_merge.ts";
import {
  isFeedbackForced,
  wantedSlots,
} from "../../lib/core/calc/slots/slots_wanted.ts";
import { decodeClusterView } from "../../lib/core/codec/cluster_view_codec.ts";
import { decodeSettings } from "../../lib/core/codec/settings_codec.ts";
import { slotNameOf } from "../../lib/core/codec/slot_name.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import { pythonJson } from "../../lib/patroni/python_json.ts";
import { primary } from "../helpers/builders.ts";

const MEMBERS = 1_000;
/** Each member looked at once for each other one, and that a few times. */
const LOOKS_MAX = 10 * MEMBERS * MEMBERS;

function viewOf(keys: Readonly<Record<string, string>>): ClusterView {
  const entries = Object.entries(keys).map(([key, value]) => ({
    ...{ key, value, revision: revision(1), isHeld: false },
  }));
  return decodeClusterView({ entries });
}

function many<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}

function nested(levels: number): string {
  return `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
}

Deno.test("of each value of the store only so much counts", () => {
  const names = many(50_000, (at) => `n${at}`);
  const map = JSON.stringify(Object.fromEntries(names.map((n) => [n, "1"])));
  const view = viewOf({
    leader: "n1",
    config: `{"slots":${map.replaceAll('"1"', "0")},"ignore_slots":${
      JSON.stringify(many(50_000, () => ({ name: "a" })))
    }}`,
    status: `{"optime":1,"slots":${map.replaceAll('"1"', "1")}}`,
    failsafe: map,
    sync: JSON.stringify({ leader: "n1", sync_standby: names.join(",") }),
    [`members/${"n".repeat(257)}`]: "{}",
  });
  const { slots } = decodeSettings(view.config?.document ?? null);
  assert.equal(Object.keys(slots.permanent).length, MEMBERS);
  assert.equal(slots.ignored.length, MEMBERS);
  assert.equal(Object.keys(view.status.slots ?? {}).length, MEMBERS);
  assert.equal(Object.keys(view.failsafe ?? {}).length, MEMBERS);
  assert.equal(view.sync.standbys.length, MEMBERS);
  assert.deepEqual(view.members, [], "no name is longer than 256");
  const { status } = viewOf({
    status: JSON.stringify({ optime: 1, retain_slots: names }),
  });
  assert.equal(status.retainSlots?.length, MEMBERS);
});

Deno.test("a chain of a thousand members is followed in a thousand steps each", () => {
  const name = (at: number): string => `${"Ü".repeat(200)}-${at}`;
  const view = viewOf({
    leader: "n1",
    config: JSON.stringify({
      slots: Object.fromEntries(
        many(MEMBERS, (at) => [
          `s${at}`,
          at > 0 ? 0 : { type: "logical", database: "d", plugin: "p" },
        ]),
      ),
    }),
    ...Object.fromEntries(many(MEMBERS, (at) => [
      `members/${name(at)}`,
      JSON.stringify({
        conn_url: "postgres://10.0.0.1:5432/postgres",
        tags: { replicatefrom: name(at + 1), nofailover: true },
      }),
    ])),
  });
  let looks = 0;
  const members = view.members.map((member) => ({
    ...member,
    get name(): string {
      looks++;
      return member.name;
    },
  }));
  const inputs = {
    self: name(MEMBERS - 1),
    tags: { ...members[0]!.tags, isNofailover: true, replicatefrom: null },
    settings: decodeSettings(view.config?.document ?? null),
    view: { ...view, members },
    postgres: primary(),
  };
  assert.equal(isFeedbackForced(inputs), false);
  wantedSlots({
    ...inputs,
    self: "n1",
    tags: { ...inputs.tags, isNofailover: false },
  });
  assert.ok(looks < LOOKS_MAX, `${looks}`);
});

Deno.test("the name of a slot is made from what counts of the member's", () => {
  const long = "Ü".repeat(1 << 20);
  assert.equal(slotNameOf(long), slotNameOf(long.slice(0, 63)));
  assert.equal(slotNameOf("a-".repeat(100)).length, 63);
});

Deno.test("a document that is nested too deeply is none, in every key", () => {
  const view = viewOf({
    leader: "n1",
    config: `{"ttl":30,"x":${nested(100_000)}}`,
    history: "[".repeat(100_000) + "]".repeat(100_000),
    "members/n1": `{"state":"running","tags":{"a":${nested(9_000)}}}`,
  });
  assert.equal(view.config?.document, null);
  assert.equal(view.history, null);
  assert.deepEqual(view.members.map(({ name }) => name), ["n1"]);
  pythonJson(clusterDocument(view));
  const shallow = viewOf({ config: `{"ttl":30,"x":${nested(90)}}` });
  const document = shallow.config?.document ?? {};
  assert.ok(deepEqualByText(document, JSON.parse(pythonJson(document))));
  assert.ok(textForm(document).length > 90);
});
