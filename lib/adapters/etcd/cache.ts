/**
 * The keys of a scope as one watch session knows them.
 *
 * Changes arrive on two ways, as answers to own writes and through the watch, in
 * any order; the revision decides, so that an older change never overwrites a
 * newer one. Knows nothing of connections.
 */
import type { Revision } from "../../core/base/units.ts";
import type { DcsEntry, DcsSnapshot } from "../../ports/dcs.ts";

/** One key's new state; `entry` null: deleted. */
export interface CacheChange {
  readonly key: string;
  readonly revision: Revision;
  readonly entry: DcsEntry | null;
}

/** The keys of one scope, kept current by answers and by the watch. */
export class KeyCache {
  readonly #entries = new Map<string, DcsEntry>();
  /** Deletes that the watch has not confirmed yet. */
  readonly #deleted = new Map<string, Revision>();
  #upTo: Revision;
  #newest: Revision;
  #lastChange: Revision;
  #snapshot: DcsSnapshot | null = null;

  constructor(start: DcsSnapshot) {
    this.#upTo = start.revision;
    this.#newest = start.revision;
    this.#lastChange = start.revision;
    for (const entry of start.entries) this.#entries.set(entry.key, entry);
  }

  /** All changes up to this revision are in the cache. */
  get upTo(): Revision {
    return this.#upTo;
  }

  /** No key has changed after this revision, as far as the cache knows. */
  get lastChange(): Revision {
    return this.#lastChange;
  }

  /** Takes a change over unless the cache knows a newer one of that key. */
  apply(change: CacheChange): void {
    const { key, entry } = change;
    const known = this.#entries.get(key)?.revision ?? this.#deleted.get(key);
    if (known !== undefined && known >= change.revision) return;
    if (change.revision > this.#newest) this.#newest = change.revision;
    if (change.revision > this.#lastChange) this.#lastChange = change.revision;
    if (entry === null) {
      this.#entries.delete(key);
      this.#deleted.set(key, change.revision);
    } else {
      this.#entries.set(key, entry);
      this.#deleted.delete(key);
    }
    this.#snapshot = null;
  }

  /** The watch has delivered everything up to `revision`. */
  completeTo(revision: Revision): void {
    if (revision <= this.#upTo) return;
    this.#upTo = revision;
    if (revision > this.#newest) this.#newest = revision;
    this.#snapshot = null;
    for (const [key, deleted] of this.#deleted) {
      if (deleted <= revision) this.#deleted.delete(key);
    }
  }

  /** Whether a read of the store shows nothing that the cache lacks. */
  agreesWith(fresh: DcsSnapshot): boolean {
    const freshKeys = new Set(fresh.entries.map((entry) => entry.key));
    const hasAll = fresh.entries.every((entry) => {
      const known = this.#entries.get(entry.key)?.revision ??
        this.#deleted.get(entry.key);
      return known !== undefined && known >= entry.revision;
    });
    return hasAll &&
      [...this.#entries.values()].every((entry) =>
        freshKeys.has(entry.key) || entry.revision > fresh.revision
      );
  }

  /** The same object until something changes. */
  snapshot(): DcsSnapshot {
    if (this.#snapshot !== null) return this.#snapshot;
    const entries = [...this.#entries.values()].sort((a, b) =>
      a.key < b.key ? -1 : 1
    );
    this.#snapshot = { revision: this.#newest, entries };
    return this.#snapshot;
  }
}
