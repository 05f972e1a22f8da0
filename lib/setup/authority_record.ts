/**
 * Which authorities a cluster trusts, and who signs: one key of its store. A host
 * that finds more authorities there than it has adds them to its own.
 *
 * The key is ours; Patroni's members and tools leave it alone.
 */
import {
  asObject,
  type JsonObject,
  parseJsonObject,
  readText,
  readTexts,
} from "../core/codec/json.ts";

/** The key, relative to the scope. */
export const AUTHORITY_KEY = "authority";

/** What a member has of the authorities. */
export interface TakenState {
  /** SHA-256 of all that it trusts, hexadecimal. */
  readonly trust: string;
  /** SHA-256 of the authority that signed its certificate; empty: of none. */
  readonly issuer: string;
  /** Until when its certificate counts, milliseconds since the epoch; 0: it has none. */
  readonly untilMs: number;
  /** Addresses and names of a witness, which publishes nothing else; null: it is a member. */
  readonly witness: readonly string[] | null;
}

/** What the key says. */
export interface AuthorityRecord {
  /** The member that has the signing key. */
  readonly holder: string;
  /** SHA-256 of the signing authority's certificate, hexadecimal. */
  readonly hash: string;
  /** Certificates of all trusted authorities, PEM; the signing one is the last. */
  readonly trusted: readonly string[];
  /** Who is to sign next, when all trust it; null: nobody. */
  readonly next: { readonly holder: string; readonly hash: string } | null;
  /** By the names of members. */
  readonly taken: Readonly<Record<string, TakenState>>;
  /** Members that were removed: they get no new certificate. */
  readonly removed: readonly string[];
}

/** The record of a cluster that has just been made. */
export function firstRecord(
  { holder, hash, cert }: {
    readonly holder: string;
    readonly hash: string;
    readonly cert: string;
  },
): AuthorityRecord {
  return { holder, hash, trusted: [cert], next: null, taken: {}, removed: [] };
}

/** Names of the hosts without PostgreSQL. */
export function witnessesOf(record: AuthorityRecord | null): readonly string[] {
  return Object.entries(record?.taken ?? {})
    .filter(([, { witness }]) => witness !== null)
    .map(([name]) => name)
    .toSorted();
}

/** The key's value. */
export function encodeAuthority(record: AuthorityRecord): string {
  return JSON.stringify(record);
}

/** Null: there is none, or it cannot be read. */
export function decodeAuthority(value: string | null): AuthorityRecord | null {
  const fields = value === null ? null : parseJsonObject(value);
  const signer = decodeSigner(fields);
  const trusted = readTexts(fields?.["trusted"]);
  if (signer === null || trusted === null || trusted.length === 0) return null;
  const taken = Object.entries(asObject(fields?.["taken"]) ?? {})
    .flatMap(([name, state]) => decodeTaken(name, asObject(state)));
  return {
    ...signer,
    trusted,
    next: decodeSigner(asObject(fields?.["next"])),
    taken: Object.fromEntries(taken),
    removed: readTexts(fields?.["removed"]) ?? [],
  };
}

function decodeSigner(
  fields: JsonObject | null,
): { readonly holder: string; readonly hash: string } | null {
  const holder = readText(fields?.["holder"]);
  const hash = readText(fields?.["hash"]);
  return holder === null || hash === null ? null : { holder, hash };
}

function decodeTaken(
  name: string,
  fields: JsonObject | null,
): readonly (readonly [string, TakenState])[] {
  const trust = readText(fields?.["trust"]);
  const issuer = fields?.["issuer"];
  const until = fields?.["untilMs"];
  if (trust === null || typeof issuer !== "string") return [];
  const untilMs = typeof until === "number" ? until : 0;
  const witness = readTexts(fields?.["witness"]);
  return [[name, { trust, issuer, untilMs, witness }]];
}
