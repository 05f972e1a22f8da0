/**
 * The PROXY protocol: who the client of a load balancer is, said before the
 * client's first byte. Both versions, in and out.
 *
 * Source: HAProxy, "The PROXY protocol, versions 1 & 2", sections 2.1 and 2.2.
 */
import { isIP } from "node:net";
import { socketAddress } from "./native/address.ts";

/** Which version a header is written in. */
export type ProxyHeaderVersion = "v1" | "v2";

/** One end of a connection. */
export interface EndPoint {
  readonly address: string;
  readonly port: number;
}

/** Both ends of a client's connection. */
export interface ConnectionEnds {
  readonly source: EndPoint;
  readonly destination: EndPoint;
}

/** What the first bytes are. */
export type ProxyHeader =
  /** `ends` null: the balancer speaks for itself, or does not say. */
  | {
    readonly kind: "header";
    readonly bytes: number;
    readonly ends: ConnectionEnds | null;
  }
  | { readonly kind: "incomplete" }
  | { readonly kind: "garbage" };

const V1_BEGIN = new TextEncoder().encode("PROXY ");
/** With `\r\n`. Source: section 2.1. */
const V1_BYTES_MAX = 107;
const V2_BEGIN = Uint8Array.of(
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a],
);
const V2_HEAD_BYTES = 16;
/** Addresses and what balancers add to them; more is no balancer's. */
const V2_BODY_BYTES_MAX = 2_048;
const V2_LOCAL = 0x20;
const V2_PROXY = 0x21;
const V2_TCP4 = 0x11;
const V2_TCP6 = 0x21;
const TCP4_BYTES = 12;
const TCP6_BYTES = 36;

const INCOMPLETE = { kind: "incomplete" } as const;
const GARBAGE = { kind: "garbage" } as const;

/** Reads the header that `bytes` begin with. */
export function proxyHeader(bytes: Uint8Array): ProxyHeader {
  if (bytes.length === 0) return INCOMPLETE;
  if (bytes[0] === V2_BEGIN[0]) return headerV2(bytes);
  return beginsLike(bytes, V1_BEGIN) ? headerV1(bytes) : GARBAGE;
}

function beginsLike(bytes: Uint8Array, begin: Uint8Array): boolean {
  const length = Math.min(bytes.length, begin.length);
  return begin.subarray(0, length).every((byte, at) => bytes[at] === byte);
}

function headerV1(bytes: Uint8Array): ProxyHeader {
  const end = bytes.indexOf(0x0a);
  if (end < 0) return bytes.length < V1_BYTES_MAX ? INCOMPLETE : GARBAGE;
  if (end >= V1_BYTES_MAX || bytes[end - 1] !== 0x0d) return GARBAGE;
  const line = new TextDecoder().decode(bytes.subarray(0, end - 1));
  const words = line.split(" ");
  const [, family, from = "", to = "", fromPort = "", toPort = ""] = words;
  const size = end + 1;
  if (family === "UNKNOWN") return { kind: "header", bytes: size, ends: null };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : 0;
  const isPlain = version !== 0 && words.length === 6 &&
    isIP(from) === version && isIP(to) === version &&
    isPort(fromPort) && isPort(toPort);
  if (!isPlain) return GARBAGE;
  const ends = {
    source: { address: from, port: Number(fromPort) },
    destination: { address: to, port: Number(toPort) },
  };
  return { kind: "header", bytes: size, ends };
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function headerV2(bytes: Uint8Array): ProxyHeader {
  if (!beginsLike(bytes, V2_BEGIN)) return GARBAGE;
  if (bytes.length < V2_HEAD_BYTES) return INCOMPLETE;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const command = bytes[12];
  const family = bytes[13];
  const length = view.getUint16(14);
  const isKnown = command === V2_LOCAL || command === V2_PROXY;
  if (!isKnown || length > V2_BODY_BYTES_MAX) return GARBAGE;
  const size = V2_HEAD_BYTES + length;
  if (bytes.length < size) return INCOMPLETE;
  const body = bytes.subarray(V2_HEAD_BYTES, size);
  const isV4 = family === V2_TCP4;
  const isV6 = family === V2_TCP6;
  // Whoever speaks for itself, or of something else, keeps its own address.
  if (command === V2_LOCAL || (!isV4 && !isV6)) {
    return { kind: "header", bytes: size, ends: null };
  }
  if (length < (isV4 ? TCP4_BYTES : TCP6_BYTES)) return GARBAGE;
  const width = isV4 ? 4 : 16;
  const at = (offset: number): string =>
    textOf(body.subarray(offset, offset + width));
  const ports = new DataView(body.buffer, body.byteOffset + 2 * width, 4);
  const ends = {
    source: { address: at(0), port: ports.getUint16(0) },
    destination: { address: at(width), port: ports.getUint16(2) },
  };
  return { kind: "header", bytes: size, ends };
}

/** An IPv4 client of a socket for both families: limits go by its own address. */
const MAPPED = "0:0:0:0:0:ffff:";

function textOf(address: Uint8Array): string {
  if (address.length === 4) return address.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, i) =>
      (((address[2 * i] ?? 0) << 8) | (address[2 * i + 1] ?? 0)).toString(16),
  );
  const text = groups.join(":");
  return text.startsWith(MAPPED)
    ? `::ffff:${address.subarray(12).join(".")}`
    : text;
}

/**
 * The header for these ends.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const source = { address: "10.0.0.9", port: 4000 };
 * const destination = { address: "10.0.0.1", port: 5000 };
 * const bytes = writtenHeader("v1", { source, destination });
 * assert.equal(new TextDecoder().decode(bytes), "PROXY TCP4 10.0.0.9 10.0.0.1 4000 5000\r\n");
 * ```
 */
export function writtenHeader(
  version: ProxyHeaderVersion,
  ends: ConnectionEnds | null,
): Uint8Array<ArrayBuffer> {
  const same = ends === null ? null : ofOneFamily(ends);
  return version === "v1" ? writtenV1(same) : writtenV2(same);
}

function writtenV1(ends: ConnectionEnds | null): Uint8Array<ArrayBuffer> {
  if (ends === null) return new TextEncoder().encode("PROXY UNKNOWN\r\n");
  const { source, destination } = ends;
  const family = `TCP${isIP(source.address)}`;
  return new TextEncoder().encode(
    `PROXY ${family} ${source.address} ${destination.address} ` +
      `${source.port} ${destination.port}\r\n`,
  );
}

function writtenV2(ends: ConnectionEnds | null): Uint8Array<ArrayBuffer> {
  const source = ends === null ? null : bytesOf(ends.source.address);
  const destination = ends === null ? null : bytesOf(ends.destination.address);
  const width = source?.length ?? 0;
  const length = ends === null ? 0 : 2 * width + 4;
  const header = new Uint8Array(V2_HEAD_BYTES + length);
  const view = new DataView(header.buffer);
  header.set(V2_BEGIN);
  header[12] = ends === null ? V2_LOCAL : V2_PROXY;
  header[13] = ends === null ? 0 : width === 4 ? V2_TCP4 : V2_TCP6;
  view.setUint16(14, length);
  if (ends === null || source === null || destination === null) return header;
  header.set(source, V2_HEAD_BYTES);
  header.set(destination, V2_HEAD_BYTES + width);
  view.setUint16(V2_HEAD_BYTES + 2 * width, ends.source.port);
  view.setUint16(V2_HEAD_BYTES + 2 * width + 2, ends.destination.port);
  return header;
}

/** An address of four or sixteen bytes; null if it is none. */
function bytesOf(address: string): Uint8Array | null {
  const socket = socketAddress(address, 0);
  if (socket === null) return null;
  return isIP(address) === 4
    ? socket.bytes.subarray(4, 8)
    : socket.bytes.subarray(8, 24);
}

/** Null if one is no address, or if one is IPv4 and the other is not. */
function ofOneFamily(ends: ConnectionEnds): ConnectionEnds | null {
  const source = isIP(ends.source.address);
  const isSame = source !== 0 && source === isIP(ends.destination.address);
  return isSame ? ends : null;
}
