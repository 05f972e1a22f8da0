/**
 * The scope as the store showed it last, and when. Written by the loop's reads
 * of the store (store_view.ts); a read for a REST client that fails only makes
 * it too old for health checks.
 */
import { type Moment, moment } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";

/** For who only reads. */
export interface SeenScope {
  /** Null: the store does not answer, or was not asked yet. */
  readonly view: ClusterView | null;
}

/** What the agent knows of the scope. */
export class LastView implements SeenScope {
  #view: ClusterView | null = null;
  #shown: ClusterView | null = null;
  #at: Moment | null = null;
  #atWallMs = 0;
  #listener: (() => void) | null = null;

  get view(): ClusterView | null {
    return this.#view;
  }

  /** The last one that the store showed, however long ago. */
  get shown(): ClusterView | null {
    return this.#shown;
  }

  /** When the store was seen last, milliseconds since the epoch; 0: never. */
  get atWallMs(): number {
    return this.#atWallMs;
  }

  /** The view, if the store backed it within the last `ageMsMax`. */
  recent(now: Moment, ageMsMax: number): ClusterView | null {
    const ageMs = now - (this.#at ?? moment(0));
    return this.#at === null || ageMs > ageMsMax ? null : this.#view;
  }

  /** The store has answered. */
  seen(
    view: ClusterView,
    at: { readonly now: Moment; readonly wallTimeMs: number },
  ): void {
    this.#view = view;
    this.#shown = view;
    this.#at = at.now;
    this.#atWallMs = at.wallTimeMs;
    this.#listener?.();
  }

  /** Calls `listener` each time the store has answered. It must not throw. */
  onSeen(listener: () => void): void {
    this.#listener = listener;
  }

  /** The loop's read got no answer. */
  lost(): void {
    this.#view = null;
  }

  /** Health checks must not go on with a view that the store no longer backs. */
  distrust(): void {
    this.#at = null;
  }
}
