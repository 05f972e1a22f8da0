/**
 * How several read-only addresses are spread over the replicas: each member
 * comes to the same result from the same list of names, and a replica that comes
 * or goes moves few addresses besides its own.
 */
import type { MemberName } from "../../model/member.ts";

/**
 * The replica that each address belongs to, in the order of the addresses; none
 * has two while another one has none. Empty without replicas.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const owners = spreadAddresses(["10.0.0.9", "10.0.0.10"], ["n2", "n3"]);
 * assert.deepEqual([...owners].sort(), ["n2", "n3"]);
 * ```
 */
export function spreadAddresses(
  addresses: readonly string[],
  replicas: readonly MemberName[],
): readonly MemberName[] {
  const loads = new Map(replicas.map((name) => [name, 0]));
  return addresses.flatMap((address) => {
    const least = Math.min(...loads.values());
    const [owner] = replicas.filter((name) => loads.get(name) === least)
      .toSorted((a, b) => rank(address, b) - rank(address, a));
    if (owner === undefined) return [];
    loads.set(owner, least + 1);
    return [owner];
  });
}

/** How much an address is inclined to a replica. Source: FNV-1a, 32 bit. */
function rank(address: string, name: MemberName): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${address} ${name}`)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash;
}
