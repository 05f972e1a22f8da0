/**
 * Reads of the scope that never go back in time.
 *
 * A server that has lost its place may answer from the past, and with
 * `consistency: stale` any may. Consul's index tells: an answer below what this
 * process has seen is asked for again, this time from the leader. The index of a
 * scope may fall all the same (its last change was a deletion, and Consul has
 * forgotten that; or a backup was restored): then the leader's word counts.
 */
import { after, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import type { ConsulApi, ReadKind } from "./api.ts";
import type { Consistency } from "./options.ts";
import type { Counter, StoredScope } from "./wire.ts";

/** What reads need. */
export interface ReaderParts {
  readonly api: Pick<ConsulApi, "scope">;
  readonly clock: Clock;
  readonly consistency: () => Consistency;
}

/** How long a question may wait for a change. */
export interface Waiting extends DcsLimits {
  readonly waitMs: number;
}

/** Reads one scope. */
export class ScopeReader {
  readonly #parts: ReaderParts;
  /** Nothing older than this is shown. */
  #floor: Counter = 0;
  /** Own writes whose index is unknown. */
  #blindWrites = 0;
  /** How many of them a read has covered. */
  #covered = 0;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** As the setting `consistency` has it, but never older than what was seen. */
  async current(limits: DcsLimits): Promise<StoredScope> {
    if (this.#covered < this.#blindWrites) return await this.fresh(limits);
    const { api, consistency } = this.#parts;
    return await this.#settled(
      await api.scope({ consistency: consistency() }, limits),
      limits,
    );
  }

  /** From the leader, who makes sure that it still is. */
  async fresh(limits: DcsLimits): Promise<StoredScope> {
    const { api, clock } = this.#parts;
    const deadline = after(clock.now(), limits.timeoutMs);
    for (;;) {
      const floor = this.#floor;
      const writes = this.#blindWrites;
      const timeoutMs = remainingMs(deadline, clock.now());
      const scope = await api.scope({ consistency: "consistent" }, {
        timeoutMs,
      });
      // Somebody was shown more while this answer was on its way.
      if (scope.at < this.#floor && this.#floor !== floor) continue;
      this.#floor = scope.at;
      this.#covered = Math.max(this.#covered, writes);
      return scope;
    }
  }

  /** The scope once something has changed in it, or after the wait. */
  async changed(since: Counter, waiting: Waiting): Promise<StoredScope> {
    const { api, consistency } = this.#parts;
    const { waitMs, timeoutMs } = waiting;
    const kind: ReadKind = {
      consistency: consistency(),
      newerThan: { index: Math.max(1, since), waitMs },
    };
    const scope = await api.scope(kind, { timeoutMs: waitMs + timeoutMs });
    return await this.#settled(scope, { timeoutMs });
  }

  /** An own write was done; null: nobody knows at which index. */
  noteWrite(at: Counter | null): void {
    if (at === null) this.#blindWrites += 1;
    else this.#floor = Math.max(this.#floor, at);
  }

  async #settled(
    scope: StoredScope,
    limits: DcsLimits,
  ): Promise<StoredScope> {
    if (scope.at < this.#floor || this.#covered < this.#blindWrites) {
      return await this.fresh(limits);
    }
    this.#floor = scope.at;
    return scope;
  }
}
