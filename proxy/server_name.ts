/**
 * The host of the server that a session got, as it is said to the proxy's own end
 * of TLS, which checks that server's certificate. Said before a byte of the server
 * comes through, so nothing that a server says can be taken for it.
 */
import type { Backend } from "../lib/core/model/routes.ts";
import type { ByteStream } from "./byte_stream.ts";

const WORD = 0x48;
const HOST_BYTES_MAX = 255;

/** How its certificate may call that server. */
export function hostOf({ host, publicHost }: Backend): string {
  return publicHost ?? host;
}

/**
 * The word, its length and the host. Longer ones are cut: they fit no certificate.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const backend = { name: "n1", host: "db1", port: 5432, via: "address" } as const;
 * assert.deepEqual([...serverName(backend)], [0x48, 3, 100, 98, 49]);
 * ```
 */
export function serverName(backend: Backend): Uint8Array {
  const host = new TextEncoder().encode(hostOf(backend))
    .subarray(0, HOST_BYTES_MAX);
  return new Uint8Array([WORD, host.length, ...host]);
}

/** What comes at an inner door. */
export type ServerWord =
  | { readonly kind: "server"; readonly host: string }
  /** There is no server: the first byte of what the session says instead. */
  | { readonly kind: "none"; readonly first: number };

/** @throws {Error} If the session ends before. */
export async function readServerName(from: ByteStream): Promise<ServerWord> {
  const [first = 0] = await readWhole(from, 1);
  if (first !== WORD) return { kind: "none", first };
  const [length = 0] = await readWhole(from, 1);
  const host = new TextDecoder().decode(await readWhole(from, length));
  return { kind: "server", host };
}

async function readWhole(
  from: ByteStream,
  count: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  let filled = 0;
  while (filled < count) {
    const length = await from.read(bytes.subarray(filled));
    if (length === null) throw new Error("the session is over");
    filled += length;
  }
  return bytes;
}
