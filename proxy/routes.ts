/**
 * How the routing table stays current: an own watch and own reads of the DCS,
 * independent of the agent. The table never forgets because the DCS is away; it
 * changes at once when the DCS or the local agent says so.
 */
import type { ClusterView } from "../lib/core/model/cluster_view.ts";
import type { MemberName } from "../lib/core/model/member.ts";
import type { LocalVeto, Routes } from "../lib/core/model/routes.ts";
import type { Dcs, DcsChange, DcsListener } from "../lib/ports/dcs.ts";
import { errorText } from "./error_text.ts";
import {
  type RouteChange,
  RouteTable,
  type RouteTableParts,
} from "./route_table.ts";
import { StoreReader } from "./store_reader.ts";

/** The table is read that often also without a change: a net below the watch. */
const READ_AGAIN_MS = 10_000;
/** After a failed read. */
const RETRY_MS = 1_000;
/**
 * After a read nobody reads for four times as long as it took: somebody who
 * changes keys without end, or large ones, must not take this thread the time in
 * which it accepts sessions and answers the agent. A change of the leader does
 * not wait for a read.
 */
const REST_PER_READ = 4;
const REST_MS_MAX = 500;
/** A read during which the leader changed is repeated that often. */
const READS_MAX = 20;

/** How the store answers. */
export type DcsHealth =
  | { readonly kind: "not_read_yet" }
  | { readonly kind: "reachable"; readonly readAtMs: number }
  | {
    readonly kind: "unreachable";
    readonly sinceMs: number;
    readonly detail: string;
  };

/** What the watch needs. */
interface RouteWatchParts extends RouteTableParts {
  readonly dcs: Dcs;
  readonly dcsTimeoutMs: number;
}

/** Keeps the routing table current. */
export class RouteWatch implements DcsListener {
  readonly #parts: RouteWatchParts;
  readonly #reader = new StoreReader();
  readonly #table: RouteTable;
  readonly #firstRead = Promise.withResolvers<void>();
  #health: DcsHealth = { kind: "not_read_yet" };
  /** How often the leader has changed under the watch's eyes. */
  #leaderChanges = 0;
  #waking = new AbortController();

  constructor(parts: RouteWatchParts) {
    this.#parts = parts;
    this.#table = new RouteTable(parts, this.#reader);
  }

  /** Resolves once the store has been read. */
  get firstRead(): Promise<void> {
    return this.#firstRead.promise;
  }

  get routes(): Routes {
    return this.#table.routes;
  }

  /** The scope as it was read last; null: it was not yet. */
  get view(): ClusterView | null {
    return this.#table.view;
  }

  get health(): DcsHealth {
    return this.#health;
  }

  /** Newest first. */
  get changes(): readonly RouteChange[] {
    return this.#table.changes;
  }

  /** Watches and reads until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, dcs } = this.#parts;
    dcs.watch(this, signal);
    signal.addEventListener("abort", () => this.#waking.abort());
    while (!signal.aborted) {
      const waking = new AbortController();
      this.#waking = waking;
      const begun = clock.now();
      const isRead = await this.#read(signal);
      if (signal.aborted) return;
      const tookMs = clock.now() - begun;
      if (isRead) await clock.sleep(READ_AGAIN_MS, waking.signal);
      else await clock.sleep(RETRY_MS, signal);
      const restMs = Math.min(REST_MS_MAX, REST_PER_READ * tookMs);
      const restedMs = clock.now() - begun - tookMs;
      if (restedMs < restMs) await clock.sleep(restMs - restedMs, signal);
    }
  }

  onChange(change: DcsChange): void {
    if (change.key === "leader") {
      this.#leaderChanges += 1;
      this.#table.takeLeader(change);
    }
    this.#waking.abort();
  }

  onReset(): void {
    this.#waking.abort();
  }

  /** Says what the local agent knows better than the DCS; null: nothing. */
  setVeto(veto: LocalVeto | null): void {
    this.#table.setVeto(veto);
  }

  /** Holds new clients of a member that is about to be stopped as planned; null: of none. */
  setResting(name: MemberName | null): void {
    this.#table.setResting(name);
  }

  async #read(signal: AbortSignal): Promise<boolean> {
    const { dcs, dcsTimeoutMs } = this.#parts;
    try {
      let known = this.#leaderChanges;
      let snapshot = await dcs.read({ timeoutMs: dcsTimeoutMs });
      // A read that was under way when the leader changed would undo it.
      for (let reads = 1; reads < READS_MAX; reads++) {
        if (known === this.#leaderChanges || signal.aborted) break;
        known = this.#leaderChanges;
        snapshot = await dcs.read({ timeoutMs: dcsTimeoutMs });
      }
      if (signal.aborted) return false;
      const view = this.#reader.view(snapshot);
      this.#noteReachable();
      this.#table.takeView(view);
      this.#firstRead.resolve();
      return true;
    } catch (error) {
      if (!signal.aborted) this.#noteFailure(error);
      return false;
    }
  }

  #noteReachable(): void {
    const { clock, log } = this.#parts;
    if (this.#health.kind === "unreachable") {
      log.info("The DCS answers again; the routes are current");
    }
    this.#health = { kind: "reachable", readAtMs: clock.wallTimeMs() };
  }

  #noteFailure(error: unknown): void {
    this.#table.storeAway(this.#parts.dcs.confirmedAt?.() ?? null);
    if (this.#health.kind === "unreachable") return;
    const detail = errorText(error);
    this.#parts.log.warning(
      `Cannot read the DCS, the last known routes stay: ${detail}`,
      { error },
    );
    const sinceMs = this.#parts.clock.wallTimeMs();
    this.#health = { kind: "unreachable", sinceMs, detail };
  }
}
