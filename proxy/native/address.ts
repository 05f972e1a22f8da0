/**
 * Socket addresses as the kernel wants them.
 *
 * Source: Linux manual, ip(7) and ipv6(7).
 */
import { isIP } from "node:net";

const FAMILY_IPV4 = 2;
const FAMILY_IPV6 = 10;
const IPV4_BYTES = 16;
const IPV6_BYTES = 28;

/** Room for an address of either family. */
export const ADDRESS_BYTES_MAX = IPV6_BYTES;

/** An address with its family, for `socket`, `bind` and `connect`. */
export interface SocketAddress {
  readonly family: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * @param ip Numeric, without brackets; IPv6 may name a zone (`fe80::1%2`).
 * @returns null if it is no numeric address.
 */
export function socketAddress(ip: string, port: number): SocketAddress | null {
  const [address = "", zone] = ip.split("%");
  switch (isIP(address)) {
    case 4: {
      const bytes = new Uint8Array(IPV4_BYTES);
      fillHead(bytes, FAMILY_IPV4, port);
      bytes.set(address.split(".").map(Number), 4);
      return { family: FAMILY_IPV4, bytes };
    }
    case 6: {
      const bytes = new Uint8Array(IPV6_BYTES);
      fillHead(bytes, FAMILY_IPV6, port);
      bytes.set(ipv6Bytes(address), 8);
      const scope = Number(zone ?? 0);
      if (!Number.isInteger(scope)) return null;
      new DataView(bytes.buffer).setUint32(24, scope, true);
      return { family: FAMILY_IPV6, bytes };
    }
    default:
      return null;
  }
}

/** The port of an address that the kernel filled in. */
export function portIn(bytes: Uint8Array): number {
  return ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
}

/** The numeric address that the kernel filled in. */
export function addressIn(bytes: Uint8Array): string {
  if (bytes[0] === FAMILY_IPV4) return bytes.subarray(4, 8).join(".");
  const groups: string[] = [];
  for (let at = 8; at < 24; at += 2) {
    const group = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    groups.push(group.toString(16));
  }
  const text = groups.join(":");
  const mapped = /^0:0:0:0:0:ffff:/.test(text);
  return mapped ? bytes.subarray(20, 24).join(".") : text;
}

function fillHead(bytes: Uint8Array, family: number, port: number): void {
  bytes[0] = family;
  bytes[2] = port >> 8;
  bytes[3] = port & 0xff;
}

function ipv6Bytes(address: string): Uint8Array {
  // An IPv4 tail is two groups.
  const plain = address.replace(
    /(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/,
    (...parts) => {
      const [a, b, c, d] = parts.slice(1, 5).map(Number);
      const hex = (high = 0, low = 0): string =>
        (high * 256 + low).toString(16);
      return `${hex(a, b)}:${hex(c, d)}`;
    },
  );
  const [head = "", tail] = plain.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = Array.from(
    { length: 8 - front.length - back.length },
    () => "0",
  );
  const groups = tail === undefined ? front : [...front, ...missing, ...back];
  return new Uint8Array(groups.flatMap((text) => {
    const group = parseInt(text, 16);
    return [group >> 8, group & 0xff];
  }));
}
