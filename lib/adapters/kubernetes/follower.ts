/**
 * A list and then a watch of one part of the scope, again and again. What a
 * broken watch has missed is found by the next list, so nothing gets lost.
 */
import type { Moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import type { KubeApi } from "./api.ts";
import type { ScopeFeed } from "./feed.ts";
import type { Part, ScopeState } from "./state.ts";
import type { Kind, KubeEvent } from "./wire.ts";

const LIST_LIMITS = { timeoutMs: 5000 };
const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 5000;
/** A watch that tells nothing of a change for that long is dead. */
const LATE_MS = 5000;

/** What a follower works with. */
export interface FollowerParts {
  readonly api: Pick<KubeApi, "list" | "watch">;
  readonly state: ScopeState;
  readonly feed: ScopeFeed;
  readonly clock: Clock;
}

/** Follows one part. */
export class PartFollower {
  readonly #parts: FollowerParts;
  readonly #part: Part;
  readonly #kind: Kind;
  /** Of the watch that stands; null: none does. */
  #standing: AbortController | null = null;
  /** A change that the watch has still to tell. */
  #owed: { readonly version: bigint; readonly since: Moment } | null = null;

  constructor(
    parts: FollowerParts,
    what: { readonly part: Part; readonly kind: Kind },
  ) {
    this.#parts = parts;
    this.#part = what.part;
    this.#kind = what.kind;
  }

  /**
   * Whether what is known is kept up to date.
   *
   * A connection that is cut somewhere looks like one on which nothing happens,
   * so what came by another way has to come by this one, too.
   */
  get isStanding(): boolean {
    const standing = this.#standing;
    if (standing === null) return false;
    const owed = this.#owed;
    if (owed === null || this.#parts.clock.now() - owed.since < LATE_MS) {
      return true;
    }
    standing.abort();
    return false;
  }

  /** Something came by another way. */
  owes(version: bigint): void {
    const told = this.#parts.state.part(this.#part).at ?? 0n;
    if (version <= told || this.#owed !== null) return;
    this.#owed = { version, since: this.#parts.clock.now() };
  }

  /** Reads the whole part now. */
  async list(limits: DcsLimits): Promise<void> {
    const { api, state, feed, clock } = this.#parts;
    const part = state.part(this.#part);
    const startedAt = clock.now();
    for (;;) {
      const before = part.at;
      const spentMs = clock.now() - startedAt;
      const timeoutMs = limits.timeoutMs - spentMs;
      const list = await api.list(this.#kind, { timeoutMs });
      const outcome = part.takeList(list, before);
      if (outcome === "older") continue;
      if (outcome === "went_back") feed.restart();
      return;
    }
  }

  /**
   * Follows until `signal` aborts or nobody listens.
   *
   * @param onList A list was read: from its version on nothing is missed.
   */
  async run(signal: AbortSignal, onList: () => void): Promise<void> {
    const { feed, clock } = this.#parts;
    let isKnown = false;
    let pauseMs = PAUSE_MS_MIN;
    while (!signal.aborted && !feed.listeners.isEmpty) {
      try {
        if (!isKnown) await this.list(LIST_LIMITS);
        if (signal.aborted) break;
        onList();
        pauseMs = PAUSE_MS_MIN;
        isKnown = await this.#watch(signal) === "ended";
      } catch {
        // Calls report what is wrong with the API; here the answer is to go on.
        isKnown = false;
        await clock.sleep(pauseMs, signal);
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
    }
  }

  async #watch(signal: AbortSignal): Promise<"ended" | "too_old"> {
    const { api, state } = this.#parts;
    const standing = new AbortController();
    this.#standing = standing;
    this.#owed = null;
    const since = state.part(this.#part).at ?? 0n;
    const any = AbortSignal.any([signal, standing.signal]);
    try {
      const what = { kind: this.#kind, since };
      return await api.watch(what, (event) => this.#take(event), any);
    } finally {
      this.#standing = null;
    }
  }

  #take(event: KubeEvent): void {
    const { state, feed } = this.#parts;
    const part = state.part(this.#part);
    switch (event.kind) {
      case "put":
        part.takeNext(event.object);
        break;
      case "deleted":
        part.dropNext(event.object);
        break;
      case "bookmark":
        part.moveOn(event.version);
        break;
      case "too_old":
      case "failed":
        return;
    }
    const at = part.at ?? 0n;
    if (this.#owed !== null && this.#owed.version <= at) this.#owed = null;
    feed.look();
  }
}
