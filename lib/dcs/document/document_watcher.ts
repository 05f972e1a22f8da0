/**
 * The watch of a document: looks when the bell rings, when a session may be over,
 * and after a while without either. What has changed is found by comparing, so
 * nothing is missed while the server is away. Values in between are.
 */
import { remainingMs, revision } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits, DcsListener } from "../../ports/dcs.ts";
import { changesBetween, type KeyState } from "../changes.ts";
import { DcsListeners } from "../listeners.ts";
import type { DocumentStore } from "./document_store.ts";
import {
  type DocumentView,
  isRollback,
  type KnownDocument,
} from "./document_view.ts";

/** A server that has fallen silent is noticed after this. */
const LOOK_LIMITS: DcsLimits = { timeoutMs: 5000 };
const PROBLEM_PAUSE_MS = 250;

/** What a watch works with. */
export interface WatcherParts {
  readonly store: Pick<DocumentStore, "listen" | "pollMs">;
  readonly view: Pick<DocumentView, "isKnown" | "nextEnd">;
  readonly clock: Clock;
  /** Asks for the document, and ends the sessions that are over. */
  readonly look: (limits: DcsLimits) => Promise<unknown>;
}

/** Feeds the listeners of one client. */
export class DocumentWatcher {
  readonly #parts: WatcherParts;
  readonly #listeners = new DcsListeners();
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  #rung = new AbortController();

  constructor(parts: WatcherParts) {
    this.#parts = parts;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    if (signal.aborted || this.#closing.signal.aborted) return;
    this.#listeners.add(listener, signal);
    // The last one's end ends the watch.
    signal.addEventListener("abort", () => this.#ring(), { once: true });
    this.#running ??= this.#run();
  }

  /** Tells the listeners what is new in a document that was seen or saved. */
  hear(now: KnownDocument, before: KnownDocument | null): void {
    if (before === null || this.#running === null) return;
    if (isRollback(now, before)) {
      this.#listeners.fall();
      this.#listeners.stand();
      return;
    }
    const at = revision(now.version ?? "none");
    for (const one of changesBetween(statesOf(before), statesOf(now), at)) {
      this.#listeners.tell(one);
    }
  }

  /** Ends the watch; the client's own end ends the question that waits. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#listeners.close();
    this.#ring();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { store, view } = this.#parts;
    const ending = new AbortController();
    const ring = (version: string | null): void => {
      if (version === null || !view.isKnown(version)) this.#ring();
    };
    store.listen({ ring }, ending.signal);
    while (!this.#closing.signal.aborted && !this.#listeners.isEmpty) {
      this.#rung = new AbortController();
      await this.#lookAndWait(this.#rung.signal);
    }
    ending.abort();
    this.#listeners.fall();
    this.#running = null;
  }

  async #lookAndWait(rung: AbortSignal): Promise<void> {
    const { clock, look } = this.#parts;
    try {
      await look(LOOK_LIMITS);
      if (this.#closing.signal.aborted) return;
      this.#listeners.stand();
      await clock.sleep(this.#pauseMs(), rung);
    } catch {
      // Calls report what is wrong with the server; here the answer is to go on.
      await clock.sleep(PROBLEM_PAUSE_MS, this.#closing.signal);
    }
  }

  #pauseMs(): number {
    const { store, view, clock } = this.#parts;
    const end = view.nextEnd();
    if (end === null) return store.pollMs;
    const untilEndMs = remainingMs(end, clock.now());
    // One that is over and still there could not be cleared away.
    return untilEndMs <= 0
      ? PROBLEM_PAUSE_MS
      : Math.min(store.pollMs, untilEndMs);
  }

  #ring(): void {
    // With a reason: without one each ring would make an exception for it.
    this.#rung.abort("rung");
  }
}

function statesOf({ document }: KnownDocument): readonly KeyState[] {
  return [...document.keys].map(([key, { value, revision }]) => ({
    ...{ key, value, revision },
  }));
}
