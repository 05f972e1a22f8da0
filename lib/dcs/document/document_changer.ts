/**
 * Saves what an operation makes of the document, if nobody has saved another
 * meanwhile; else asks for that one and tries again, within the caller's limit.
 *
 * An operation begins with what this process has seen last, which costs one round
 * trip instead of two. What it refuses is only believed once the document was
 * asked for; what it changes is proven by the save itself.
 */
import {
  after,
  type Moment,
  remainingMs,
  type Revision,
} from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import type { Random } from "../../ports/random.ts";
import { encodeDocument } from "./document_codec.ts";
import type { DocumentStore } from "./document_store.ts";
import { versionAfter } from "./document_version.ts";
import {
  type DocumentView,
  type KnownDocument,
  refuseMisplaced,
} from "./document_view.ts";
import {
  type Changed,
  endSessions,
  enterEra,
  guardMs,
  type ScopeDocument,
} from "./scope_document.ts";

const PAUSE_MS_MIN = 10;
const PAUSE_MS_MAX = 200;

/** What is made of a document; `version` is that of the outcome. */
export type Operation<T> = (
  document: ScopeDocument,
  version: Revision,
) => Changed<T>;

/** What a changer works with. */
export interface ChangerParts {
  readonly store: DocumentStore;
  readonly view: DocumentView;
  readonly clock: Clock;
  readonly random: Random;
  /** Where it is said that nobody may take the lead for a while. */
  readonly warn: (text: string) => void;
  /** What this process's session lasts; null: it has none. */
  readonly ttlMs: () => number | null;
}

/** Changes the document of one scope for this process. */
export class DocumentChanger {
  readonly #parts: ChangerParts;

  constructor(parts: ChangerParts) {
    this.#parts = parts;
  }

  /** Does the operation. */
  async change<T>(operation: Operation<T>, limits: DcsLimits): Promise<T> {
    const { view } = this.#parts;
    const deadline = this.#deadline(limits);
    const seen = view.known;
    const known = seen ?? await view.fresh(this.#left(deadline));
    const from = { known, isFresh: seen === null };
    return await this.#run(operation, from, deadline);
  }

  /** The document as the server has it, without the sessions that are over. */
  async fresh(limits: DcsLimits): Promise<ScopeDocument> {
    const deadline = this.#deadline(limits);
    const known = await this.#parts.view.fresh(this.#left(deadline));
    const asIs: Operation<ScopeDocument> = (document) => ({
      document,
      answer: document,
    });
    try {
      return await this.#run(asIs, { known, isFresh: true }, deadline);
    } catch {
      // What could not be cleared away is still there.
      return this.#parts.view.known?.document ?? known.document;
    }
  }

  async #run<T>(
    operation: Operation<T>,
    from: { readonly known: KnownDocument; readonly isFresh: boolean },
    deadline: Moment,
  ): Promise<T> {
    const { view, random } = this.#parts;
    let { known, isFresh } = from;
    for (let tries = 0;; tries++) {
      const version = versionAfter(known.version, random);
      const tended = this.#tended(known, version);
      const { document, answer } = operation(tended, version);
      if (document !== known.document) {
        const next = { version, era: known.era, document };
        if (await this.#save(known, next, deadline)) return answer;
        await this.#pause(tries, deadline);
      } else if (isFresh) {
        return answer;
      }
      known = await view.fresh(this.#left(deadline));
      isFresh = true;
    }
  }

  /** Without the sessions that are over, and in the server's own era. */
  #tended(
    { document, era }: KnownDocument,
    version: Revision,
  ): ScopeDocument {
    const { view, ttlMs } = this.#parts;
    const entered = enterEra(document, { era, version, ttlMs: ttlMs() });
    return endSessions(entered, view.ended());
  }

  /** False: somebody else has saved another one. */
  async #save(
    seen: KnownDocument,
    next: KnownDocument & { readonly version: string },
    deadline: Moment,
  ): Promise<boolean> {
    const { store, view } = this.#parts;
    const { version, era, document } = next;
    const text = this.#text(document);
    view.noteTry(version);
    let lost: DcsUnreachableError | null = null;
    for (let tries = 0;; tries++) {
      try {
        const save = { seen: seen.version, era, version, text };
        const outcome = await store.save(save, this.#left(deadline));
        if (outcome === "saved") {
          this.#noteSaved(seen, next);
          return true;
        }
        if (lost === null) return false;
      } catch (error) {
        if (!(error instanceof DcsUnreachableError)) throw error;
        lost ??= error;
        await this.#pause(tries, deadline);
        if (this.#parts.clock.now() >= deadline) throw lost;
      }
      // An earlier try may have been done, and only its answer be lost.
      const now = await view.fresh(this.#left(deadline));
      if (now.version === version && store.isSeenSafe) return true;
      const isUntouched = now.version === seen.version && now.era === era;
      if (!isUntouched) throw lost;
    }
  }

  #text(document: ScopeDocument): string {
    const { store } = this.#parts;
    refuseMisplaced(store, document);
    const text = encodeDocument(document);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes <= store.bytesMax) return text;
    throw new DcsRefusedError(
      `The scope would take ${bytes} bytes in ${store.name}, and it can ` +
        `have ${store.bytesMax} at most`,
    );
  }

  #noteSaved(seen: KnownDocument, next: KnownDocument): void {
    const { store, view, warn } = this.#parts;
    view.take(next);
    if (seen.version === null || seen.document.era === next.era) return;
    const seconds = Math.ceil((guardMs(next.document) ?? 0) / 1000);
    warn(
      `${store.name} is not the server that it was (restarted, or replaced ` +
        "by its standby) and may have lost what it had confirmed: nobody " +
        `takes the lead for ${seconds} s`,
    );
  }

  #deadline({ timeoutMs }: DcsLimits): Moment {
    return after(this.#parts.clock.now(), timeoutMs);
  }

  #left(deadline: Moment): DcsLimits {
    const { clock, store } = this.#parts;
    const timeoutMs = remainingMs(deadline, clock.now());
    if (timeoutMs > 0) return { timeoutMs };
    throw new DcsUnreachableError(
      `Cannot use ${store.name} in time: others change the scope all the time`,
    );
  }

  async #pause(tries: number, deadline: Moment): Promise<void> {
    const { clock, random } = this.#parts;
    const most = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** tries);
    const leftMs = Math.max(0, remainingMs(deadline, clock.now()));
    await clock.sleep(Math.min(leftMs, random.next() * most));
  }
}
