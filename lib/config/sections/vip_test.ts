import assert from "node:assert/strict";
import { BARE_VIP } from "../../core/model/vip.ts";
import { Wanted } from "../fields.ts";
import { LAST_KEYS } from "../keys/all.ts";
import { readKey } from "../keys/key.ts";
import {
  effectiveVips,
  isInterfaceName,
  parseVipAddress,
  vip,
  type VipEntry,
  vipGroups,
} from "./vip.ts";

function entriesOf(value: unknown): readonly VipEntry[] {
  const entries = vip.read(value);
  assert.ok(!(entries instanceof Wanted));
  return entries;
}

Deno.test("vip section: a full entry, and what is left out", () => {
  const [full, short] = entriesOf([
    {
      address: "10.0.0.9/24",
      interface: "eth0",
      role: "replica",
      gateway: "10.0.0.1",
      replica_fallback: true,
    },
    { address: "fd00::9", interface: "eth0.12" },
  ]);
  assert.deepEqual(full, {
    address: "10.0.0.9",
    prefixLength: 24,
    interface: "eth0",
    role: "replica",
    gateway: "10.0.0.1",
    isReplicaFallback: true,
    announceEveryMs: null,
    ...BARE_VIP,
    standing: null,
  });
  assert.deepEqual(short, {
    address: "fd00::9",
    prefixLength: 128,
    interface: "eth0.12",
    role: "primary",
    gateway: null,
    isReplicaFallback: null,
    announceEveryMs: null,
    ...BARE_VIP,
    standing: null,
  });
});

Deno.test("vip section: the proxy's fallback counts for replicas' addresses that name none", () => {
  const entry = (role: string, replica_fallback?: boolean) => ({
    ...{ address: "10.0.0.9", interface: "eth0", role },
    ...(replica_fallback === undefined ? {} : { replica_fallback }),
  });
  const effective = (given: unknown, proxy: boolean | null) => {
    const entries = entriesOf([given]);
    const of = proxy === null ? null : { isReplicaFallback: proxy };
    return effectiveVips(entries, of)[0]?.isReplicaFallback;
  };
  assert.equal(effective(entry("replica"), true), true);
  assert.equal(effective(entry("replica"), false), false);
  assert.equal(effective(entry("replica"), null), false);
  assert.equal(effective(entry("replica", false), true), false);
  assert.equal(effective(entry("replica", true), null), true);
  assert.equal(effective(entry("primary"), true), false);
});

Deno.test("vip section: absent means none", () => {
  assert.deepEqual(readKey(LAST_KEYS.vip, undefined), []);
  assert.deepEqual(readKey(LAST_KEYS.vip, null), []);
});

Deno.test("vip section: addresses of proxies go by groups", () => {
  const at = (address: string, more: object = {}) => ({
    ...{ address, interface: "eth0", role: "proxy" },
    ...more,
  });
  const entries = entriesOf([
    at("10.0.0.9"),
    at("fd00::9", { announce_every: "30s" }),
    at("10.0.0.10", { group: "reads", priority: 110, preempt: "yes" }),
    { address: "10.0.0.11", interface: "eth0" },
  ]);
  const groups = vipGroups(entries).map(({ vips, ...standing }) => ({
    ...standing,
    vips: vips.map((vip) => [vip.address, vip.announceEveryMs]),
  }));
  assert.deepEqual(groups, [
    {
      ...{ group: "proxy", priority: 100, isPreempting: false },
      vips: [["10.0.0.9", null], ["fd00::9", 30_000]],
    },
    {
      ...{ group: "reads", priority: 110, isPreempting: true },
      vips: [["10.0.0.10", null]],
    },
  ]);
  const members = effectiveVips(entries, null);
  assert.deepEqual(members.map(({ address }) => address), ["10.0.0.11"]);
});

const PROXYS = { address: "10.0.0.9", interface: "e0", role: "proxy" } as const;

const REFUSED: readonly (readonly [unknown, RegExp])[] = [
  ["10.0.0.9", /a list of maps/],
  [[{ interface: "eth0" }], /address: an IP address.* in entry 1/],
  [[{ address: "10.0.0.9/33", interface: "eth0" }], /address:/],
  [[{ address: "10.0.0.9/", interface: "eth0" }], /address:/],
  [[{ address: "10.0.0.256", interface: "eth0" }], /address:/],
  [[{ address: "10.0.0.9", interface: "eth0; rm" }], /interface:/],
  [[{ address: "10.0.0.9", interface: "sixteen-letters-" }], /interface:/],
  [[{ address: "10.0.0.9", interface: "e0", role: "both" }], /role:/],
  [
    [{ address: "10.0.0.9", interface: "e0", replica_fallback: true }],
    /replica_fallback:/,
  ],
  [
    [
      {
        ...{ address: "10.0.0.9", interface: "e0", role: "replica" },
        replica_fallback: "perhaps",
      },
    ],
    /replica_fallback:/,
  ],
  [[{ address: "10.0.0.9", interface: "e0", gateway: "gw" }], /gateway:/],
  [
    [
      { address: "10.0.0.9", interface: "e0" },
      { address: "10.0.0.9", interface: "e0", role: "replica" },
    ],
    /each address once/,
  ],
  [[{ ...PROXYS, priority: 0 }], /priority: a whole number from 1 to 255/],
  [[{ ...PROXYS, priority: "high" }], /priority:/],
  [[{ ...PROXYS, group: "a/b" }], /group: a name of letters/],
  [[{ ...PROXYS, group: "" }], /group:/],
  [[{ ...PROXYS, preempt: "perhaps" }], /preempt: true or false/],
  [[{ ...PROXYS, announce_every: 0 }], /announce_every: .* at least 1 s/],
  [[{ ...PROXYS, role: "primary", group: "a" }], /only with role proxy/],
  [
    [PROXYS, { ...PROXYS, address: "10.0.0.10", priority: 110 }],
    /one priority and one preempt per group/,
  ],
];

for (const [value, wanted] of REFUSED) {
  Deno.test(`vip section refuses ${JSON.stringify(value)}`, () => {
    const result = vip.read(value);
    assert.ok(result instanceof Wanted);
    assert.match(result.text, wanted);
  });
}

Deno.test("vip addresses and interface names that the kernel would refuse", () => {
  assert.equal(parseVipAddress("10.0.0.9/24/24"), null);
  assert.equal(parseVipAddress("10.0.0.9/-1"), null);
  assert.equal(isInterfaceName(".."), false);
  assert.equal(parseVipAddress("FD00:0:0::0009")?.address, "fd00::9");
  assert.equal(isInterfaceName("br-0"), true);
});

Deno.test("vip section: what goes with an address, and the programs for it", () => {
  const [bound, cloud] = entriesOf([
    {
      ...{ address: "10.0.0.9/24", interface: "eth0", label: "eth0:rw" },
      routes: ["default via 10.0.0.1 table 100"],
      rules: ["from 10.0.0.9 table 100 priority 90"],
      ...{ on_move: "/etc/moved now", on_move_timeout: "2s" },
    },
    {
      ...{ address: "10.0.0.10", provider: "exec" },
      command: ["/etc/cloud", "a word"],
    },
  ]);
  assert.equal(bound?.label, "eth0:rw");
  assert.deepEqual(bound?.routes, [
    ["default", "via", "10.0.0.1", "table", "100"],
  ]);
  assert.deepEqual(bound?.rules[0]?.slice(-2), ["priority", "90"]);
  assert.deepEqual(bound?.onMove, {
    ...{ words: ["/etc/moved", "now"], timeoutMs: 2_000 },
  });
  assert.equal(bound?.exec, null);
  assert.equal(cloud?.interface, "");
  assert.deepEqual(cloud?.exec, {
    ...{ words: ["/etc/cloud", "a word"], timeoutMs: 10_000 },
  });
});

Deno.test("vip section: what is wrong beside an address is said", () => {
  const base = { address: "10.0.0.9", interface: "eth0" };
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ label: "eth1:1" }, /^label: /],
    [{ label: "eth0:much-too-long" }, /^label: /],
    [{ label: "eth0:1", address: "fd00::9" }, /^label: /],
    [{ routes: "default" }, /^routes: a list/],
    [{ routes: ["default; reboot"] }, /^routes: a list/],
    [{ routes: ["-force"] }, /^routes: a list/],
    [{ rules: [[]] }, /^rules: a list/],
    [{ on_move: "moved" }, /^on_move: the path/],
    [{ on_move: "/moved", on_move_timeout: 0 }, /^on_move_timeout: /],
    [{ provider: "cloud" }, /^provider: linux or exec/],
    [{ provider: "exec" }, /^command: the path/],
    [{ command: "/cloud" }, /^command: the path/],
    [{ provider: "exec", command: "cloud" }, /^command: the path/],
    [
      {
        provider: "exec",
        command: "/cloud",
        interface: null,
        rules: ["from x"],
      },
      /^rules: .* with interface/,
    ],
  ];
  for (const [more, wanted] of cases) {
    const read = vip.read([{ ...base, ...more }]);
    assert.ok(read instanceof Wanted, JSON.stringify(more));
    assert.match(String(read.text), wanted);
  }
});
