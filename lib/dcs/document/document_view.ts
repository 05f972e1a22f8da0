/**
 * What one process knows of a scope's document: the newest version that it has
 * seen, and since when it has watched each session. Never goes back in time, as
 * long as the server does not.
 */
import {
  after,
  type Moment,
  remainingMs,
  type SessionId,
} from "../../core/base/units.ts";
import {
  endedSessions,
  nextEnd,
  NO_SESSIONS,
  type WatchedSession,
  watchSessions,
} from "../../core/calc/lead/observed_sessions.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { decodeDocument } from "./document_codec.ts";
import type { DocumentStore, StoredDocument } from "./document_store.ts";
import { countOf, isVersion } from "./document_version.ts";
import {
  emptyDocument,
  type ScopeDocument,
  sightingsOf,
} from "./scope_document.ts";

/** A document as it was seen. */
export interface KnownDocument {
  /** Null: the server has none yet. */
  readonly version: string | null;
  /** Of the server; the document's own is older after a failover. */
  readonly era: string;
  readonly document: ScopeDocument;
}

/** Hears of each newer document. */
export type NewsListener = (
  now: KnownDocument,
  before: KnownDocument | null,
) => void;

/** What a view looks at. */
export interface ViewParts {
  readonly store: Pick<DocumentStore, "load" | "name" | "refusal">;
  readonly clock: Clock;
}

/** The newest version of a document that this process has seen. */
export class DocumentView {
  readonly #parts: ViewParts;
  readonly #onNews: NewsListener;
  #known: KnownDocument | null = null;
  #watched: readonly WatchedSession[] = NO_SESSIONS;
  /** The version that this process tried to save last. */
  #tried: string | null = null;
  /** Sessions that are there, but not with the keys that they had. */
  #broken: ReadonlySet<SessionId> = new Set();

  constructor(parts: ViewParts, onNews: NewsListener) {
    this.#parts = parts;
    this.#onNews = onNews;
  }

  /** Null: nothing was seen yet. */
  get known(): KnownDocument | null {
    return this.#known;
  }

  /** The sessions that are over by this process's clock. */
  ended(): readonly WatchedSession[] {
    return endedSessions(this.#watched, this.#parts.clock.now());
  }

  /** When the next one may be; null: there is none. */
  nextEnd(): Moment | null {
    return nextEnd(this.#watched);
  }

  /**
   * Whether the server has gone back to a state in which the session had other
   * keys: one that it had is forgotten, or one that it gave away is back. Its
   * holder must not go on as if nothing had happened: somebody may have been given
   * such a key meanwhile, and counts on that for one ttl.
   */
  isBroken(id: SessionId): boolean {
    return this.#broken.has(id);
  }

  /** Asks the server. */
  async fresh({ timeoutMs }: DcsLimits): Promise<KnownDocument> {
    const { clock } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    for (;;) {
      const before = this.#known;
      const loaded = this.#read(await this.#load(deadline));
      // Somebody was shown more while this answer was on its way.
      const isOvertaken = this.#known !== before && this.#isPast(loaded);
      if (isOvertaken && clock.now() < deadline) continue;
      this.#show(loaded);
      return loaded;
    }
  }

  /** This process is about to save a version: nobody has to tell it of that. */
  noteTry(version: string): void {
    this.#tried = version;
  }

  /** This process has saved a document. */
  take(saved: KnownDocument): void {
    if (!this.#isPast(saved)) this.#show(saved);
  }

  /** Whether a version is no news. */
  isKnown(version: string): boolean {
    return version === this.#known?.version || version === this.#tried;
  }

  /** A connection may have been broken for long; only the next use finds out. */
  async #load(deadline: Moment): Promise<StoredDocument> {
    const { store, clock } = this.#parts;
    const left = () => ({ timeoutMs: remainingMs(deadline, clock.now()) });
    try {
      return await store.load(left());
    } catch (error) {
      const isWorthIt = error instanceof DcsUnreachableError &&
        clock.now() < deadline;
      if (!isWorthIt) throw error;
      return await store.load(left());
    }
  }

  #read({ stored, era }: StoredDocument): KnownDocument {
    const { store } = this.#parts;
    if (stored === null) {
      return { version: null, era, document: emptyDocument(era) };
    }
    const { version, text } = stored;
    if (!isVersion(version)) {
      throw new DcsRefusedError(
        `What is stored for the scope in ${store.name} has no version of ` +
          "Matriarch's",
      );
    }
    const document = version === this.#known?.version
      ? this.#known.document
      : decodeDocument(text, store.name);
    refuseMisplaced(store, document);
    return { version, era, document };
  }

  #isPast({ version, era }: KnownDocument): boolean {
    const known = this.#known;
    if (known === null || known.version === null) return false;
    return version === null || era !== known.era ||
      countOf(version) < countOf(known.version);
  }

  #show(now: KnownDocument): void {
    const before = this.#known;
    this.#known = now;
    if (before !== null && isRollback(now, before)) {
      this.#broken = brokenSessions(now, before, this.#broken);
    }
    this.#watched = watchSessions(
      this.#watched,
      sightingsOf(now.document),
      this.#parts.clock.now(),
    );
    if (now.version !== before?.version) this.#onNews(now, before);
  }
}

/** @throws {DcsRefusedError} If the document must not be kept there. */
export function refuseMisplaced(
  store: Pick<DocumentStore, "refusal">,
  { keys }: ScopeDocument,
): void {
  const valueOf = (key: string) => keys.get(key)?.value ?? null;
  const why = store.refusal({ valueOf });
  if (why !== null) throw new DcsRefusedError(why);
}

/** Whether the server has gone back to an earlier state. */
export function isRollback(now: KnownDocument, before: KnownDocument): boolean {
  if (before.version === null) return false;
  return now.version === null || now.era !== before.era ||
    countOf(now.version) < countOf(before.version);
}

function brokenSessions(
  now: KnownDocument,
  before: KnownDocument,
  broken: ReadonlySet<SessionId>,
): ReadonlySet<SessionId> {
  const [old, current] = [before.document.keys, now.document.keys];
  const changed = [...new Set([...old.keys(), ...current.keys()])]
    .flatMap((key) => {
      const sessions = [old.get(key)?.session, current.get(key)?.session];
      return sessions[0] === sessions[1] ? [] : sessions;
    }).filter((id) => id !== null && id !== undefined);
  const all = [...broken, ...changed];
  return new Set(all.filter((id) => now.document.sessions.has(id)));
}
