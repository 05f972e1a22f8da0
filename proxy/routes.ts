/**
 * The routing table and how it stays current: an own watch and own reads of the
 * DCS, independent of the agent. It never forgets a table because the DCS is
 * away; it changes one at once when the DCS or the local agent says so.
 */
import {
  after,
  type Moment,
  remainingMs,
  type Revision,
} from "../lib/core/base/units.ts";
import type { MemberName } from "../lib/core/model/member.ts";
import type { ClusterView } from "../lib/core/model/cluster_view.ts";
import {
  type LagHistory,
  NO_LAG_HISTORY,
  noteLeaderPosition,
} from "../lib/core/calc/documents/lag_history.ts";
import {
  backendKey,
  leaderPosition,
  type LocalVeto,
  NO_ROUTES,
  type Routes,
  routes,
  type SealedInstance,
  zoneOf,
} from "../lib/core/calc/host/routing.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Dcs, DcsChange, DcsListener } from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import { errorText } from "./error_text.ts";
import { StoreReader } from "./store_reader.ts";

/** The table is read that often also without a change: a net below the watch. */
const READ_AGAIN_MS = 10_000;
/** After a failed read. */
const RETRY_MS = 1_000;
/** A read during which the leader changed is repeated that often. */
const READS_MAX = 20;
const CHANGES_KEPT = 20;
/** The next read after that lets new clients go to the old leader again. */
const HANDOVER_MS_MAX = 15_000;

/** One change of the table that moved clients. */
export interface RouteChange {
  readonly wallTimeMs: number;
  readonly text: string;
}

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
interface RouteWatchParts {
  readonly dcs: Dcs;
  readonly clock: Clock;
  readonly log: Log;
  readonly dcsTimeoutMs: number;
  readonly replicaLagBytesMax: number;
  /** Two cycles at least are counted. */
  readonly replicaLagMsMax: number;
  /** The own member, whose zone is preferred for reads; null: none. */
  readonly memberName: MemberName | null;
  /** Beats the own member's tag. */
  readonly zone: string | null;
  readonly isReplicaFallback: boolean;
  readonly sealed: SealedInstance | null;
  /** Whether the local agent says that this member leads under a lease that still lasts. */
  readonly hasLocalLease: (name: MemberName) => boolean;
  /** Called after each change of the table, at once. Must not throw. */
  readonly onRoutes: (routes: Routes) => void;
}

/** Keeps the routing table current. */
export class RouteWatch implements DcsListener {
  readonly #parts: RouteWatchParts;
  readonly #reader = new StoreReader();
  #view: ClusterView | null = null;
  #veto: LocalVeto | null = null;
  #resting: MemberName | null = null;
  /** When the store was first found away; null: it answers. */
  #awaySince: Moment | null = null;
  /** The request to switch over that was seen last, and since when. */
  #request: { readonly revision: Revision; readonly seenAt: Moment } | null =
    null;
  #lagHistory: LagHistory = NO_LAG_HISTORY;
  /** When the store was read last. */
  #readAt: Moment;
  #routes: Routes = NO_ROUTES;
  #health: DcsHealth = { kind: "not_read_yet" };
  #changes: readonly RouteChange[] = [];
  /** How often the leader has changed under the watch's eyes. */
  #leaderChanges = 0;
  #waking = new AbortController();
  readonly #firstRead = Promise.withResolvers<void>();

  constructor(parts: RouteWatchParts) {
    this.#parts = parts;
    this.#readAt = parts.clock.now();
  }

  /** Resolves once the store has been read. */
  get firstRead(): Promise<void> {
    return this.#firstRead.promise;
  }

  get routes(): Routes {
    return this.#routes;
  }

  get health(): DcsHealth {
    return this.#health;
  }

  /** Newest first. */
  get changes(): readonly RouteChange[] {
    return this.#changes;
  }

  /** Watches and reads until `signal` aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    this.#parts.dcs.watch(this, signal);
    signal.addEventListener("abort", () => this.#waking.abort());
    while (!signal.aborted) {
      const waking = new AbortController();
      this.#waking = waking;
      const isRead = await this.#read(signal);
      if (signal.aborted) return;
      if (isRead) await this.#parts.clock.sleep(READ_AGAIN_MS, waking.signal);
      else await this.#parts.clock.sleep(RETRY_MS, signal);
    }
  }

  onChange(change: DcsChange): void {
    if (change.key === "leader") this.#takeLeader(change);
    this.#waking.abort();
  }

  onReset(): void {
    this.#waking.abort();
  }

  /** Says what the local agent knows better than the DCS; null: nothing. */
  setVeto(veto: LocalVeto | null): void {
    const { name, reason } = this.#veto ?? {};
    const isKnown = name === veto?.name && reason === veto?.reason;
    this.#veto = veto;
    // While the store is away, the agent's lease says how long a leader counts.
    if (!isKnown || this.#awaySince !== null) this.#recompute();
  }

  /** Holds new clients of a member that is about to be stopped as planned; null: of none. */
  setResting(name: MemberName | null): void {
    this.#resting = name;
    this.#recompute();
  }

  /** The leader key needs no second look: what it says is in the change. */
  #takeLeader(change: DcsChange): void {
    this.#leaderChanges += 1;
    if (this.#view === null) return;
    const leader = change.value === null ? null : {
      name: change.value,
      isHeld: false,
      revision: change.revision,
    };
    this.#view = { ...this.#view, leader };
    this.#recompute();
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
      this.#view = this.#reader.view(snapshot);
      this.#notePosition(this.#view);
      this.#noteReachable();
      this.#recompute();
      this.#firstRead.resolve();
      return true;
    } catch (error) {
      if (!signal.aborted) this.#noteFailure(error);
      return false;
    }
  }

  #notePosition(view: ClusterView): void {
    this.#readAt = this.#parts.clock.now();
    this.#lagHistory = noteLeaderPosition(this.#lagHistory, {
      leader: view.leader?.name ?? this.#lagHistory.leader,
      leaderLsn: leaderPosition(view),
      now: this.#readAt,
    });
  }

  #noteReachable(): void {
    const { clock, log } = this.#parts;
    this.#awaySince = null;
    if (this.#health.kind === "unreachable") {
      log.info("The DCS answers again; the routes are current");
    }
    this.#health = { kind: "reachable", readAtMs: clock.wallTimeMs() };
  }

  #noteFailure(error: unknown): void {
    this.#awaySince ??= this.#parts.clock.now();
    this.#recompute();
    if (this.#health.kind === "unreachable") return;
    const detail = errorText(error);
    this.#parts.log.warning(
      `Cannot read the DCS, the last known routes stay: ${detail}`,
      { error },
    );
    const sinceMs = this.#parts.clock.wallTimeMs();
    this.#health = { kind: "unreachable", sinceMs, detail };
  }

  #recompute(): void {
    if (this.#view === null) return;
    const before = this.#routes;
    const { replicaLagBytesMax, replicaLagMsMax } = this.#parts;
    const { loopWaitMs } = this.#reader.settings(this.#view);
    this.#routes = routes(this.#view, {
      replicaLagBytesMax,
      replicaLagMsMax: Math.max(replicaLagMsMax, 2 * loopWaitMs),
      lagHistory: this.#lagHistory,
      asOf: this.#readAt,
      veto: this.#veto,
      resting: this.#resting,
      isHandoverExpected: this.#isHandoverExpected(this.#view),
      isLeaseOver: this.#isLeaseOver(this.#view),
      before,
      zone: this.#zone(this.#view),
      isReplicaFallback: this.#parts.isReplicaFallback,
      sealed: this.#parts.sealed,
    });
    const text = changeText(before, this.#routes);
    if (text !== null) this.#note(text);
    this.#parts.onRoutes(this.#routes);
  }

  /**
   * The store does not answer since longer than a lease lasts, so nobody can
   * have renewed one. In failsafe mode and in pause a leader goes on without.
   */
  #isLeaseOver(view: ClusterView): boolean {
    const { clock, hasLocalLease } = this.#parts;
    if (this.#awaySince === null || view.leader === null) return false;
    const settings = this.#reader.settings(view);
    if (settings.isFailsafeMode || settings.isPaused) return false;
    const end = after(this.#awaySince, settings.ttlMs);
    if (remainingMs(end, clock.now()) > 0) return false;
    return !hasLocalLease(view.leader.name);
  }

  #zone(view: ClusterView): string | null {
    const { memberName, zone } = this.#parts;
    if (zone !== null || memberName === null) return zone;
    return zoneOf(view, memberName);
  }

  /** A request that leads to nothing must not hold clients for ever. */
  #isHandoverExpected({ failover }: ClusterView): boolean {
    const now = this.#parts.clock.now();
    if (failover === null) this.#request = null;
    else if (this.#request?.revision !== failover.revision) {
      this.#request = { revision: failover.revision, seenAt: now };
    }
    return this.#request !== null &&
      remainingMs(after(this.#request.seenAt, HANDOVER_MS_MAX), now) > 0;
  }

  #note(text: string): void {
    const { clock, log } = this.#parts;
    log.info(text, { exclusions: this.#routes.exclusions });
    const change = { wallTimeMs: clock.wallTimeMs(), text };
    this.#changes = [change, ...this.#changes].slice(0, CHANGES_KEPT);
  }
}

function changeText(before: Routes, now: Routes): string | null {
  const texts: string[] = [];
  const [was, is] = [primaryText(before), primaryText(now)];
  if (was !== is) texts.push(`primary: ${was} -> ${is}`);
  const [had, has] = [replicasText(before), replicasText(now)];
  if (had !== has) texts.push(`replicas: ${had} -> ${has}`);
  return texts.length === 0 ? null : `Route changed, ${texts.join("; ")}`;
}

function primaryText(table: Routes): string {
  if (table.primary !== null) return backendKey(table.primary);
  const reason = table.exclusions.find((e) => e.route === "primary")?.reason;
  return reason === undefined ? "none" : `none (${reason})`;
}

function replicasText(table: Routes): string {
  return table.replicas.map(backendKey).join(", ") || "none";
}
