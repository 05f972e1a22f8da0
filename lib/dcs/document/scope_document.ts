/**
 * All that a store without sessions keeps of a scope, as one plain value, and what
 * each operation of the port makes of it. Nothing here asks a server or a clock;
 * who saves the outcome, and that nobody else has saved meanwhile, is the
 * business of `document_dcs.ts`. ADR 14 says why one document.
 *
 * Every function gives back the very same object if it changes nothing.
 */
import {
  type Revision,
  type SessionId,
  sessionId,
} from "../../core/base/units.ts";
import type { SessionSighting } from "../../core/calc/lead/observed_sessions.ts";
import type {
  DcsCondition,
  DcsEdit,
  DcsEntry,
  DcsResult,
  DcsWrite,
  RenewAnswer,
} from "../../ports/dcs.ts";

/** One key. */
export interface DocumentKey {
  readonly value: string;
  /** The version of the document that put it. */
  readonly revision: Revision;
  /** The session that it hangs on; null: it stays. */
  readonly session: SessionId | null;
}

/** One session, which its observers time. */
export interface DocumentSession {
  /** The version of the document that renewed it last: no two renewals have the same. */
  readonly renewals: Revision;
  readonly ttlMs: number;
}

/** One scope. */
export interface ScopeDocument {
  /** Which life of the server it was saved in last; see {@link enterEra}. */
  readonly era: string;
  readonly keys: ReadonlyMap<string, DocumentKey>;
  readonly sessions: ReadonlyMap<SessionId, DocumentSession>;
}

/** A document, and what the caller of the port is told about it. */
export interface Changed<T> {
  readonly document: ScopeDocument;
  readonly answer: T;
}

/** What a write came to. */
export type WriteAnswer =
  | DcsResult
  /** A put named a session that is not there. */
  | { readonly kind: "session_gone"; readonly key: string };

/** Holds the lead back after the server was replaced; nobody renews it. */
const GUARD = sessionId("guard");

/** The ttl of a guard where nothing tells how long leases are: Patroni's default. */
const GUARD_TTL_MS = 30_000;

/** A scope that nobody has written to. */
export function emptyDocument(era: string): ScopeDocument {
  return { era, keys: new Map(), sessions: new Map() };
}

/** Does the edits if the conditions hold; `version` is that of the outcome. */
export function write(
  document: ScopeDocument,
  { when, edits }: DcsWrite,
  version: Revision,
): Changed<WriteAnswer> {
  const failed = { document, answer: { kind: "condition_failed" } } as const;
  if (!when.every((one) => holds(one, document.keys.get(one.key)))) {
    return failed;
  }
  const orphan = edits.find((edit) => isOrphan(document, edit));
  if (orphan !== undefined) {
    return { document, answer: { kind: "session_gone", key: orphan.key } };
  }
  if (
    isGuarded(document) && edits.some((one) => isClaim(document, when, one))
  ) {
    return failed;
  }
  const keys = new Map(document.keys);
  let isChanged = false;
  for (const edit of edits) {
    if (edit.kind === "delete") {
      isChanged = keys.delete(edit.key) || isChanged;
    } else {
      const { key, value, session } = edit;
      keys.set(key, { value, revision: version, session });
      isChanged = true;
    }
  }
  return {
    document: isChanged ? { ...document, keys } : document,
    answer: { kind: "done", revision: version },
  };
}

/** Without any key. Sessions stay, and so does who holds the lead back. */
export function withoutKeys(document: ScopeDocument): ScopeDocument {
  return document.keys.size === 0 ? document : { ...document, keys: new Map() };
}

/** With one more session. */
export function openSession(
  document: ScopeDocument,
  id: SessionId,
  session: DocumentSession,
): ScopeDocument {
  const sessions = new Map(document.sessions).set(id, session);
  return { ...document, sessions };
}

/** With a session renewed by the version of the outcome. */
export function renewSession(
  document: ScopeDocument,
  id: SessionId,
  version: Revision,
): Changed<RenewAnswer> {
  const session = document.sessions.get(id);
  if (session === undefined || id === GUARD) {
    return { document, answer: "gone" };
  }
  const renewed = { ...session, renewals: version };
  return { document: openSession(document, id, renewed), answer: "alive" };
}

/** Without a session, as its holder may end it, and without its keys. */
export function withoutSession(
  document: ScopeDocument,
  id: SessionId,
): ScopeDocument {
  const session = document.sessions.get(id);
  return session === undefined || id === GUARD
    ? document
    : endSessions(document, [{ id, ...session }]);
}

/** What observers time. */
export function sightingsOf(
  { sessions }: ScopeDocument,
): readonly SessionSighting[] {
  return [...sessions].map(([id, { renewals, ttlMs }]) => ({
    ...{ id, renewals, ttlMs },
  }));
}

/** Without the sessions that nobody has renewed since they were seen so, and without their keys. */
export function endSessions(
  document: ScopeDocument,
  ended: readonly SessionSighting[],
): ScopeDocument {
  const gone = new Set(
    ended.filter(({ id, renewals }) =>
      document.sessions.get(id)?.renewals === renewals
    ).map(({ id }) => id),
  );
  if (gone.size === 0) return document;
  return {
    ...document,
    keys: new Map(
      [...document.keys].filter(([, { session }]) =>
        session === null || !gone.has(session)
      ),
    ),
    sessions: new Map(
      [...document.sessions].filter(([id]) => !gone.has(id)),
    ),
  };
}

/**
 * The document in another life of the server. A server that was replaced by its
 * standby may have lost what it had granted: somebody may hold a lease that
 * stands nowhere any more. So nobody gets one before that has ended: for as long
 * as the longest ttl that is known, counted from when this is seen in the store.
 *
 * @param ttlMs What the caller's own sessions last; null: it has none.
 */
export function enterEra(
  document: ScopeDocument,
  { era, version, ttlMs }: {
    readonly era: string;
    readonly version: Revision;
    readonly ttlMs: number | null;
  },
): ScopeDocument {
  if (document.era === era) return document;
  const known = [...document.sessions.values()].map((one) => one.ttlMs);
  const ttls = ttlMs === null ? known : [...known, ttlMs];
  const longest = ttls.length === 0 ? GUARD_TTL_MS : Math.max(...ttls);
  const guard = { renewals: version, ttlMs: longest };
  return { ...openSession(document, GUARD, guard), era };
}

/** Whether nobody may take the lead yet; see {@link enterEra}. */
export function isGuarded({ sessions }: ScopeDocument): boolean {
  return sessions.has(GUARD);
}

/** For how long after it was seen first; null: not at all. */
export function guardMs({ sessions }: ScopeDocument): number | null {
  return sessions.get(GUARD)?.ttlMs ?? null;
}

/** All keys, sorted, as the process that holds this session is shown them. */
export function entriesOf(
  { keys }: ScopeDocument,
  held: SessionId | null,
): readonly DcsEntry[] {
  return [...keys].map(([key, { value, revision, session }]) => ({
    ...{ key, value, revision },
    isHeld: session !== null && session === held,
  })).sort((a, b) => a.key < b.key ? -1 : 1);
}

/**
 * A put that gives a key to somebody: the key hangs on a session, is not there or
 * hangs on another one, and the writer cares which. Also a member that wants to
 * bind its own key anew: what the server still says of it may be from before it
 * gave that back.
 */
function isClaim(
  { keys }: ScopeDocument,
  when: readonly DcsCondition[],
  edit: DcsEdit,
): boolean {
  if (edit.kind === "delete" || edit.session === null) return false;
  if (!when.some(({ key }) => key === edit.key)) return false;
  return keys.get(edit.key)?.session !== edit.session;
}

function isOrphan({ sessions }: ScopeDocument, edit: DcsEdit): boolean {
  return edit.kind === "put" && edit.session !== null &&
    !sessions.has(edit.session);
}

function holds(
  condition: DcsCondition,
  stored: DocumentKey | undefined,
): boolean {
  switch (condition.kind) {
    case "absent":
      return stored === undefined;
    case "value_is":
      return stored?.value === condition.value;
    case "revision_is":
      return stored?.revision === condition.revision;
  }
}
