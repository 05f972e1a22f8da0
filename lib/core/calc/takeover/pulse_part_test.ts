/** Who speaks to whom: to voters, and to members that have a fencing command. */
import assert from "node:assert/strict";
import {
  leaderObservation,
  observation,
} from "../../../../tests/helpers/builders.ts";
import {
  ORDERS,
  scope,
  SETTINGS,
} from "../../../../tests/helpers/fencing_builders.ts";
import { ABLE } from "../../../../tests/helpers/pledge_builders.ts";
import { revision } from "../../base/units.ts";
import type { FencingPart } from "../../model/member.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { publicationOf } from "../documents/publication.ts";
import { pulsePart } from "./pulse_part.ts";

function view(parts: readonly (FencingPart | null)[]) {
  const { members } = scope();
  return scope({
    members: members.map((each, at) => ({
      ...each,
      fencing: parts[at] ?? null,
    })),
    sync: {
      ...{ leader: "n1", quorum: 0, standbys: ["n2"] },
      revision: revision(5),
    },
  });
}

function spokenTo(
  parts: readonly (FencingPart | null)[],
  changes: Partial<ClusterSettings> = {},
): readonly string[] {
  const part = pulsePart(leaderObservation({
    ...{ view: view(parts), pledge: ABLE },
    settings: { ...SETTINGS, ...changes },
  }));
  return part.kind === "speak" ? part.voters : [];
}

Deno.test("pulsePart() lets a leader speak to who votes, and to who can fence", () => {
  const parts = ["ready", "aware", "ready"] as const;
  // A sync key that is left over has no voters in it.
  assert.deepEqual(spokenTo(parts), ["n3"]);
  assert.deepEqual(spokenTo(parts, { synchronousMode: "on" }), ["n2", "n3"]);
  assert.deepEqual(spokenTo([]), []);
  assert.deepEqual(spokenTo(["ready", "aware"]), []);
  assert.deepEqual(spokenTo(parts, { takeover: null }), []);
  assert.deepEqual(spokenTo(parts, { isStandbyCluster: true }), []);
});

Deno.test("pulsePart() lets who has a command listen, in whatever mode", () => {
  const kindOf = (fencing: typeof ORDERS | null, synchronousMode = "off") =>
    pulsePart(observation({
      ...{ self: "n3", view: view(["ready"]), pledge: ABLE, fencing },
      settings: {
        ...SETTINGS,
        synchronousMode: synchronousMode === "on" ? "on" : "off",
      },
    })).kind;
  assert.equal(kindOf(ORDERS), "listen");
  assert.equal(kindOf(ORDERS, "on"), "listen");
  assert.equal(kindOf(null), "nothing");
  assert.equal(kindOf(null, "on"), "nothing");
});

Deno.test("publicationOf() says whether this member could fence, while takeover is on", () => {
  const identity = {
    ...{ connUrl: "", apiUrl: "", version: "1" },
    ...{ proxyUrl: null, doors: null },
  };
  const told = (changes: Parameters<typeof observation>[0]) =>
    publicationOf(
      observation({ settings: SETTINGS, pledge: ABLE, ...changes }),
      identity,
    ).fencing;
  assert.equal(told({ fencing: ORDERS }), "ready");
  assert.equal(told({}), "aware");
  assert.equal(told({ pledge: null, fencing: ORDERS }), null);
  const settings = { ...SETTINGS, takeover: null };
  assert.equal(told({ settings, fencing: ORDERS }), null);
});
