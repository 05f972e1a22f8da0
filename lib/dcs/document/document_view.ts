/**
 * What one process knows of a scope's document: the newest version that it has
 * seen, and since when it has watched each session. Never goes back in time, as
 * long as the server does not.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import {
  endedSessions,
  nextEnd,
  NO_SESSIONS,
  type WatchedSession,
  watchSessions,
} from "../../core/calc/lead/observed_sessions.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
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

/** See the head of this file. */
export class DocumentView {
  readonly #parts: ViewParts;
  readonly #onNews: NewsListener;
  #known: KnownDocument | null = null;
  #watched: readonly WatchedSession[] = NO_SESSIONS;
  /** The version that this process tried to save last. */
  #tried: string | null = null;

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

  /** Asks the server. */
  async fresh({ timeoutMs }: DcsLimits): Promise<KnownDocument> {
    const { store, clock } = this.#parts;
    const deadline = after(clock.now(), timeoutMs);
    for (;;) {
      const before = this.#known;
      const leftMs = remainingMs(deadline, clock.now());
      const loaded = this.#read(await store.load({ timeoutMs: leftMs }));
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
  const why = store.refusal?.({ valueOf }) ?? null;
  if (why !== null) throw new DcsRefusedError(why);
}

/** Whether the server has gone back to an earlier state. */
export function isRollback(now: KnownDocument, before: KnownDocument): boolean {
  if (before.version === null) return false;
  return now.version === null || now.era !== before.era ||
    countOf(now.version) < countOf(before.version);
}
