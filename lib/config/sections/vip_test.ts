import assert from "node:assert/strict";
import { isInterfaceName, parseVipAddress, vipSection } from "./vip.ts";

Deno.test("vip section: a full entry, and what is left out", () => {
  const [full, short] = vipSection.parse([
    {
      address: "10.0.0.9/24",
      interface: "eth0",
      role: "replica",
      gateway: "10.0.0.1",
    },
    { address: "fd00::9", interface: "eth0.12" },
  ]);
  assert.deepEqual(full, {
    address: "10.0.0.9",
    prefixLength: 24,
    interface: "eth0",
    role: "replica",
    gateway: "10.0.0.1",
  });
  assert.deepEqual(short, {
    address: "fd00::9",
    prefixLength: 128,
    interface: "eth0.12",
    role: "primary",
    gateway: null,
  });
});

Deno.test("vip section: absent means none", () => {
  assert.deepEqual(vipSection.parse(undefined), []);
  assert.deepEqual(vipSection.parse(null), []);
});

const REFUSED: readonly (readonly [unknown, RegExp])[] = [
  ["10.0.0.9", /a list of maps/],
  [[{ interface: "eth0" }], /address: an IP address.* in entry 1/],
  [[{ address: "10.0.0.9/33", interface: "eth0" }], /address:/],
  [[{ address: "10.0.0.9/", interface: "eth0" }], /address:/],
  [[{ address: "10.0.0.256", interface: "eth0" }], /address:/],
  [[{ address: "10.0.0.9", interface: "eth0; rm" }], /interface:/],
  [[{ address: "10.0.0.9", interface: "sixteen-letters-" }], /interface:/],
  [[{ address: "10.0.0.9", interface: "e0", role: "both" }], /role:/],
  [[{ address: "10.0.0.9", interface: "e0", gateway: "gw" }], /gateway:/],
  [
    [
      { address: "10.0.0.9", interface: "e0" },
      { address: "10.0.0.9", interface: "e0", role: "replica" },
    ],
    /each address once/,
  ],
];

for (const [value, wanted] of REFUSED) {
  Deno.test(`vip section refuses ${JSON.stringify(value)}`, () => {
    const result = vipSection.safeParse(value);
    assert.ok(!result.success);
    assert.match(result.error.issues[0]?.message ?? "", wanted);
  });
}

Deno.test("vip addresses and interface names that the kernel would refuse", () => {
  assert.equal(parseVipAddress("10.0.0.9/24/24"), null);
  assert.equal(parseVipAddress("10.0.0.9/-1"), null);
  assert.equal(isInterfaceName(".."), false);
  assert.equal(parseVipAddress("FD00:0:0::0009")?.address, "fd00::9");
  assert.equal(isInterfaceName("br-0"), true);
});
