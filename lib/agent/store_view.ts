/**
 * The loop's reads of the store: what it shows becomes the last view, the memory
 * hears of it, and the dynamic configuration follows. A store that does not
 * answer is data, too.
 */
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { DcsView } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import type { ConfigInForce } from "./config_in_force.ts";
import type { LastView } from "./last_view.ts";
import type { Remembering } from "./memory.ts";
import type { ScopeReader } from "./scope_reader.ts";
import type { StoreBudget } from "./store_budget.ts";

/** What a read works with. */
interface ReadParts {
  readonly clock: Pick<Clock, "now" | "wallTimeMs">;
  readonly log: Pick<Log, "warning">;
  readonly reader: ScopeReader;
  readonly budget: StoreBudget;
  readonly memory: Remembering;
  readonly last: LastView;
  readonly inForce: Pick<ConfigInForce, "follow">;
  /** In failsafe mode a leader may be added to what the store shows. */
  readonly listener: { completed(view: ClusterView): ClusterView };
}

/** Reads the store for the loop. */
export class StoreView {
  readonly #parts: ReadParts;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  /** Reads the store; "unreachable" is an answer too. */
  async look(): Promise<DcsView> {
    try {
      return await this.again();
    } catch (error) {
      if (!(error instanceof DcsUnreachableError)) throw error;
      this.#parts.last.lost();
      return this.unreachable(error);
    }
  }

  /**
   * Reads the store within a cycle.
   *
   * @throws What the Dcs port throws.
   */
  async again(): Promise<DcsView> {
    const { budget, reader } = this.#parts;
    const seen = await budget.withRetries((limits) => reader.view(limits));
    return { kind: "reachable", view: await this.#note(seen) };
  }

  /** Asks the store itself within a cycle, once. Throws what the Dcs port throws. */
  async afresh(limits: DcsLimits): Promise<DcsView> {
    const seen = await this.#parts.reader.freshView(limits);
    return { kind: "reachable", view: await this.#note(seen) };
  }

  /** Asks the store itself, once. Throws what the Dcs port throws. */
  async first(limits: DcsLimits): Promise<void> {
    await this.#note(await this.#parts.reader.freshView(limits));
  }

  /** The store as a failed call shows it. */
  unreachable(error: Error): DcsView {
    const { log, clock } = this.#parts;
    log.warning(`Error communicating with DCS: ${error.message}`);
    return {
      kind: "unreachable",
      since: clock.now(),
      detail: error.message,
    };
  }

  /** @returns The view to go on with. */
  async #note(seen: ClusterView): Promise<ClusterView> {
    const { clock, listener, last, memory, inForce } = this.#parts;
    const view = listener.completed(seen);
    last.seen(view, { now: clock.now(), wallTimeMs: clock.wallTimeMs() });
    memory.remember({ kind: "viewed", view });
    memory.remember({ kind: "pledges_seen", at: clock.now(), view });
    await inForce.follow(view);
    return view;
  }
}
