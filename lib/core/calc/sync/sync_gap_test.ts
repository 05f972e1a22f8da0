import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  leaderObservation,
  member,
  primary,
  sender,
} from "../../../../tests/helpers/builders.ts";
import { type Member, NO_TAGS } from "../../model/member.ts";
import type { Observation } from "../../model/observation.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../../model/settings.ts";
import { hasCome, missedStandbys } from "./sync_gap.ts";

interface Scene {
  readonly mode?: ClusterSettings["synchronousMode"];
  readonly count?: number;
  readonly streaming?: readonly string[];
  readonly members?: readonly Member[];
}

function leading(
  { mode = "on", count = 1, streaming = [], members }: Scene,
): Observation {
  return leaderObservation({
    settings: {
      ...DEFAULT_SETTINGS,
      synchronousMode: mode,
      synchronousNodeCount: count,
    },
    dcs: {
      kind: "reachable",
      view: cluster({
        members: [
          leaderMember("n1"),
          ...(members ?? [member("n2"), member("n3")]),
        ],
      }),
    },
    postgres: primary({ walSenders: streaming.map((name) => sender(name)) }),
  });
}

Deno.test("who should serve and does not stream is missed", () => {
  assert.deepEqual(missedStandbys(leading({})), ["n2", "n3"]);
  const quorum = leading({ mode: "quorum", streaming: ["n2"] });
  assert.deepEqual(missedStandbys(quorum), ["n3"]);
});

Deno.test("nobody is missed once as many serve as are wanted", () => {
  assert.deepEqual(missedStandbys(leading({ streaming: ["n3"] })), []);
  const both = leading({ count: 2, streaming: ["n3"] });
  assert.deepEqual(missedStandbys(both), ["n2"]);
});

Deno.test("one that streams is missed until its key says that it runs", () => {
  const o = leading({
    streaming: ["n2"],
    members: [member("n2", { state: "starting" })],
  });
  assert.deepEqual(missedStandbys(o), ["n2"]);
  assert.equal(hasCome(o, ["n2"]), false, "its key will tell");
});

Deno.test("who may not serve is not missed", () => {
  const isNosync = { ...NO_TAGS, isNosync: true };
  const cascading = { ...NO_TAGS, replicatefrom: "n2" };
  const o = leading({
    count: 3,
    streaming: ["n2"],
    members: [
      member("n2"),
      member("n3", { tags: isNosync }),
      member("n4", { tags: cascading }),
    ],
  });
  assert.deepEqual(missedStandbys(o), []);
});

Deno.test("without synchronous mode, or the lead, nobody is missed", () => {
  assert.deepEqual(missedStandbys(leading({ mode: "off" })), []);
  const lease = { kind: "lost" } as const;
  assert.deepEqual(missedStandbys({ ...leading({}), lease }), []);
});

Deno.test("one has come when it streams now and did not before", () => {
  const o = leading({ mode: "quorum", streaming: ["n2"] });
  assert.equal(hasCome(o, ["n2"]), false);
  assert.equal(hasCome(o, ["n2", "N3"]), true);
  assert.equal(hasCome(o, ["barman"]), false);
});
