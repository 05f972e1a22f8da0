import assert from "node:assert/strict";
import { after, moment, revision } from "../../base/units.ts";
import type { VipCandidate, VipHolder } from "../../codec/vip_group_codec.ts";
import { BARE_VIP, type HostAddresses, type Vip } from "../../model/vip.ts";
import {
  carriesAll,
  hostObstacle,
  mayCarryAny,
  obstacleText,
  type VipLook,
  vipMove,
  vipSessionUntil,
} from "./vip_election.ts";

const NOW = moment(100_000);
const LATER = after(NOW, 4_000);
const SELF: VipCandidate = {
  id: "a1",
  name: "lb1",
  priority: 100,
  isPreempting: false,
};
const LOW: VipCandidate = { ...SELF, id: "b2", name: "lb2", priority: 90 };
const HIGH: VipCandidate = { ...LOW, priority: 110 };
const EAGER: VipCandidate = { ...HIGH, isPreempting: true };
const ENDING = { kind: "ending" } as const;

function heldBy(one: VipCandidate, isHeld = one.id === SELF.id): VipHolder {
  return { ...one, revision: revision(7), isHeld };
}

function view(holder: VipHolder | null, ...candidates: VipCandidate[]) {
  return { holder, candidates: [SELF, ...candidates] };
}

const MINE = view(heldBy(SELF));

const LOOK: VipLook = {
  now: NOW,
  self: SELF,
  obstacle: null,
  view: view(null),
  sessionUntil: LATER,
  heldUntil: null,
  isFailing: false,
  vacantSince: NOW,
  ttlMs: 6_000,
  heirOf: null,
};

const CARRY = { kind: "carry", until: LATER } as const;
const BID = { kind: "bid" } as const;
function wait(reason: string) {
  return { kind: "wait", reason };
}
function release(reason: string) {
  return { kind: "release", revision: "7", reason };
}

const MOVES: readonly (readonly [string, Partial<VipLook>, object])[] = [
  ["nobody holds: it bids", {}, BID],
  ["nobody holds, but it is not fit", { obstacle: ENDING }, wait("unfit")],
  [
    "another one holds",
    { view: view(heldBy(LOW)), vacantSince: null },
    wait("held_by_other"),
  ],
  [
    "a lower one holds, and this one preempts: it waits to be given the key",
    {
      self: { ...SELF, isPreempting: true },
      view: view(heldBy(LOW)),
      vacantSince: null,
    },
    wait("held_by_other"),
  ],
  [
    "the one that it replaces on this host holds",
    { view: view(heldBy(HIGH), HIGH), heirOf: HIGH.id, vacantSince: null },
    { kind: "inherit", revision: "7" },
  ],
  [
    "another one than that holds",
    { view: view(heldBy(LOW)), heirOf: "a0", vacantSince: null },
    wait("held_by_other"),
  ],
  [
    "the one that it replaces holds, but this one is not fit",
    { view: view(heldBy(LOW)), heirOf: LOW.id, obstacle: ENDING },
    wait("unfit"),
  ],
  [
    "the one that it replaces holds, but no lease is sure",
    { view: view(heldBy(LOW)), heirOf: LOW.id, sessionUntil: NOW },
    wait("lease_over"),
  ],
  ["it holds", { view: MINE, heldUntil: NOW }, CARRY],
  [
    "the answer to its bid was lost, the view shows it",
    { view: MINE, heldUntil: null },
    CARRY,
  ],
  [
    "it holds, and a higher one is patient",
    { view: view(heldBy(SELF), HIGH) },
    CARRY,
  ],
  [
    "it holds, and a higher one preempts",
    { view: view(heldBy(SELF), EAGER) },
    release("outranked"),
  ],
  [
    "it holds, and one that preempts is of the same priority",
    { view: view(heldBy(SELF), { ...EAGER, priority: 100 }) },
    CARRY,
  ],
  [
    "it holds and is not fit any more",
    { view: MINE, obstacle: ENDING },
    release("unfit"),
  ],
  [
    "its key hangs on an older session",
    { view: view(heldBy(SELF, false)) },
    release("old_session"),
  ],
  [
    "it holds and cannot bind, another one may try",
    { view: view(heldBy(SELF), LOW), isFailing: true },
    release("cannot_bind"),
  ],
  [
    "it holds and cannot bind, and is alone: it goes on trying",
    { view: MINE, isFailing: true },
    CARRY,
  ],
  [
    "it holds, but its session may be over",
    { view: MINE, sessionUntil: NOW },
    wait("lease_over"),
  ],
  [
    "the store is away, it held",
    { view: null, heldUntil: LATER },
    CARRY,
  ],
  [
    "the store is away, a renewal without a look does not count",
    { view: null, heldUntil: NOW, sessionUntil: LATER },
    wait("lease_over"),
  ],
  [
    "the store is away, it held and is not fit",
    { view: null, heldUntil: LATER, obstacle: ENDING },
    wait("unfit"),
  ],
  ["the store is away, it never held", { view: null }, wait("store_away")],
  [
    "nobody holds, a higher one is there",
    { view: view(null, HIGH) },
    wait("outranked"),
  ],
  [
    "nobody holds, and the higher one has not taken it for a ttl",
    { view: view(null, HIGH), vacantSince: after(NOW, -6_000) },
    BID,
  ],
  ["nobody holds, a lower one is there", { view: view(null, LOW) }, BID],
  [
    "nobody holds, and the session may be over",
    { sessionUntil: NOW },
    wait("lease_over"),
  ],
];

for (const [what, look, move] of MOVES) {
  Deno.test(`vipMove(): ${what}`, () => {
    assert.deepEqual(vipMove({ ...LOOK, ...look }), move);
  });
}

Deno.test("vipMove() never carries past what the store has confirmed, nor when unfit", () => {
  const moments = [null, after(NOW, -1), NOW, LATER];
  const holders = [null, heldBy(SELF), heldBy(SELF, false), heldBy(LOW)];
  let carried = 0;
  for (const sessionUntil of moments) {
    for (const heldUntil of moments) {
      for (const holder of [...holders, "away"] as const) {
        for (const obstacle of [null, ENDING]) {
          const shown = holder === "away" ? null : view(holder, EAGER);
          const look = { ...LOOK, sessionUntil, heldUntil, obstacle };
          const move = vipMove({ ...look, view: shown });
          if (move.kind !== "carry") continue;
          carried++;
          assert.ok(move.until > NOW && obstacle === null);
          const isOwn = holder === "away" || holder?.isHeld === true;
          assert.ok(isOwn);
        }
      }
    }
  }
  assert.ok(carried > 0);
});

Deno.test("vipSessionUntil() counts from before the request, less the drift", () => {
  assert.equal(vipSessionUntil(NOW, 6_000), NOW + 6_000 - 56);
});

const VIP: Vip = {
  address: "10.0.0.9",
  prefixLength: 24,
  interface: "eth0",
  role: "proxy",
  isReplicaFallback: false,
  gateway: null,
  ...BARE_VIP,
  announceEveryMs: null,
};

function hostWith(isUp: boolean, isDuplicate: boolean): HostAddresses {
  return {
    links: [{ name: "eth0", isUp, hardware: null }],
    bound: [{
      ...{ interface: "eth0", address: "10.0.0.9", prefixLength: 24 },
      isDuplicate,
    }],
  };
}

Deno.test("hostObstacle(): interface and carrier", () => {
  const kind = (host: HostAddresses | null) => hostObstacle([VIP], host)?.kind;
  assert.equal(kind(hostWith(true, false)), undefined);
  assert.equal(kind(hostWith(false, false)), "no_carrier");
  assert.equal(kind({ links: [], bound: [] }), "no_interface");
  assert.equal(kind(null), "host_unread");
});

Deno.test("an address that the kernel found elsewhere is here and does not count", () => {
  const twice = hostWith(true, true);
  assert.equal(carriesAll([VIP], twice), false);
  assert.equal(mayCarryAny([VIP], twice), true);
  assert.equal(carriesAll([VIP], hostWith(true, false)), true);
  assert.equal(mayCarryAny([{ ...VIP, address: "10.0.0.8" }], twice), false);
  assert.equal(mayCarryAny([VIP], null), true);
});

Deno.test("obstacleText() says each obstacle in words of its own", () => {
  const texts = [
    obstacleText({ kind: "ending" }),
    obstacleText({ kind: "scope_unread" }),
    obstacleText({ kind: "no_member" }),
    obstacleText({ kind: "host_unread" }),
    obstacleText({ kind: "not_allowed", why: "no right" }),
    obstacleText({ kind: "no_interface", interface: "eth0" }),
    obstacleText({ kind: "no_carrier", interface: "eth0" }),
    obstacleText({ kind: "stands_back" }),
  ];
  assert.equal(new Set(texts).size, texts.length);
});
