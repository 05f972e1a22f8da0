import assert from "node:assert/strict";
import {
  answer,
  cluster,
  HERE,
  leaderMember,
  leaderObservation,
  member,
} from "../../../../tests/helpers/builders.ts";
import {
  failover,
  NOFAILOVER,
  settings,
  sync,
} from "../../../../tests/helpers/rule_table.ts";
import { lsn, revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { PeerAnswer } from "../../model/peer_view.ts";
import type { ClusterSettings } from "../../model/settings.ts";
import { readySuccessors, refusals } from "./successors.ts";

interface Case {
  readonly view?: Partial<ClusterView>;
  readonly settings?: Partial<ClusterSettings>;
  readonly answers: readonly PeerAnswer[];
  readonly requiredLsn?: bigint;
}

const SILENT: PeerAnswer = { kind: "silent", name: "n2", detail: "time-out" };
const FAR = lsn(HERE - 2_000_000n);

const CASES: readonly (readonly [string, Case, Record<string, unknown>])[] = [
  ["silent", { answers: [SILENT] }, { n2: "silent", n3: "silent" }],
  [
    "without a position, or without a watchdog",
    {
      answers: [
        answer("n2", { position: null }),
        answer("n3", { hasWatchdogFailed: true }),
      ],
    },
    { n2: "position_unknown", n3: "watchdog_failed" },
  ],
  [
    "too far behind: both numbers",
    {
      answers: [
        answer("n2", { position: FAR }),
        answer("n3", { position: FAR }),
      ],
    },
    {
      n2: "lag_exceeds_maximum 2000000 > 1048576",
      n3: "lag_exceeds_maximum 2000000 > 1048576",
    },
  ],
  [
    "not at the shutdown checkpoint: both numbers",
    { answers: [answer("n2"), SILENT], requiredLsn: HERE + 100n },
    { n2: `position_behind ${HERE} < ${HERE + 100n}`, n3: "silent" },
  ],
  [
    "an old timeline: both numbers",
    {
      view: {
        history: [{
          timeline: 1,
          switchpoint: HERE,
          reason: "",
          timestamp: null,
          newLeader: null,
        }],
        members: [leaderMember("n1"), member("n2")],
      },
      settings: { isTimelineChecked: true },
      answers: [answer("n2", { timeline: 1 })],
    },
    { n2: "timeline_behind 1 < 2" },
  ],
  [
    "tagged, or not synchronous",
    {
      view: {
        ...sync("n1", "n2"),
        members: [
          leaderMember("n1"),
          member("n2", { tags: NOFAILOVER }),
          member("n3"),
        ],
      },
      settings: { synchronousMode: "on" },
      answers: [],
    },
    { n2: "nofailover", n3: "not_synchronous" },
  ],
  [
    "too few votes: both numbers",
    {
      view: {
        sync: {
          leader: "n1",
          quorum: 2,
          standbys: ["n2", "n3"],
          revision: revision(5),
        },
      },
      settings: { synchronousMode: "quorum" },
      answers: [answer("n2"), answer("n3")],
    },
    { votes: "quorum_missing 1 < 2" },
  ],
  [
    "a candidate that nobody knows",
    { view: failover("n1", "n9"), answers: [] },
    { n9: "unknown_member" },
  ],
  [
    // Simulator, seed 7212: everybody waited for it.
    "not in the failsafe map",
    {
      view: { failsafe: { n1: "http://a", n3: "http://c" } },
      settings: { isFailsafeMode: true },
      answers: [answer("n2"), answer("n3")],
    },
    { n2: "not_in_failsafe_map" },
  ],
  [
    "still a primary",
    { answers: [answer("n2", { isInRecovery: false }), answer("n3")] },
    { n2: "primary_alive" },
  ],
];

for (const [name, wanted, expected] of CASES) {
  Deno.test(`refusals(): ${name}`, () => {
    const view = cluster(wanted.view);
    const o = leaderObservation({ view, ...settings(wanted.settings ?? {}) });
    const { requiredLsn } = wanted;
    const inputs = {
      answers: wanted.answers,
      limits: {
        requiredLsn: requiredLsn === undefined ? null : lsn(requiredLsn),
        leaderLsn: HERE,
      },
    };
    assert.deepEqual(refusals(o, view, inputs), expected);
    // Nobody is ready and refused at once.
    for (const ready of readySuccessors(o, view, inputs)) {
      assert.equal(expected[ready], undefined);
    }
  });
}
