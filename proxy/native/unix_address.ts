/**
 * Names of unix sockets as the kernel wants them.
 *
 * Source: Linux manual, unix(7).
 */

/** What the family of an address of a unix socket says. */
export const FAMILY_UNIX = 1;

/** `sun_path`, its final zero included. */
const PATH_BYTES_MAX = 108;
const HEAD_BYTES = 2;

/** Room for any of them. */
export const UNIX_ADDRESS_BYTES_MAX = HEAD_BYTES + PATH_BYTES_MAX;

/** Null if the path is too long. */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> | null {
  const name = new TextEncoder().encode(path);
  if (name.length >= PATH_BYTES_MAX) return null;
  // The runtime keeps short arrays where it may move them, unless they view a buffer.
  const bytes = new Uint8Array(new ArrayBuffer(HEAD_BYTES + name.length + 1));
  bytes[0] = FAMILY_UNIX;
  bytes.set(name, HEAD_BYTES);
  return bytes;
}

/** The path that the kernel filled in; null: it is no unix socket, or has no name. */
export function pathIn(bytes: Uint8Array): string | null {
  if (bytes[0] !== FAMILY_UNIX) return null;
  const name = bytes.subarray(HEAD_BYTES);
  const end = name.indexOf(0);
  const path = new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
  return path === "" ? null : path;
}
