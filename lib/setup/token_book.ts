/**
 * The tokens of a cluster, as its store has them: without their secrets, and each
 * good for one host. What to do with a token that is shown is decided here.
 *
 * The key is ours; Patroni's members and tools leave it alone.
 */
import { parseJsonObject, readText } from "../core/codec/json.ts";

/** The key, relative to the scope. */
export const TOKENS_KEY = "join_tokens";

/** What a token lets its holder do. */
export type TokenUse = "join" | "renew";

/** A token as it is kept. */
export interface KeptToken {
  readonly id: string;
  /** SHA-256 of the secret, hexadecimal. */
  readonly hash: string;
  readonly use: TokenUse;
  /** Wall clock, milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** The key of whom it was spent for, and its name; null: not yet. */
  readonly spent: { readonly keyHash: string; readonly name: string } | null;
}

/** All tokens that are kept, oldest first. */
export type TokenBook = readonly KeptToken[];

/** A token that was shown. */
export interface ShownToken {
  readonly id: string;
  /** SHA-256 of the secret that was shown, hexadecimal. */
  readonly hash: string;
  readonly use: TokenUse;
  /** Of the signing request that came with it. */
  readonly keyHash: string;
  readonly name: string;
}

/** Whether it counts. */
export type TokenVerdict =
  /** `book` is to be stored before anything is given for it. */
  | { readonly kind: "accepted"; readonly book: TokenBook }
  /** It was spent for this very key: the answer got lost. */
  | { readonly kind: "repeated" }
  | { readonly kind: "refused"; readonly reason: TokenRefusal };

/** Why it does not. */
export type TokenRefusal = "unknown" | "wrong" | "expired" | "used";

/** So many are kept at once; more would be forgotten ones. */
const TOKENS_MAX = 100;
/** Expired ones stay that long, so that who comes late is told so. */
const KEPT_MS = 7 * 86_400_000;

/** Decides about a token that somebody shows. */
export function judgeToken(
  book: TokenBook,
  shown: ShownToken,
  nowMs: number,
): TokenVerdict {
  const kept = book.find(({ id }) => id === shown.id);
  if (kept === undefined) return refused("unknown");
  if (kept.hash !== shown.hash || kept.use !== shown.use) {
    return refused("wrong");
  }
  if (kept.expiresAtMs <= nowMs) return refused("expired");
  const { keyHash, name } = shown;
  if (kept.spent !== null) {
    const isSame = kept.spent.keyHash === keyHash && kept.spent.name === name;
    return isSame ? { kind: "repeated" } : refused("used");
  }
  const spent = { ...kept, spent: { keyHash, name } };
  return {
    kind: "accepted",
    book: book.map((each) => each === kept ? spent : each),
  };
}

function refused(reason: TokenRefusal): TokenVerdict {
  return { kind: "refused", reason };
}

/** The book with one more token, without those that nobody will ask for again. */
export function withToken(
  book: TokenBook,
  token: KeptToken,
  nowMs: number,
): TokenBook {
  const kept = book.filter(({ expiresAtMs }) => expiresAtMs > nowMs - KEPT_MS);
  return [...kept.slice(-(TOKENS_MAX - 1)), token];
}

/** Where a token stands. */
export function tokenState(
  { spent, expiresAtMs }: KeptToken,
  nowMs: number,
): "valid" | "used" | "expired" {
  if (spent !== null) return "used";
  return expiresAtMs <= nowMs ? "expired" : "valid";
}

/** The key's value. */
export function encodeTokenBook(book: TokenBook): string {
  const tokens = book.map(({ id, hash, use, expiresAtMs, spent }) => ({
    id,
    hash,
    use,
    expires: expiresAtMs,
    ...(spent === null ? {} : { key: spent.keyHash, name: spent.name }),
  }));
  return JSON.stringify({ tokens });
}

/** What the key says; entries that cannot be read are no tokens. */
export function decodeTokenBook(value: string | null): TokenBook {
  const tokens = value === null ? null : parseJsonObject(value)?.["tokens"];
  return Array.isArray(tokens) ? tokens.flatMap(decodeToken) : [];
}

function decodeToken(value: unknown): readonly KeptToken[] {
  if (typeof value !== "object" || value === null) return [];
  const fields: Readonly<Record<string, unknown>> = { ...value };
  const id = readText(fields["id"]);
  const hash = readText(fields["hash"]);
  const use = fields["use"];
  const expires = fields["expires"];
  if (id === null || hash === null || typeof expires !== "number") return [];
  if (use !== "join" && use !== "renew") return [];
  const keyHash = readText(fields["key"]);
  const name = readText(fields["name"]);
  const spent = keyHash === null || name === null ? null : { keyHash, name };
  return [{ id, hash, use, expiresAtMs: expires, spent }];
}
