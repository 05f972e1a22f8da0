import assert from "node:assert/strict";
import { BARE_VIP, type HostAddresses, type Vip } from "../../model/vip.ts";
import { isInSubnet, placeDoubt } from "./vip_subnet.ts";

const VIP: Vip = {
  address: "10.0.0.9",
  prefixLength: 32,
  interface: "eth0",
  role: "proxy",
  isReplicaFallback: false,
  gateway: null,
  ...BARE_VIP,
  announceEveryMs: null,
};

function host(...addresses: readonly (readonly [string, number])[]) {
  const bound = addresses.map(([address, prefixLength]) => ({
    ...{ interface: "eth0", address, prefixLength, isDuplicate: false },
  }));
  const links = [{ name: "eth0", isUp: true, hardware: null }];
  return { links, bound } satisfies HostAddresses;
}

Deno.test("placeDoubt(): in a subnet of its interface, in none, no interface", () => {
  assert.equal(placeDoubt(VIP, host(["10.0.0.11", 24])), null);
  assert.match(
    placeDoubt(VIP, host(["10.9.0.11", 24], ["fe80::1", 64])) ?? "",
    /^VIP 10\.0\.0\.9 is in no subnet of eth0 \(10\.9\.0\.11\/24\): hosts there/,
  );
  // Itself, left behind by a process that was killed, says nothing.
  assert.match(
    placeDoubt(VIP, host(["10.0.0.9", 24])) ?? "",
    /\(it has none\)/,
  );
  assert.match(
    placeDoubt({ ...VIP, interface: "eth9" }, host(["10.0.0.11", 24])) ?? "",
    /^VIP 10\.0\.0\.9 cannot be bound: this host has no interface eth9$/,
  );
});

Deno.test("isInSubnet() keeps the families apart and refuses what is no address", () => {
  assert.equal(isInSubnet("fd00::9", "10.0.0.1", 1), false);
  assert.equal(isInSubnet("fd00:0:0:1::9", "fd00::1", 64), false);
  assert.equal(isInSubnet("10.0.0.x", "10.0.0.1", 8), false);
  assert.equal(isInSubnet("1:2:3:4:5:6:7:8:9", "::1", 1), false);
});
