import assert from "node:assert/strict";
import { GOOD_FACTS, NOW_MS } from "../../tests/helpers/setup_world.ts";
import { decodeClusterView } from "../core/codec/cluster_view_codec.ts";
import { revision } from "../core/base/units.ts";
import { type AuthorityRecord, firstRecord } from "./authority_record.ts";
import { diagnose, type DoctorFacts, type Voter } from "./doctor.ts";

const DAY_MS = 86_400_000;

function viewOf(keys: Readonly<Record<string, string>>) {
  return decodeClusterView({
    entries: Object.entries(keys).map(([key, value]) => ({
      ...{ key, value, revision: revision(1), isHeld: false },
    })),
  });
}

const RUNNING = '{"state":"running","role":"replica"}';
const WELL = viewOf({
  "leader": "db1",
  "members/db1": '{"state":"running","role":"primary"}',
  "members/db2": RUNNING,
});
const RECORD = firstRecord({ holder: "db1", hash: "h", cert: "c" });
const FACTS: DoctorFacts = {
  self: "db2",
  nowMs: NOW_MS,
  host: GOOD_FACTS,
  view: WELL,
  storeProblem: null,
  record: RECORD,
  certificateUntilMs: NOW_MS + 100 * DAY_MS,
  answers: {
    db1: { kind: "answered", wallTimeMs: NOW_MS - 1_000 },
    db2: { kind: "answered", wallTimeMs: null },
  },
  voters: null,
  etcdDifferences: [],
  witness: null,
  own: [{ code: "consent_may_stand", member: "db2" }],
  fencing: null,
};
const FENCING: NonNullable<DoctorFacts["fencing"]> = {
  ...{ program: "/usr/local/bin/fence-ec2", state: "usable" },
  timeoutMs: 20_000,
};

/** With takeover on, and what the key `fencing` says. */
function fencedView(key: unknown): DoctorFacts["view"] {
  return viewOf({
    "leader": "db1",
    "members/db1": '{"state":"running","role":"primary"}',
    "members/db2": RUNNING,
    "config": '{"takeover":true,"ttl":30}',
    ...(key === null ? {} : { "fencing": JSON.stringify(key) }),
  });
}

const RUN = { host: "db1", by: "db2", at_ms: NOW_MS };
const CLAIM = {
  ...{ term: "7", host: "db1", by: "db2", attempt: 1, hold_ms: 60_000 },
  state: "claimed",
};

function votersOf(...running: readonly boolean[]): readonly Voter[] {
  return running.map((isRunning, at) => ({
    ...{ id: String(at), name: `db${at + 1}`, isRunning, isLearner: false },
    ...{ peerUrl: `https://10.0.0.1${at + 1}:2380`, clientUrls: [] },
  }));
}

const WITNESSED: AuthorityRecord = {
  ...RECORD,
  taken: { db3: { trust: "t", issuer: "h", untilMs: 1, witness: ["db3"] } },
};

const CASES: readonly (readonly [Partial<DoctorFacts>, RegExp])[] = [
  [
    { etcdDifferences: ["election-timeout 500 instead of 2000"] },
    /^warning: etcd on this host runs with election-timeout 500 instead of 2000/,
  ],
  [
    { own: [{ code: "pledges_refused", member: "db2" }] },
    /^critical: The store refuses the key pledges\/db2: /,
  ],
  [
    { own: [{ code: "leader_unheard", member: "db2" }] },
    /^warning: db2 has not heard the leader's agent /,
  ],
  [
    { view: null, storeProblem: "etcd is away" },
    /^critical: The store does not answer: etcd is away$/,
  ],
  [
    { view: viewOf({ "members/db1": RUNNING, "members/db2": RUNNING }) },
    /^critical: The cluster has no leader$/,
  ],
  [
    {
      view: viewOf({
        "leader": "db1",
        "members/db1": RUNNING,
        "members/db2": '{"state":"start failed"}',
      }),
    },
    /^warning: PostgreSQL of db2 is start failed$/,
  ],
  [
    { view: viewOf({ "leader": "db1", "members/db1": RUNNING }) },
    /^critical: There is no replica/,
  ],
  [
    { answers: { db1: { kind: "silent", why: "refused" } } },
    /^warning: The REST API of db1 does not answer: refused$/,
  ],
  [
    { answers: { db1: { kind: "answered", wallTimeMs: NOW_MS - DAY_MS } } },
    /^warning: The clock of db1 is 86400 s behind this host's$/,
  ],
  [
    { certificateUntilMs: NOW_MS },
    /^critical: The certificate of this host has expired/,
  ],
  [
    { certificateUntilMs: NOW_MS + 20 * DAY_MS },
    /^warning: The certificate of this host counts for 20 more days/,
  ],
  [
    { record: { ...RECORD, removed: ["db2"] } },
    /^critical: This host was taken out of the cluster$/,
  ],
  [
    { record: { ...RECORD, next: { holder: "db1", hash: "x" } } },
    /^warning: A rotation of the authority has begun on db1$/,
  ],
  [
    { voters: votersOf(true, true, false) },
    /^warning: The member of etcd on db3 does not answer$/,
  ],
  [
    { voters: votersOf(true, true, false), record: WITNESSED },
    /^warning: The member of etcd on db3, a witness, does not answer$/,
  ],
  [
    { voters: votersOf(true, true) },
    /^warning: etcd has 2 voting members and bears the loss of 0 of them/,
  ],
  [
    { witness: { isServed: false } },
    /^critical: Matriarch does not run on this witness/,
  ],
  [
    {
      fencing: { ...FENCING, state: "missing" },
      view: fencedView(null),
    },
    /^warning: The fencing command cannot be run: there is no program \/usr\/local\/bin\/fence-ec2$/,
  ],
  [
    {
      fencing: { ...FENCING, state: "not_executable" },
      view: fencedView(null),
    },
    /^warning: The fencing command cannot be run: .* may not be executed$/,
  ],
  [
    { fencing: FENCING },
    /^warning: There is a fencing command, but takeover is off/,
  ],
  [
    { fencing: { ...FENCING, timeoutMs: 120_000 }, view: fencedView(null) },
    /^warning: fencing\.timeout \(120 s\) is not below the ttl \(30 s\)/,
  ],
  [
    { view: fencedView({ claim: null, past: [{ ...RUN, result: "failed" }] }) },
    /^warning: The last fencing command, by db2 against db1 at 2026-.*, has failed$/,
  ],
  [
    {
      view: fencedView({ claim: null, past: [{ ...RUN, result: "unknown" }] }),
    },
    /^warning: The last fencing command, .*, has not said whether the host was off$/,
  ],
  [
    { host: { ...GOOD_FACTS, freeBytes: 1 } },
    /^critical: Only 0 MiB are free for the data$/,
  ],
  [
    { host: { ...GOOD_FACTS, isClockKept: false } },
    /^warning: Nothing keeps the clock/,
  ],
  [
    { host: { ...GOOD_FACTS, hasWatchdog: false } },
    /^warning: There is no watchdog device/,
  ],
];

for (const [change, expected] of CASES) {
  Deno.test(`diagnose() finds ${expected.source}`, () => {
    const found = diagnose({ ...FACTS, ...change });
    assert.equal(found.length, 1, JSON.stringify(found));
    assert.match(`${found[0]?.level}: ${found[0]?.sentence}`, expected);
    assert.notEqual(found[0]?.remedy, "");
  });
}

Deno.test("diagnose() has nothing to say of a fencing command that works, or runs", () => {
  const keys = [
    null,
    { claim: null, past: [{ ...RUN, result: "done" }] },
    { claim: CLAIM, past: [{ ...RUN, result: "unknown" }] },
    // An older failure was followed by a success.
    {
      claim: null,
      past: [{ ...RUN, result: "failed" }, { ...RUN, result: "done" }],
    },
  ];
  for (const key of keys) {
    const found = diagnose({
      ...FACTS,
      fencing: FENCING,
      view: fencedView(key),
    });
    assert.deepEqual(found, []);
  }
});

Deno.test("diagnose() finds nothing where all is well, and says the worst first", () => {
  assert.deepEqual(diagnose(FACTS), []);
  // A witness has no PostgreSQL that a watchdog would end.
  assert.deepEqual(
    diagnose({
      ...FACTS,
      host: { ...GOOD_FACTS, hasWatchdog: false },
      ...{ voters: votersOf(true, true, true), witness: { isServed: null } },
    }),
    [],
  );
  const found = diagnose({
    ...FACTS,
    host: { ...GOOD_FACTS, hasWatchdog: false },
    certificateUntilMs: 0,
  });
  assert.deepEqual(found.map(({ level }) => level), ["critical", "warning"]);
});
