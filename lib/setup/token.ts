/**
 * The text that lets one host join: whom to ask, whom to believe, and a secret
 * that counts once.
 *
 *     mj1.ID.SECRET.HASH.HOST:PORT
 *
 * ID names the token in lists and logs. SECRET is known to its holder alone; the
 * store has its hash. HASH is that of the authority's certificate.
 */
import {
  formatHostPort,
  type HostPort,
  parseHostPort,
} from "../config/addresses.ts";

/** What a token says. */
export interface Token {
  /** Eight characters, for lists. */
  readonly id: string;
  /** 32 random bytes as base64url. */
  readonly secret: string;
  /** SHA-256 of the authority's certificate, hexadecimal. */
  readonly authorityHash: string;
  /** Who may sign. */
  readonly address: HostPort;
}

const TOKEN = /^mj1\.([\w-]{8})\.([\w-]{43})\.([0-9a-f]{64})\.(.{3,270})$/;

/** The token as it is printed. */
export function formatToken(
  { id, secret, authorityHash, address }: Token,
): string {
  return `mj1.${id}.${secret}.${authorityHash}.${formatHostPort(address)}`;
}

/** Null: it is no token, or a part of one. */
export function parseToken(text: string): Token | null {
  const [, id, secret, authorityHash, where = ""] = TOKEN.exec(text.trim()) ??
    [];
  const address = parseHostPort(where, null);
  const isWhole = id !== undefined && secret !== undefined &&
    authorityHash !== undefined && address !== null;
  return isWhole ? { id, secret, authorityHash, address } : null;
}
