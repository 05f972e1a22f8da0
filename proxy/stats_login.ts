/**
 * Whether a request may see the statistics, by HTTP's Basic authentication.
 *
 * Source: RFC 7617.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { StatsLogin } from "./options.ts";

const SCHEME = "basic ";

/**
 * @param authorization The request's; null: it had none.
 * @param login Null: nobody needs one.
 */
export function isLoggedIn(
  authorization: string | null,
  login: StatsLogin | null,
): boolean {
  if (login === null) return true;
  if (!authorization?.toLowerCase().startsWith(SCHEME)) return false;
  const { username, password } = login;
  const given = bytesOf(authorization.slice(SCHEME.length).trim());
  const wanted = new TextEncoder().encode(`${username}:${password}`);
  // Digests have one length, and comparing them tells nothing by its time.
  return timingSafeEqual(digest(given), digest(wanted));
}

function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}
