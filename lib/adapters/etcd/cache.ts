/**
 * The keys of a scope as one watch session knows them.
 *
 * Changes arrive on two ways, as answers to own writes and through the watch, in
 * any order; etcd's counter decides, so that an older change never overwrites a
 * newer one. Knows nothing of connections.
 */
import type { DcsSnapshot } from "../../ports/dcs.ts";
import {
  type CacheChange,
  type Counter,
  entryOf,
  type StoredKey,
  type StoredScope,
} from "./keys.ts";

/** The keys of one scope, kept current by answers and by the watch. */
export class KeyCache {
  readonly #entries = new Map<string, StoredKey>();
  /** Deletes that the watch has not confirmed yet. */
  readonly #deleted = new Map<string, Counter>();
  #upTo: Counter;
  #lastChange: Counter;
  #shown:
    | { readonly held: string | null; readonly snapshot: DcsSnapshot }
    | null = null;

  constructor(start: StoredScope) {
    this.#upTo = start.at;
    this.#lastChange = start.at;
    for (const entry of start.entries) this.#entries.set(entry.key, entry);
  }

  /** All changes up to this one are in the cache. */
  get upTo(): Counter {
    return this.#upTo;
  }

  /** No key has changed after this, as far as the cache knows. */
  get lastChange(): Counter {
    return this.#lastChange;
  }

  /** Takes a change over unless the cache knows a newer one of that key. */
  apply(change: CacheChange): void {
    const { key, at, entry } = change;
    const known = this.#entries.get(key)?.at ?? this.#deleted.get(key);
    if (known !== undefined && known >= at) return;
    if (at > this.#lastChange) this.#lastChange = at;
    if (entry === null) {
      this.#entries.delete(key);
      this.#deleted.set(key, at);
    } else {
      this.#entries.set(key, entry);
      this.#deleted.delete(key);
    }
    this.#shown = null;
  }

  /** What is known of a key; null: nothing. */
  stateOf(key: string): CacheChange | null {
    const entry = this.#entries.get(key) ?? null;
    const at = entry?.at ?? this.#deleted.get(key);
    return at === undefined ? null : { key, at, entry };
  }

  /** The watch has delivered everything up to that. */
  completeTo(at: Counter): void {
    if (at <= this.#upTo) return;
    this.#upTo = at;
    for (const [key, deleted] of this.#deleted) {
      if (deleted <= at) this.#deleted.delete(key);
    }
  }

  /** Whether a read of the store shows nothing that the cache lacks. */
  agreesWith(fresh: StoredScope): boolean {
    const freshKeys = new Set(fresh.entries.map((entry) => entry.key));
    const hasAll = fresh.entries.every((entry) => {
      const known = this.#entries.get(entry.key)?.at ??
        this.#deleted.get(entry.key);
      return known !== undefined && known >= entry.at;
    });
    return hasAll &&
      [...this.#entries.values()].every((entry) =>
        freshKeys.has(entry.key) || entry.at > fresh.at
      );
  }

  /**
   * The same object until something changes.
   *
   * @param held The lease that this process holds; null: none.
   */
  snapshot(held: string | null): DcsSnapshot {
    if (this.#shown?.held === held) return this.#shown.snapshot;
    const entries = [...this.#entries.values()]
      .sort((a, b) => a.key < b.key ? -1 : 1)
      .map((entry) => entryOf(entry, held));
    this.#shown = { held, snapshot: { entries } };
    return this.#shown.snapshot;
  }
}
