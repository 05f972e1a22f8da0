/**
 * The messages of IPv6 neighbour discovery that a virtual address needs: who has
 * it, and here it is. Source: RFC 4861, 4.3, 4.4, 4.6.1 and 7.2.6.
 */
import { addressBytes } from "../../base/ip_address.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const SOLICITATION = 135;

/** The type of the answer, which is the announcement, too. */
export const ADVERTISEMENT = 136;

const SOURCE_LINK_LAYER = 1;
const TARGET_LINK_LAYER = 2;

/** Whoever knows another hardware address shall forget it. */
const OVERRIDE = 0x20;

const TARGET_AT = 8;
const OPTIONS_AT = 24;
/** Options count in units of that. */
const OPTION_UNIT = 8;
const HARDWARE_BYTES = 6;

/** Everybody on the link. */
export const ALL_NODES: Bytes = knownBytes("ff02::1");

/** Where those listen that have the address. Source: RFC 4291, 2.7.1. */
export function solicitedNode(target: Bytes): Bytes {
  const group = knownBytes("ff02::1:ff00:0");
  group.set(target.subarray(13), 13);
  return group;
}

/** Asks who has `target`; answers go to this host. The kernel adds the checksum. */
export function solicitation(target: Bytes, hardware: Bytes): Bytes {
  const [type, flags] = [SOLICITATION, 0];
  return message({ type, flags, target, option: SOURCE_LINK_LAYER, hardware });
}

/** Says, unasked, that `target` is at `hardware` now. The kernel adds the checksum. */
export function advertisement(target: Bytes, hardware: Bytes): Bytes {
  const [type, flags] = [ADVERTISEMENT, OVERRIDE];
  return message({ type, flags, target, option: TARGET_LINK_LAYER, hardware });
}

/** The hardware address that a message says `target` is at, as text; null: it does not speak of it. */
export function advertisedHardware(
  message: Uint8Array,
  target: Bytes,
): string | null {
  if (message.length < OPTIONS_AT || message[0] !== ADVERTISEMENT) return null;
  const named = message.subarray(TARGET_AT, OPTIONS_AT);
  if (!named.every((byte, at) => byte === target[at])) return null;
  for (let at = OPTIONS_AT; at + OPTION_UNIT <= message.length;) {
    const length = (message[at + 1] ?? 0) * OPTION_UNIT;
    if (length === 0) return null;
    if (message[at] === TARGET_LINK_LAYER) {
      const start = at + 2;
      return hardwareText(message.subarray(start, start + HARDWARE_BYTES));
    }
    at += length;
  }
  // The option may be left out of an answer that nobody asked for.
  return "an unknown hardware address";
}

/** `52:6f:80:fc:47:73` as bytes; null: no Ethernet address. */
export function hardwareBytes(text: string): Bytes | null {
  return /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)
    ? Uint8Array.fromHex(text.replaceAll(":", ""))
    : null;
}

function hardwareText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

interface MessageFields {
  readonly type: number;
  readonly flags: number;
  readonly target: Bytes;
  readonly option: number;
  readonly hardware: Bytes;
}

function message(fields: MessageFields): Bytes {
  const { type, flags, target, option, hardware } = fields;
  const bytes = new Uint8Array(OPTIONS_AT + OPTION_UNIT);
  bytes.set([type, 0, 0, 0, flags]);
  bytes.set(target, TARGET_AT);
  bytes.set([option, 1], OPTIONS_AT);
  bytes.set(hardware, OPTIONS_AT + 2);
  return bytes;
}

function knownBytes(address: string): Bytes {
  return addressBytes(address) ?? new Uint8Array(16);
}
