/** Whether an address can be found where it is to be bound. */
import { addressBytes } from "../../base/ip_address.ts";
import type { HostAddresses, Vip } from "../../model/vip.ts";

/**
 * What is strange about the place of an address, in one sentence; null: nothing.
 * It is bound all the same: routers may lead there.
 */
export function placeDoubt(
  vip: Vip,
  { links, bound }: HostAddresses,
): string | null {
  const { address, interface: name } = vip;
  if (!links.some((link) => link.name === name)) {
    return `VIP ${address} cannot be bound: this host has no interface ${name}`;
  }
  const others = bound.filter((one) =>
    one.interface === name && one.address !== address
  );
  const isFound = others.some((one) =>
    isInSubnet(address, one.address, one.prefixLength)
  );
  if (isFound) return null;
  const subnets = others.filter((one) =>
    (bitsOf(one.address)?.length ?? 0) === (bitsOf(address)?.length ?? 0)
  ).map((one) => `${one.address}/${one.prefixLength}`);
  const which = subnets.length === 0 ? "it has none" : subnets.join(", ");
  return `VIP ${address} is in no subnet of ${name} (${which}): hosts there ` +
    "do not find it without a route";
}

/**
 * Whether two addresses agree in their first bits.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(isInSubnet("10.0.1.9", "10.0.0.11", 23), true);
 * assert.equal(isInSubnet("10.0.1.9", "10.0.0.11", 24), false);
 * assert.equal(isInSubnet("fd00::9", "fd00:0:0:0:1::1", 64), true);
 * ```
 */
export function isInSubnet(
  address: string,
  other: string,
  prefixLength: number,
): boolean {
  const [one, two] = [bitsOf(address), bitsOf(other)];
  return one !== null && two !== null && one.length === two.length &&
    one.slice(0, prefixLength) === two.slice(0, prefixLength);
}

/** As a text of 32 or 128 digits; null: it is no address. */
function bitsOf(address: string): string | null {
  const bytes = addressBytes(address);
  return bytes === null
    ? null
    : [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
}
