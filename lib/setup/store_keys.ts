/**
 * The two keys of a scope that setting hosts up needs, read and written with the
 * store's own guards.
 */
import type {
  Dcs,
  DcsCondition,
  DcsEntry,
  DcsLimits,
  DcsSnapshot,
} from "../ports/dcs.ts";
import { decodeMember } from "../core/codec/member_codec.ts";
import {
  AUTHORITY_KEY,
  type AuthorityRecord,
  decodeAuthority,
  encodeAuthority,
} from "./authority_record.ts";
import {
  decodeTokenBook,
  encodeTokenBook,
  type TokenBook,
  TOKENS_KEY,
} from "./token_book.ts";

const LIMITS: DcsLimits = { timeoutMs: 10_000 };
/** Somebody else writes in between at most that often. */
const ATTEMPTS = 10;

const MEMBERS = "members/";

/** What the scope has. */
export interface ScopeKeys {
  readonly authority: AuthorityRecord | null;
  readonly book: TokenBook;
  /** Names of the members that live. */
  readonly members: readonly string[];
  /** By their names: the hosts in the URLs that they publish. */
  readonly hosts: ReadonlyMap<string, readonly string[]>;
  /** Whether a cluster was ever made here. */
  readonly isInitialized: boolean;
}

/** What an update wants; null: to leave all as it is. */
export interface KeyChange<T, A> {
  /** Null: do not write. */
  readonly value: T | null;
  readonly answer: A;
}

/** All of it, from the store itself. @throws {DcsUnreachableError} */
export async function readScopeKeys(dcs: Dcs): Promise<ScopeKeys> {
  return keysOf(await dcs.readFresh(LIMITS));
}

/** What is said of the authorities; null: nothing that can be read. */
export function authorityIn(
  { entries }: Pick<DcsSnapshot, "entries">,
): AuthorityRecord | null {
  return decodeAuthority(entryOf(entries, AUTHORITY_KEY)?.value ?? null);
}

/** As far as this process has heard; mostly costs the store nothing. @throws {DcsUnreachableError} */
export async function readKnownScopeKeys(dcs: Dcs): Promise<ScopeKeys> {
  return keysOf(await dcs.read(LIMITS));
}

function keysOf(snapshot: DcsSnapshot): ScopeKeys {
  const { entries } = snapshot;
  const value = (key: string) => entryOf(entries, key)?.value ?? null;
  const members = entries.filter(({ key }) => key.startsWith(MEMBERS))
    .map(({ key, value }) => decodeMember(key.slice(MEMBERS.length), value));
  return {
    authority: authorityIn(snapshot),
    book: decodeTokenBook(value(TOKENS_KEY)),
    members: members.map(({ name }) => name),
    hosts: new Map(members.map(({ name, connUrl, apiUrl }) => [
      name,
      [connUrl, apiUrl].flatMap((url) => hostIn(url) ?? []),
    ])),
    isInitialized: value("initialize") !== null,
  };
}

/** Null: there is no URL with one. */
function hostIn(text: string | null): string | null {
  const name = text === null ? null : URL.parse(text)?.hostname;
  return name ? name.replace(/^\[(.*)\]$/, "$1") : null;
}

/**
 * Changes the book of tokens, as if nobody else did meanwhile.
 *
 * @param change May be called several times; must only calculate.
 * @throws {DcsUnreachableError}
 */
export function updateBook<A>(
  dcs: Dcs,
  change: (book: TokenBook) => KeyChange<TokenBook, A>,
): Promise<A> {
  return update(dcs, TOKENS_KEY, (value) => {
    const { value: book, answer } = change(decodeTokenBook(value));
    return { value: book === null ? null : encodeTokenBook(book), answer };
  });
}

/** The same for the record of the authorities. @throws {DcsUnreachableError} */
export function updateAuthority<A>(
  dcs: Dcs,
  change: (
    record: AuthorityRecord | null,
  ) => KeyChange<AuthorityRecord, A>,
): Promise<A> {
  return update(dcs, AUTHORITY_KEY, (value) => {
    const { value: record, answer } = change(decodeAuthority(value));
    return { value: record === null ? null : encodeAuthority(record), answer };
  });
}

async function update<A>(
  dcs: Dcs,
  key: string,
  change: (value: string | null) => KeyChange<string, A>,
): Promise<A> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { entries } = await dcs.readFresh(LIMITS);
    const entry = entryOf(entries, key);
    const { value, answer } = change(entry?.value ?? null);
    if (value === null) return answer;
    const when: DcsCondition = entry === undefined
      ? { kind: "absent", key }
      : { kind: "revision_is", key, revision: entry.revision };
    const put = { kind: "put", key, value, session: null } as const;
    const result = await dcs.write({ when: [when], edits: [put] }, LIMITS);
    if (result.kind === "done") return answer;
  }
  throw new Error(`The key ${key} changes too often to be written`);
}

function entryOf(
  entries: readonly DcsEntry[],
  key: string,
): DcsEntry | undefined {
  return entries.find((entry) => entry.key === key);
}
