import assert from "node:assert/strict";
import {
  HERE,
  leaderObservation,
  observation,
  primary,
  replica,
  stopped,
} from "../../../../tests/helpers/builders.ts";
import { MEMORY, running } from "../../../../tests/helpers/rule_table.ts";
import { lsn } from "../../base/units.ts";
import type { Observation } from "../../model/observation.ts";
import {
  isCheckpointPending,
  memberRole,
  memberState,
  publicationOf,
} from "./publication.ts";

const IDENTITY = {
  connUrl: "postgres://127.0.0.1:5432/postgres",
  apiUrl: "http://127.0.0.1:8008/patroni",
  version: "4.1.4",
  proxyUrl: null,
  doors: null,
};

const STATES: readonly (readonly [string, Observation, string])[] = [
  ["an instance that answers", observation(), "running"],
  [
    "a crashed primary",
    observation({
      postgres: stopped(),
      memory: { ...MEMORY, role: "primary" },
    }),
    "crashed",
  ],
  ["a stopped replica", observation({ postgres: stopped() }), "stopped"],
  [
    "a start that failed",
    observation({
      postgres: stopped(),
      memory: { ...MEMORY, isRecovering: true },
    }),
    "start failed",
  ],
  [
    "an empty directory",
    observation({ postgres: { kind: "empty" } }),
    "stopped",
  ],
  [
    "a clone",
    observation({
      postgres: { kind: "empty" },
      ...running({ kind: "clone", source: "n1", isBootstrapOwner: false }),
    }),
    "creating replica",
  ],
  [
    "a demotion",
    leaderObservation(
      running({
        kind: "demote",
        how: "graceful",
        deadline: null,
        escalateAfterMs: null,
      }),
    ),
    "stopping",
  ],
  [
    "a promotion goes on as what it was",
    observation(
      running({ kind: "promote" }),
    ),
    "running",
  ],
];

for (const [name, o, expected] of STATES) {
  Deno.test(`memberState(): ${name}`, () => {
    assert.equal(memberState(o), expected);
  });
}

const ROLES: readonly (readonly [string, Observation, string])[] = [
  ["a primary", leaderObservation(), "primary"],
  ["a replica", observation(), "replica"],
  [
    "an empty directory",
    observation({ postgres: { kind: "empty" } }),
    "uninitialized",
  ],
  [
    "a stopped instance is what it was",
    observation({
      postgres: stopped(),
      memory: { ...MEMORY, role: "demoted" },
    }),
    "demoted",
  ],
];

for (const [name, o, expected] of ROLES) {
  Deno.test(`memberRole(): ${name}`, () => {
    assert.equal(memberRole(o), expected);
  });
}

Deno.test("isCheckpointPending(): a new leader until its first checkpoint", () => {
  const fresh = primary({ timeline: 2, checkpointTimeline: 1 });
  assert.equal(
    isCheckpointPending(leaderObservation({ postgres: fresh })),
    true,
  );
  assert.equal(isCheckpointPending(leaderObservation()), false);
  assert.equal(isCheckpointPending(observation({ postgres: fresh })), false);
});

Deno.test("publicationOf(): a replica says what it received and replayed", () => {
  const postgres = replica({ receivedLsn: lsn(9), replayedLsn: lsn(7) });
  const publication = publicationOf(observation({ postgres }), IDENTITY);
  assert.equal(publication.xlogLsn, lsn(9));
  assert.equal(publication.receivedLsn, lsn(9));
  assert.equal(publication.replayedLsn, lsn(7));
  assert.equal(publication.replicationState, "streaming");
});

Deno.test("publicationOf(): a primary has one position and streams from nobody", () => {
  const publication = publicationOf(leaderObservation(), IDENTITY);
  assert.equal(publication.xlogLsn, HERE);
  assert.equal(publication.receivedLsn, null);
  assert.equal(publication.replayedLsn, null);
  assert.equal(publication.replicationState, null);
});

Deno.test("publicationOf(): a stopped instance has no position and no timeline", () => {
  const o = observation({ postgres: stopped() });
  const publication = publicationOf(o, IDENTITY);
  assert.equal(publication.xlogLsn, null);
  assert.equal(publication.timeline, null);
});
