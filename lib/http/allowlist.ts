/**
 * Which client addresses may send unsafe requests. Names are resolved once, when
 * the list is made; IPv4 addresses that arrive over an IPv6 socket count as IPv4.
 *
 * Source: docs/contract/rest-api.md 3, 16.
 */
import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import type { Log } from "../ports/log.ts";

/** A resolved allowlist. */
export class Allowlist {
  readonly #list: BlockList;

  private constructor(list: BlockList) {
    this.#list = list;
  }

  /**
   * Resolves networks (`10.0.0.0/8`, host bits allowed), addresses and names.
   * Items that cannot be used are logged and left out.
   */
  static async resolve(
    items: readonly string[],
    log: Log,
  ): Promise<Allowlist> {
    const list = new BlockList();
    for (const item of items) {
      try {
        await addItem(list, item.trim());
      } catch (error) {
        log.error(
          `Cannot use the item "${item}" of the REST allowlist: ${
            error instanceof Error ? error.message : error
          }`,
        );
      }
    }
    return new Allowlist(list);
  }

  /** True if that client address is on the list. */
  includes(address: string): boolean {
    const plain = plainAddress(address);
    const family = isIP(plain);
    if (family === 0) return false;
    return this.#list.check(plain, family === 4 ? "ipv4" : "ipv6");
  }
}

/** The address without zone, and as IPv4 if it is an IPv4-mapped one. */
export function plainAddress(address: string): string {
  const [withoutZone = ""] = address.split("%", 1);
  return withoutZone.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}

/**
 * The addresses behind a host name or address; none if it cannot be resolved.
 */
export async function addressesOf(host: string): Promise<readonly string[]> {
  const plain = plainAddress(host.replace(/^\[(.*)\]$/, "$1"));
  if (isIP(plain) !== 0) return [plain];
  try {
    const found = await lookup(plain, { all: true });
    return found.map(({ address }) => plainAddress(address));
  } catch {
    // A name that is unknown today allows nobody.
    return [];
  }
}

async function addItem(list: BlockList, item: string): Promise<void> {
  const network = /^(.+)\/(\d{1,3})$/.exec(item);
  if (network !== null) {
    const base = plainAddress(network[1] ?? "");
    list.addSubnet(base, Number(network[2]), familyOf(base));
    return;
  }
  const addresses = await addressesOf(item);
  if (addresses.length === 0) throw new Error("the name cannot be resolved");
  for (const address of addresses) list.addAddress(address, familyOf(address));
}

function familyOf(address: string): "ipv4" | "ipv6" {
  const family = isIP(address);
  if (family === 0) throw new Error(`"${address}" is no IP address`);
  return family === 4 ? "ipv4" : "ipv6";
}
