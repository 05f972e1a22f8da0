import assert from "node:assert/strict";
import {
  cluster,
  HERE,
  leaderMember,
  member,
  NOW,
  primary,
  replica,
} from "../../../../tests/helpers/builders.ts";
import { lsn, moment } from "../../base/units.ts";
import { NO_TAGS, type Tags } from "../../model/member.ts";
import type { SlotView } from "../../model/postgres_view.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../../model/settings.ts";
import type { PermanentSlot, SlotSettings } from "../../model/slot_settings.ts";
import { planSlots, type SlotChanges, slotsToCopy } from "./slots.ts";
import { managedSlots, retain } from "./slots_published.ts";
import { keepUnready, sortReady } from "./slots_ready.ts";
import type { SlotInputs } from "./slots_wanted.ts";

const BEFORE = lsn(HERE - 0x1000n);
const NEWER = lsn(HERE - 0x800n);

function slot(name: string, changes: Partial<SlotView> = {}): SlotView {
  return {
    name,
    type: "physical",
    isActive: false,
    restartLsn: BEFORE,
    confirmedFlushLsn: null,
    xmin: null,
    catalogXmin: null,
    database: null,
    plugin: null,
    walStatus: "reserved",
    isNeverSynced: false,
    ...changes,
  };
}

function logical(name: string, changes: Partial<SlotView> = {}): SlotView {
  return slot(name, {
    type: "logical",
    confirmedFlushLsn: BEFORE,
    catalogXmin: "700",
    database: "db",
    plugin: "test_decoding",
    ...changes,
  });
}

const PHYSICAL: PermanentSlot = { type: "physical", clusterType: null };
const LOGICAL: PermanentSlot = {
  type: "logical",
  database: "db",
  plugin: "test_decoding",
};

function withSlots(slots: Partial<SlotSettings>): Partial<ClusterSettings> {
  return { slots: { permanent: {}, ignored: [], ...slots } };
}

interface Case {
  readonly self?: string;
  readonly tags?: Partial<Tags>;
  readonly settings?: Partial<ClusterSettings>;
  readonly view?: SlotInputs["view"];
  readonly postgres?: SlotInputs["postgres"];
}

/** n1 leads; n2 and n3 follow. */
function inputs(c: Case): SlotInputs {
  const self = c.self ?? "n1";
  return {
    self,
    tags: { ...NO_TAGS, ...c.tags },
    settings: { ...DEFAULT_SETTINGS, ...c.settings },
    view: c.view ?? cluster(),
    postgres: c.postgres ?? (self === "n1" ? primary() : replica()),
  };
}

/** Only what the plan changes. */
function gist(changes: SlotChanges): Record<string, unknown> {
  const { drop, isFeedbackForced, problems, ...rest } = changes;
  const entries = Object.entries({
    ...rest,
    drop: drop.map(({ name, reason }) => `${name} ${reason}`),
    problems: problems.length > 0 ? problems.length : [],
    ...(isFeedbackForced ? { isFeedbackForced } : {}),
  });
  return Object.fromEntries(
    entries.filter(([, value]) =>
      typeof value !== "object" || Object.keys(value).length > 0
    ),
  );
}

const CASCADE = cluster({
  members: [
    leaderMember("n1"),
    member("n2"),
    member("n3", { tags: { ...NO_TAGS, replicatefrom: "n2" }, xlogLsn: NEWER }),
  ],
  status: { leaderLsn: HERE, slots: { n3: BEFORE }, retainSlots: null },
});

function status(
  slots: Readonly<Record<string, typeof HERE>>,
  retainSlots: readonly string[] = [],
): SlotInputs["view"] {
  return cluster({ status: { leaderLsn: HERE, slots, retainSlots } });
}

const BOTH = [slot("n2"), slot("n3")];
const REPLICA_BOTH = [slot("n1"), slot("n3")];

const CASES: readonly [string, Case, Record<string, unknown>][] = [
  ["the leader makes a slot for each member", {}, { create: ["n2", "n3"] }],
  [
    "a replica makes them too, for when it leads",
    { self: "n2" },
    { create: ["n1", "n3"] },
  ],
  [
    "without retention a replica has none",
    { self: "n2", settings: { memberSlotsTtlMs: 0 } },
    {},
  ],
  [
    "without retention the source of a cascade has one",
    { self: "n2", settings: { memberSlotsTtlMs: 0 }, view: CASCADE },
    { create: ["n3"] },
  ],
  [
    "without retention the leader leaves a cascade's slot to its source",
    { settings: { memberSlotsTtlMs: 0 }, view: CASCADE },
    { create: ["n2"] },
  ],
  ["a nofailover member keeps none", {
    self: "n2",
    tags: { isNofailover: true },
  }, {}],
  [
    "a nofailover member serves its own cascade",
    { self: "n2", tags: { isNofailover: true }, view: CASCADE },
    { create: ["n3"] },
  ],
  [
    "nostream members have no slot",
    {
      view: cluster({
        members: [
          leaderMember("n1"),
          member("n2", { tags: { ...NO_TAGS, isNostream: true } }),
        ],
      }),
    },
    {},
  ],
  [
    "use_slots off drops what is there",
    { settings: { hasSlots: false }, postgres: primary({ slots: BOTH }) },
    { drop: ["n2 unknown", "n3 unknown"] },
  ],
  [
    "two names that map to one slot are told of",
    {
      view: cluster({
        members: [leaderMember("n1"), member("a-b"), member("a.b")],
      }),
    },
    { create: ["a_b"], problems: 1 },
  ],
  [
    "also where one of them is the own name",
    {
      self: "a-b",
      view: cluster({ members: [leaderMember("a-b"), member("a.b")] }),
      postgres: primary(),
    },
    { create: ["a_b"], problems: 1 },
  ],
  [
    "a slot that a user made is dropped, active or not",
    {
      postgres: primary({
        slots: [...BOTH, slot("mine"), logical("theirs", { isActive: true })],
      }),
    },
    { drop: ["mine unknown", "theirs unknown"] },
  ],
  [
    "in pause it stays",
    {
      settings: { isPaused: true },
      postgres: primary({ slots: [...BOTH, slot("mine")] }),
    },
    {},
  ],
  [
    "ignored slots stay if all that is given matches",
    {
      settings: withSlots({
        ignored: [
          { name: null, type: "logical", database: "db", plugin: null },
          { name: "mine", type: "physical", database: null, plugin: null },
          { name: "other", type: "logical", database: null, plugin: null },
        ],
      }),
      postgres: primary({
        slots: [...BOTH, slot("mine"), logical("theirs"), slot("other")],
      }),
    },
    { drop: ["other unknown"] },
  ],
  [
    "a member that is away keeps its slot as it is",
    {
      view: cluster({
        members: [leaderMember("n1"), member("n2")],
        status: { leaderLsn: HERE, slots: null, retainSlots: ["n1", "n3"] },
      }),
      postgres: primary({ slots: [slot("n2"), slot("n3", { xmin: "7" })] }),
    },
    {},
  ],
  [
    "a slot whose WAL is lost is made anew",
    {
      postgres: primary({
        slots: [
          slot("n2", { walStatus: "lost", restartLsn: null }),
          slot("n3"),
        ],
      }),
    },
    { drop: ["n2 wal_lost"], create: ["n2"] },
  ],
  [
    "but not in pause",
    {
      settings: { isPaused: true },
      postgres: primary({
        slots: [slot("n2", { walStatus: "lost" }), slot("n3")],
      }),
    },
    {},
  ],
  [
    "a former primary drops the failover slots that it made",
    {
      self: "n2",
      settings: withSlots({ permanent: { mine: LOGICAL } }),
      view: status({ mine: BEFORE }),
      postgres: replica({
        slots: [
          ...REPLICA_BOTH,
          logical("theirs", { isNeverSynced: true }),
          logical("mine", { isNeverSynced: true }),
        ],
      }),
    },
    {
      drop: ["theirs never_synced", "mine never_synced"],
      isFeedbackForced: true,
    },
  ],
  [
    "but not in pause, nor one that is to be ignored",
    {
      self: "n2",
      settings: withSlots({
        ignored: [{
          name: "theirs",
          type: null,
          database: null,
          plugin: null,
        }],
      }),
      postgres: replica({
        slots: [...REPLICA_BOTH, logical("theirs", { isNeverSynced: true })],
      }),
    },
    {},
  ],
  [
    "a replica moves slots after the leader's",
    {
      self: "n2",
      view: status({ n3: NEWER }),
      postgres: replica({ slots: REPLICA_BOTH }),
    },
    { advance: { n3: NEWER } },
  ],
  [
    "but not one that is in use, nor backwards",
    {
      self: "n2",
      view: status({ n1: BEFORE, n3: NEWER }),
      postgres: replica({
        slots: [slot("n1"), slot("n3", { isActive: true })],
      }),
    },
    {},
  ],
  [
    "the leader moves a cascading member's slot after the member",
    { view: CASCADE, postgres: primary({ slots: BOTH }) },
    { advance: { n3: NEWER } },
  ],
  [
    "its source does not: the member itself does",
    {
      self: "n2",
      view: CASCADE,
      postgres: replica({ slots: REPLICA_BOTH }),
    },
    {},
  ],
  [
    "an xmin that nobody moves is thrown away with its slot",
    {
      self: "n2",
      postgres: replica({ slots: [slot("n1"), slot("n3", { xmin: "7" })] }),
    },
    { drop: ["n3 stale_xmin"], create: ["n3"] },
  ],
  [
    "but not while nobody leads",
    {
      self: "n2",
      view: cluster({ leader: null }),
      postgres: replica({ slots: [slot("n1"), slot("n3", { xmin: "7" })] }),
    },
    {},
  ],
  [
    "nor by a leader that is still in recovery",
    {
      view: CASCADE,
      postgres: replica({ slots: [slot("n2"), slot("n3", { xmin: "7" })] }),
    },
    {},
  ],
  [
    "a slot that reserves nothing is made anew",
    {
      self: "n2",
      postgres: replica({
        slots: [slot("n1"), slot("n3", { restartLsn: null })],
      }),
    },
    { drop: ["n3 no_wal_reserved"], create: ["n3"] },
  ],
  [
    "permanent physical slots",
    {
      settings: withSlots({ permanent: { backup: PHYSICAL, n1: PHYSICAL } }),
      postgres: primary({ slots: BOTH }),
    },
    { create: ["backup"] },
  ],
  [
    "the kind of cluster limits them",
    {
      settings: withSlots({
        permanent: {
          p: { type: "physical", clusterType: "primary" },
          s: { type: "physical", clusterType: "standby" },
        },
      }),
      postgres: primary({ slots: BOTH }),
    },
    { create: ["p"] },
  ],
  [
    "a replica moves them, the leader does not",
    {
      self: "n2",
      settings: withSlots({ permanent: { backup: PHYSICAL } }),
      view: status({ backup: NEWER }),
      postgres: replica({ slots: [...REPLICA_BOTH, slot("backup")] }),
    },
    { advance: { backup: NEWER } },
  ],
  [
    "a primary makes logical slots",
    {
      settings: withSlots({ permanent: { feed: LOGICAL } }),
      postgres: primary({ slots: BOTH }),
    },
    {
      createLogical: [{
        name: "feed",
        database: "db",
        plugin: "test_decoding",
      }],
      isFeedbackForced: true,
    },
  ],
  [
    "one of another database is made anew",
    {
      settings: withSlots({ permanent: { feed: LOGICAL } }),
      postgres: primary({
        slots: [...BOTH, logical("feed", { database: "other" })],
      }),
    },
    {
      drop: ["feed changed"],
      createLogical: [{
        name: "feed",
        database: "db",
        plugin: "test_decoding",
      }],
      isFeedbackForced: true,
    },
  ],
  [
    "a logical name that is a member's is refused",
    {
      settings: withSlots({ permanent: { n2: LOGICAL } }),
      postgres: primary({ slots: BOTH }),
    },
    { problems: 1, isFeedbackForced: true },
  ],
  [
    "a replica moves a logical slot, at most to where it has replayed",
    {
      self: "n2",
      settings: withSlots({ permanent: { feed: LOGICAL } }),
      view: status({ feed: lsn(HERE + 5n) }),
      postgres: replica({ slots: [...REPLICA_BOTH, logical("feed")] }),
    },
    {
      advanceLogical: [{ name: "feed", database: "db", position: HERE }],
      isFeedbackForced: true,
    },
  ],
  [
    // Simulator, seed 3744: it had led, and its end was not on the leader's line.
    "a replica that does not stream leaves its logical slots where they are",
    {
      self: "n2",
      settings: withSlots({ permanent: { feed: LOGICAL } }),
      view: status({ feed: lsn(HERE + 5n) }),
      postgres: replica({ isStreaming: false, slots: [logical("feed")] }),
    },
    { create: ["n1", "n3"], isFeedbackForced: true },
  ],
  [
    "a nofailover member has no permanent slots",
    {
      self: "n2",
      tags: { isNofailover: true },
      settings: withSlots({ permanent: { feed: LOGICAL, backup: PHYSICAL } }),
    },
    {},
  ],
  [
    "feedback is forced for a cascade's sake",
    {
      self: "n2",
      tags: { isNofailover: true },
      view: CASCADE,
      settings: withSlots({ permanent: { feed: LOGICAL } }),
      postgres: replica({ slots: [slot("n3")] }),
    },
    { isFeedbackForced: true },
  ],
  [
    "without a stream from the leader there are no logical slots",
    {
      self: "n2",
      tags: { isNostream: true },
      settings: withSlots({ permanent: { feed: LOGICAL, backup: PHYSICAL } }),
      postgres: replica({ slots: REPLICA_BOTH }),
    },
    { create: ["backup"] },
  ],
  [
    "in a standby cluster there are none either",
    {
      settings: {
        isStandbyCluster: true,
        ...withSlots({ permanent: { feed: LOGICAL, backup: PHYSICAL } }),
      },
      postgres: replica({ slots: BOTH }),
    },
    { create: ["backup"] },
  ],
];

for (const [name, c, expected] of CASES) {
  Deno.test(`planSlots() ${name}`, () => {
    assert.deepEqual(gist(planSlots(inputs(c))), expected);
  });
}

Deno.test("slotsToCopy() names what the leader has and this replica lacks", () => {
  const feed = { name: "feed", database: "db", plugin: "test_decoding" };
  const settings = withSlots({ permanent: { feed: LOGICAL, new: LOGICAL } });
  const view = status({ feed: NEWER });
  const lacking = inputs({ self: "n2", settings, view });
  assert.deepEqual(slotsToCopy(lacking), [feed]);
  const complete = replica({ slots: [logical("feed")] });
  assert.deepEqual(slotsToCopy({ ...lacking, postgres: complete }), []);
  assert.deepEqual(slotsToCopy(inputs({ settings, view })), []);
});

Deno.test("managedSlots() publishes what the leader manages, and itself", () => {
  const slots = [
    ...BOTH,
    slot("mine"),
    logical("feed", {
      confirmedFlushLsn: NEWER,
    }),
  ];
  const settings = withSlots({ permanent: { feed: LOGICAL, n3: PHYSICAL } });
  const leader = inputs({ settings, postgres: primary({ slots }) });
  assert.deepEqual(managedSlots(leader), {
    n2: BEFORE,
    n3: BEFORE,
    feed: NEWER,
    n1: HERE,
  });
  const unretained = { ...leader.settings, memberSlotsTtlMs: 0 };
  assert.deepEqual(managedSlots({ ...leader, settings: unretained }), {
    n3: BEFORE,
    feed: NEWER,
  });
  const unused = { ...leader.settings, hasSlots: false };
  assert.equal(managedSlots({ ...leader, settings: unused }), null);
});

Deno.test("retain() keeps absent members until their time is over", () => {
  const slots = { n1: HERE, n2: BEFORE, n3: BEFORE };
  const settings = withSlots({ permanent: { n3: PHYSICAL } });
  const leader = {
    ...inputs({ settings, view: status(slots, ["n9"]) }),
    now: NOW,
  };
  const first = retain(leader, null, slots);
  assert.deepEqual(first, { n9: NOW, n2: NOW, n1: NOW }, "n3 is permanent");
  const later = moment(NOW + leader.settings.memberSlotsTtlMs - 1);
  const second = retain({ ...leader, now: later }, first, slots);
  assert.deepEqual(second, { n9: NOW, n2: later, n1: later });
  const last = moment(later + 1);
  const third = retain({ ...leader, now: last }, second, slots);
  assert.deepEqual(third, { n2: last, n1: last }, "the key's n9 is over");
  const alone = cluster({ members: [leaderMember("n1")] });
  const away = retain({ ...leader, view: alone, now: last }, second, slots);
  assert.equal(away["n2"], later, "an absent member's clock goes on");
  const off = { ...leader.settings, memberSlotsTtlMs: 0 };
  assert.deepEqual(retain({ ...leader, settings: off }, first, {}), {});
});

Deno.test("a logical slot is safe once the leader protects its rows", () => {
  const permanent = { feed: LOGICAL };
  const at = (catalogXmin: string, postmasterPid = 1) =>
    inputs({
      self: "n2",
      postgres: replica({
        postmasterPid,
        slots: [logical("feed", { catalogXmin })],
      }),
    });
  const leader = (n2: number | null, feed: number) => ({
    physical: "n2",
    xmins: { n2, feed },
  });
  const nothing = { postmasterPid: 0, slots: {} };
  const started = keepUnready(nothing, at("700"), permanent);
  assert.deepEqual(started.slots, { feed: null });
  const unprotected = sortReady(started, at("700"), leader(null, 700));
  assert.deepEqual([unprotected.unready.slots, unprotected.safe], [
    { feed: null },
    [],
  ]);
  const early = sortReady(started, at("700"), leader(705, 703));
  assert.deepEqual(early.unready.slots, { feed: 703 }, "700 is not covered");
  const safe = sortReady(early.unready, at("706"), leader(705, 710));
  assert.deepEqual(safe.safe, ["feed"]);
  const kept = keepUnready(safe.unready, at("706"), permanent);
  assert.deepEqual(kept.slots, {}, "the same postmaster: still safe");
  const restarted = keepUnready(kept, at("706", 2), permanent);
  assert.deepEqual(restarted.slots, { feed: null });
  const wrapped = sortReady(
    { postmasterPid: 1, slots: { feed: 4_294_967_290 } },
    at("5"),
    leader(3, 5),
  );
  assert.deepEqual(wrapped.safe, ["feed"], "transaction ids are a circle");
});
