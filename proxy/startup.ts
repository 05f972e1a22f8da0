/**
 * As much of PostgreSQL's protocol as it takes to refuse a client politely: it
 * reads the startup packet (a client listens to an error only after that) and
 * builds the error. On success the proxy never looks at the bytes.
 *
 * Source: PostgreSQL 17 manual, "Message Flow" (start-up, SSL and GSSAPI
 * session encryption) and "Message Formats" (ErrorResponse, StartupMessage).
 */
import { type ByteStream, writeAll } from "./byte_stream.ts";

/** The longest startup packet a server takes. Source: PostgreSQL `pqcomm.h`, MAX_STARTUP_PACKET_LENGTH. */
export const STARTUP_BYTES_MAX = 10_000;

const HEADER_BYTES = 8;
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
/** Ours, of the same kind: 1234.5690. A server refuses it as an unknown protocol. */
const HOP_REQUEST = 80877114;
/** Ours, too: 1234.5691, only at inner doors. */
const NAME_REQUEST = 80877115;
const ENCRYPTION_REQUESTS_MAX = 2;
const NO_ENCRYPTION = new TextEncoder().encode("N");

/** What a client opened with. */
export type Opening =
  /** A startup packet: the client now listens. */
  | "startup"
  /** A cancel request: the client expects no answer. */
  | "cancel"
  /** The client went away first. */
  | "gone"
  /** No PostgreSQL client. */
  | "garbage";

/** What the first bytes of a client are. */
export type FirstPacket =
  | "startup"
  | "cancel"
  /** Asks for TLS or GSSAPI, or begins with TLS at once (PostgreSQL 17). */
  | "encryption"
  /** Another proxy's client comes next, see `hop.ts`. */
  | "hop"
  /** Who comes wants to hear which server it gets, see `server_name.ts`. */
  | "name"
  | "garbage"
  /** Not whole yet. */
  | "incomplete";

const TLS_HANDSHAKE = 0x16;
/** A cancel key has 4 bytes, from protocol 3.2 on up to 256. */
const CANCEL_BYTES_MIN = 16;
const CANCEL_BYTES_MAX = 12 + 256;

/**
 * What a client opens with, as far as it has come. Never asks for more than
 * {@link STARTUP_BYTES_MAX} bytes, and knows garbage as early as possible.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(firstPacket(new TextEncoder().encode("GET / HTTP/1.1")), "garbage");
 * ```
 */
export function firstPacket(bytes: Uint8Array): FirstPacket {
  if (bytes[0] === TLS_HANDSHAKE) return "encryption";
  if (bytes.length < 4) return "incomplete";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(0);
  if (length < HEADER_BYTES || length > STARTUP_BYTES_MAX) return "garbage";
  if (bytes.length < HEADER_BYTES) return "incomplete";
  const code = view.getUint32(4);
  const kind = kindOf(code, length);
  return kind === "garbage" || bytes.length >= length ? kind : "incomplete";
}

function kindOf(code: number, length: number): FirstPacket {
  if (code === CANCEL_REQUEST) {
    const isPlausible = length >= CANCEL_BYTES_MIN &&
      length <= CANCEL_BYTES_MAX;
    return isPlausible ? "cancel" : "garbage";
  }
  if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
    return length === HEADER_BYTES ? "encryption" : "garbage";
  }
  if (code === HOP_REQUEST) return length === HEADER_BYTES ? "hop" : "garbage";
  if (code === NAME_REQUEST) {
    return length === HEADER_BYTES ? "name" : "garbage";
  }
  return code >>> 16 === 3 ? "startup" : "garbage";
}

/**
 * User and database of a startup packet, as far as it names them; without one
 * the database is called as the user.
 *
 * Source: PostgreSQL 17 manual, "Message Formats", StartupMessage.
 */
export function startupNames(
  packet: Uint8Array,
): { readonly user: string | null; readonly database: string | null } {
  const isWhole = firstPacket(packet) === "startup";
  if (!isWhole) return { user: null, database: null };
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const body = packet.subarray(HEADER_BYTES, view.getUint32(0));
  const words = new TextDecoder().decode(body).split("\0");
  const named = new Map<string, string>();
  for (let at = 0; at + 1 < words.length && words[at] !== ""; at += 2) {
    named.set(words[at] ?? "", words[at + 1] ?? "");
  }
  const user = named.get("user") ?? null;
  return { user, database: named.get("database") ?? user };
}

/** What one proxy says to another before its client's first packet. */
export function hopRequest(): Uint8Array<ArrayBuffer> {
  return request(HOP_REQUEST);
}

/** What the proxy's own end of TLS says at an inner door before its client's first packet. */
export function nameRequest(): Uint8Array<ArrayBuffer> {
  return request(NAME_REQUEST);
}

/** SSLRequest. */
export function tlsRequest(): Uint8Array<ArrayBuffer> {
  return request(SSL_REQUEST);
}

function request(code: number): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(HEADER_BYTES);
  const view = new DataView(packet.buffer);
  view.setUint32(0, HEADER_BYTES);
  view.setUint32(4, code);
  return packet;
}

/** The error to send. */
export interface RefusalText {
  /** SQLSTATE, five characters. */
  readonly code: string;
  readonly message: string;
  readonly detail: string | null;
}

/**
 * Reads up to and including the startup packet, turning down encryption on the
 * way. Reads no more than {@link STARTUP_BYTES_MAX} bytes per packet.
 */
export async function readOpening(client: ByteStream): Promise<Opening> {
  for (let asked = 0; asked <= ENCRYPTION_REQUESTS_MAX; asked++) {
    const header = await readExactly(client, HEADER_BYTES);
    if (header === null) return "gone";
    const view = new DataView(header.buffer);
    const length = view.getUint32(0);
    const code = view.getUint32(4);
    if (length < HEADER_BYTES || length > STARTUP_BYTES_MAX) return "garbage";
    const body = await readExactly(client, length - HEADER_BYTES);
    if (body === null) return "gone";
    if (code === CANCEL_REQUEST) return "cancel";
    if (code >>> 16 === 3) return "startup";
    if (code !== SSL_REQUEST && code !== GSSENC_REQUEST) return "garbage";
    await writeAll(client, NO_ENCRYPTION);
  }
  return "garbage";
}

/** An ErrorResponse with severity FATAL. */
export function errorResponse(text: RefusalText): Uint8Array {
  const fields = [
    "SFATAL",
    "VFATAL",
    `C${text.code}`,
    `M${text.message}`,
    ...(text.detail === null ? [] : [`D${text.detail}`]),
  ];
  const body = new TextEncoder().encode(`${fields.join("\0")}\0\0`);
  const packet = new Uint8Array(1 + 4 + body.length);
  packet[0] = "E".charCodeAt(0);
  new DataView(packet.buffer).setUint32(1, 4 + body.length);
  packet.set(body, 5);
  return packet;
}

async function readExactly(
  from: ByteStream,
  length: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const read = await from.read(bytes.subarray(filled));
    if (read === null) return null;
    filled += read;
  }
  return bytes;
}
