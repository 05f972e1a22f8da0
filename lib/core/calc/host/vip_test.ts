import assert from "node:assert/strict";
import {
  cluster,
  leaderMember,
  leaderObservation,
  member,
  NOW,
  observation,
  primary,
  replica,
  stopped,
} from "../../../../tests/helpers/builders.ts";
import {
  DUE,
  running,
  settings,
} from "../../../../tests/helpers/rule_table.ts";
import { after, moment } from "../../base/units.ts";
import { NO_TAGS } from "../../model/member.ts";
import type { Observation } from "../../model/observation.ts";
import { BARE_VIP, type BoundAddress, type Vip } from "../../model/vip.ts";
import {
  announceCommands,
  bindCommand,
  callbackStep,
  findOwnerCommand,
  ownerAnswer,
  ownerIn,
  planVips,
  unbindCommand,
  vipLifetimeS,
  type VipPart,
  vipParts,
} from "./vip.ts";

const WRITES: Vip = {
  address: "10.0.0.9",
  prefixLength: 24,
  interface: "eth0",
  role: "primary",
  gateway: null,
  isReplicaFallback: false,
  ...BARE_VIP,
  announceEveryMs: null,
};
const READS: Vip = { ...WRITES, address: "10.0.0.10", role: "replica" };
const FALLBACK: Vip = { ...READS, isReplicaFallback: true };
const BOUND: BoundAddress = {
  interface: "eth0",
  address: "10.0.0.9",
  prefixLength: 24,
  isDuplicate: false,
};
const LEASE = { ...DUE.lease, isFresh: true };
const DEMOTE = running({
  kind: "demote",
  how: "graceful",
  deadline: null,
  escalateAfterMs: null,
});
const IN_TTL = after(NOW, 30_000);

/** Nobody else streams. */
const ALONE = {
  view: cluster({
    members: [
      leaderMember("n1"),
      member("n2", { replicationState: null }),
    ],
  }),
} as const;

/** Of an address that is alone. */
function vipPart(vip: Vip, o: Observation): VipPart {
  return vipParts([vip], o)[0]?.part ?? { kind: "none" };
}

const PARTS: readonly (readonly [
  name: string,
  vip: Vip,
  o: Observation,
  kind: "carry" | "keep" | "none",
])[] = [
  ["a primary under its lease", WRITES, leaderObservation(), "carry"],
  ["a replica", WRITES, observation(), "none"],
  [
    "the holder of the lease before it is primary",
    WRITES,
    leaderObservation({ postgres: replica() }),
    "none",
  ],
  [
    "a primary whose lease has passed",
    WRITES,
    leaderObservation({ lease: { ...LEASE, deadline: NOW } }),
    "none",
  ],
  [
    "a primary without a lease",
    WRITES,
    leaderObservation({ lease: { kind: "none" } }),
    "none",
  ],
  [
    "a primary in pause while nobody can say who leads",
    WRITES,
    leaderObservation({
      view: null,
      lease: { kind: "none" },
      ...settings({ isPaused: true }),
    }),
    "keep",
  ],
  [
    "a primary in pause that lost the key",
    WRITES,
    leaderObservation({
      view: cluster(),
      lease: { kind: "none" },
      ...settings({ isPaused: true }),
    }),
    "none",
  ],
  [
    "a stopped leader",
    WRITES,
    leaderObservation({ postgres: stopped() }),
    "none",
  ],
  ["a leader that steps down", WRITES, leaderObservation(DEMOTE), "none"],
  ["the first streaming replica", READS, observation(), "carry"],
  ["the second", READS, observation({ self: "n3" }), "keep"],
  [
    "the second while the first does not stream",
    READS,
    observation({
      self: "n3",
      view: cluster({
        members: [
          member("n1"),
          member("n2", { replicationState: null }),
          member("n3"),
        ],
      }),
    }),
    "carry",
  ],
  ["the leader", READS, leaderObservation({ postgres: primary() }), "none"],
  [
    "a replica that does not stream",
    READS,
    observation({ postgres: replica({ isStreaming: false }) }),
    "none",
  ],
  [
    "a replica without load balancing",
    READS,
    observation({ tags: { ...NO_TAGS, isNoloadbalance: true } }),
    "none",
  ],
  ["a replica without the store", READS, observation({ view: null }), "keep"],
  ["a replica, with fallback", FALLBACK, observation(), "carry"],
  ["the leader beside a replica", FALLBACK, leaderObservation(), "none"],
  ["the leader without a replica", READS, leaderObservation(ALONE), "none"],
  [
    "the leader without a replica, with fallback",
    FALLBACK,
    leaderObservation(ALONE),
    "carry",
  ],
  [
    "a standby leader without a replica, with fallback",
    FALLBACK,
    leaderObservation({ ...ALONE, postgres: replica() }),
    "carry",
  ],
  [
    "a standby leader that had it as a replica",
    READS,
    leaderObservation({ postgres: replica() }),
    "none",
  ],
  [
    "a leader without a replica and without the store",
    FALLBACK,
    leaderObservation({ view: null }),
    "keep",
  ],
  [
    "a leader whose lease has passed",
    FALLBACK,
    leaderObservation({ ...ALONE, lease: { ...LEASE, deadline: NOW } }),
    "none",
  ],
  [
    "a leader that steps down",
    FALLBACK,
    leaderObservation({ ...ALONE, ...DEMOTE }),
    "none",
  ],
];

for (const [name, vip, o, kind] of PARTS) {
  Deno.test(`vipPart() of the ${vip.role} address: ${name}: ${kind}`, () => {
    assert.equal(vipPart(vip, o).kind, kind);
  });
}

Deno.test("vipPart() ends with the lease, not with the TTL", () => {
  const deadline = moment(NOW + 7_000);
  const o = leaderObservation({ lease: { ...LEASE, deadline } });
  assert.deepEqual(vipPart(WRITES, o), { kind: "carry", until: deadline });
});

Deno.test("vipParts() spreads read-only addresses over the replicas", () => {
  const second: Vip = { ...READS, address: "10.0.0.11" };
  const vips = [WRITES, READS, second];
  const members = ["n2", "n3"].map((name) => member(name));
  const view = cluster({ members: [leaderMember("n1"), ...members] });
  const partsOf = (self: string, seen = view) =>
    vipParts(
      vips,
      observation({ self, dcs: { kind: "reachable", view: seen } }),
    )
      .map(({ part }) => part.kind);
  const both = [partsOf("n2"), partsOf("n3")];
  for (const at of [1, 2]) {
    const kinds = both.map((parts) => parts[at]).toSorted();
    assert.deepEqual(kinds, ["carry", "none"]);
  }
  assert.notDeepEqual(both[0], both[1]);
  const alone = cluster({
    members: [leaderMember("n1"), member("n3")],
  });
  assert.deepEqual(partsOf("n3", alone), ["none", "carry", "carry"]);
});

Deno.test("vipParts(): the address of a standby leader is not a promoting leader's", () => {
  const vip: Vip = { ...WRITES, role: "standby_leader" };
  const lease = { ...DUE.lease, isFresh: true };
  const leading = observation({ postgres: replica(), lease });
  const kind = (o: Observation) => vipPart(vip, o).kind;
  assert.equal(kind(leading), "none");
  const standby = settings({ isStandbyCluster: true });
  assert.equal(kind({ ...leading, ...standby }), "carry");
  assert.equal(kind(observation(standby)), "none");
  assert.equal(kind({ ...leaderObservation(), ...standby }), "none");
});

Deno.test("planVips() binds, renews, leaves and takes away", () => {
  const carry = { kind: "carry", until: IN_TTL } as const;
  const keep = { kind: "keep", until: IN_TTL } as const;
  const none = { kind: "none" } as const;
  const plan = (part: typeof carry | typeof keep | typeof none, is: boolean) =>
    planVips([{ vip: WRITES, part }], is ? [BOUND] : []).map((s) => s.kind);
  assert.deepEqual(plan(carry, false), ["bind"]);
  assert.deepEqual(plan(carry, true), ["renew"]);
  assert.deepEqual(plan(keep, false), []);
  assert.deepEqual(plan(keep, true), ["renew"]);
  assert.deepEqual(plan(none, true), ["unbind"]);
  assert.deepEqual(plan(none, false), []);
});

Deno.test("planVips() takes away what is bound with another prefix, and only on its interface", () => {
  const none = { vip: WRITES, part: { kind: "none" } } as const;
  const other = { ...BOUND, prefixLength: 32 };
  assert.deepEqual(planVips([none], [other]), [
    { kind: "unbind", vip: WRITES, bound: other },
  ]);
  assert.deepEqual(planVips([none], [{ ...BOUND, interface: "eth1" }]), []);
});

Deno.test("vipLifetimeS() never outlives its end, even if the kernel is late", () => {
  assert.equal(vipLifetimeS(moment(25_000), moment(0)), 24);
  assert.equal(vipLifetimeS(moment(25_999), moment(0)), 24);
  assert.equal(vipLifetimeS(moment(1_500), moment(0)), 0);
  assert.equal(vipLifetimeS(moment(0), moment(9_000)), 0);
});

Deno.test("vip commands", () => {
  assert.equal(
    bindCommand(WRITES, 24).join(" "),
    "ip address replace 10.0.0.9/24 dev eth0 valid_lft 24 preferred_lft 24",
  );
  assert.equal(
    bindCommand(WRITES, null).join(" "),
    "ip address replace 10.0.0.9/24 dev eth0 valid_lft forever preferred_lft forever",
  );
  assert.equal(
    unbindCommand(BOUND).join(" "),
    "ip address delete 10.0.0.9/24 dev eth0",
  );
  const gateway = { ...WRITES, gateway: "10.0.0.1" };
  assert.deepEqual(
    announceCommands(gateway, "iputils").map((c) => c.join(" ")),
    [
      "arping -q -I eth0 -U -c 3 10.0.0.9",
      "arping -q -I eth0 -c 1 -w 1 -s 10.0.0.9 10.0.0.1",
    ],
  );
  assert.deepEqual(
    announceCommands(gateway, "habets").map((c) => c.join(" ")),
    [
      "arping -q -i eth0 -U -S 10.0.0.9 -c 3 10.0.0.9",
      "arping -q -i eth0 -c 1 -w 1 -S 10.0.0.9 10.0.0.1",
    ],
  );
  assert.deepEqual(
    (["iputils", "habets"] as const).map((by) =>
      findOwnerCommand(WRITES, by)?.join(" ")
    ),
    [
      "arping -D -I eth0 -c 1 -w 1 10.0.0.9",
      "arping -0 -i eth0 -c 1 -w 1 10.0.0.9",
    ],
  );
  const v6 = { ...WRITES, address: "fd00::9", prefixLength: 128 };
  assert.deepEqual(announceCommands(v6, "habets"), []);
  assert.equal(findOwnerCommand(v6, "iputils"), null);
});

Deno.test("ownerAnswer() reads the same code of each arping in its own way", () => {
  const codes = [0, 1, 2, -1];
  assert.deepEqual(codes.map((code) => ownerAnswer("iputils", code)), [
    ...["free", "owned", "unasked", "unasked"],
  ]);
  assert.deepEqual(codes.map((code) => ownerAnswer("habets", code)), [
    ...["owned", "free", "unasked", "unasked"],
  ]);
  const answer = "42 bytes from 9e:4d:72:f4:1a:f6 (10.0.0.9): index=0\n";
  assert.equal(ownerIn(answer), "9e:4d:72:f4:1a:f6");
});

Deno.test("ownerIn() finds the hardware address in arping's answer", () => {
  const output = "ARPING 10.0.0.9 from 0.0.0.0 eth0\n" +
    "Unicast reply from 10.0.0.9 [52:6F:80:FC:47:73]  0.555ms\n";
  assert.equal(ownerIn(output), "52:6f:80:fc:47:73");
  assert.equal(ownerIn("Received 0 response(s)"), null);
});

Deno.test("callbackStep() reads a callback's action and role", () => {
  assert.equal(callbackStep("on_start", "primary"), "bind");
  assert.equal(callbackStep("on_role_change", "master"), "bind");
  assert.equal(callbackStep("on_role_change", "replica"), "unbind");
  assert.equal(callbackStep("on_role_change", "demoted"), "unbind");
  assert.equal(callbackStep("on_stop", "primary"), "unbind");
  assert.equal(callbackStep("on_reload", "primary"), null);
});
