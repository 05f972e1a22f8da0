/** Which client addresses are let in: a list of networks, IPv4 and IPv6. */
import { BlockList, isIP } from "node:net";

/** How IPv4 clients of a socket for both families are written. */
const MAPPED = "::ffff:";

/** Knows which client addresses are let in. */
export class Networks {
  readonly #list: BlockList | null;

  /**
   * @param allow `address/bits` or single addresses; empty: everybody.
   * @throws {RangeError} If one is neither.
   */
  constructor(allow: readonly string[]) {
    this.#list = allow.length === 0 ? null : new BlockList();
    for (const text of allow) {
      const network = parseNetwork(text);
      if (network === null) throw new RangeError(`not a network: ${text}`);
      this.#list?.addSubnet(network.address, network.bits, network.family);
    }
  }

  /** Whether everybody is let in, whatever the address. */
  get isOpen(): boolean {
    return this.#list === null;
  }

  includes(address: string): boolean {
    if (this.#list === null) return true;
    const plain = address.toLowerCase().startsWith(MAPPED) &&
        isIP(address.slice(MAPPED.length)) === 4
      ? address.slice(MAPPED.length)
      : address;
    const version = isIP(plain);
    if (version === 0) return false;
    return this.#list.check(plain, version === 4 ? "ipv4" : "ipv6");
  }
}

/** One network, or null if `text` is none. A single address is a network of one. */
function parseNetwork(text: string): {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
} | null {
  const [address = "", length, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return null;
  const max = version === 4 ? 32 : 128;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return null;
  const bits = length === undefined ? max : Number(length);
  if (bits > max) return null;
  return { address, bits, family: version === 4 ? "ipv4" : "ipv6" };
}
