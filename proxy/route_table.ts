/**
 * The routing table: made anew from the last read of the store, what the local
 * agent knows better, and how long the store has been away. How these arrive is
 * the watch's (`routes.ts`).
 */
import { after, type Moment, remainingMs } from "../lib/core/base/units.ts";
import {
  type LagHistory,
  NO_LAG_HISTORY,
  noteLeaderPosition,
} from "../lib/core/calc/documents/lag_history.ts";
import { viewInMove } from "../lib/core/calc/migration/view_in_move.ts";
import {
  leaderPosition,
  routes,
  zoneOf,
} from "../lib/core/calc/host/routing.ts";
import {
  backendKey,
  type LocalVeto,
  NO_ROUTES,
  type Routes,
  type SealedInstance,
} from "../lib/core/model/routes.ts";
import type { ClusterView } from "../lib/core/model/cluster_view.ts";
import type { MemberName } from "../lib/core/model/member.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { DcsChange } from "../lib/ports/dcs.ts";
import type { Log } from "../lib/ports/log.ts";
import { Handover } from "./handover.ts";
import type { StoreReader } from "./store_reader.ts";

const CHANGES_KEPT = 20;

/** One change of the table that moved clients. */
export interface RouteChange {
  readonly wallTimeMs: number;
  readonly text: string;
}

/** What the table is made with. */
export interface RouteTableParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly replicaLagBytesMax: number;
  /** Two cycles at least are counted. */
  readonly replicaLagMsMax: number;
  /** The own member, whose zone is preferred for reads; null: none. */
  readonly memberName: MemberName | null;
  /** Beats the own member's tag. */
  readonly zone: string | null;
  readonly isReplicaFallback: boolean;
  readonly isPoolerWanted: boolean;
  readonly sealed: SealedInstance | null;
  /** Whether the local agent says that this member leads under a lease that still lasts. */
  readonly hasLocalLease: (name: MemberName) => boolean;
  /** Called after each change of the table, at once. Must not throw. */
  readonly onRoutes: (routes: Routes) => void;
}

/** What the store said last. */
interface Reading {
  readonly view: ClusterView;
  readonly at: Moment;
  readonly lagHistory: LagHistory;
}

/** Makes the routing table, and keeps what moved clients. */
export class RouteTable {
  readonly #parts: RouteTableParts;
  readonly #reader: StoreReader;
  readonly #handover = new Handover();
  #reading: Reading | null = null;
  #veto: LocalVeto | null = null;
  #resting: MemberName | null = null;
  /** When the store was first found away; null: it answers. */
  #awaySince: Moment | null = null;
  #routes: Routes = NO_ROUTES;
  #changes: readonly RouteChange[] = [];

  constructor(parts: RouteTableParts, reader: StoreReader) {
    this.#parts = parts;
    this.#reader = reader;
  }

  get routes(): Routes {
    return this.#routes;
  }

  /** As it was read last; null: it was not yet. */
  get view(): ClusterView | null {
    return this.#reading?.view ?? null;
  }

  /** Newest first. */
  get changes(): readonly RouteChange[] {
    return this.#changes;
  }

  /** The store was read. */
  takeView(view: ClusterView): void {
    const at = this.#parts.clock.now();
    const before = this.#reading?.lagHistory ?? NO_LAG_HISTORY;
    const lagHistory = noteLeaderPosition(before, {
      leader: view.leader?.name ?? before.leader,
      leaderLsn: leaderPosition(view),
      now: at,
    });
    const last = this.#reading?.view ?? null;
    this.#reading = { view: viewInMove(last, view), at, lagHistory };
    this.#awaySince = null;
    this.#recompute();
  }

  /** The leader key needs no second look: what it says is in the change. */
  takeLeader({ revision, value }: DcsChange): void {
    const reading = this.#reading;
    if (reading === null) return;
    const leader = value === null
      ? null
      : { name: value, isHeld: false, revision };
    const view = viewInMove(reading.view, { ...reading.view, leader });
    this.#reading = { ...reading, view };
    this.#recompute();
  }

  /**
   * The store could not be read.
   *
   * @param since When it backed what is known, where that is known; else null.
   */
  storeAway(since: Moment | null): void {
    this.#awaySince ??= since ?? this.#parts.clock.now();
    this.#recompute();
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

  #recompute(): void {
    if (this.#reading === null) return;
    const { view, at: asOf, lagHistory } = this.#reading;
    const before = this.#routes;
    const { clock, replicaLagBytesMax, replicaLagMsMax } = this.#parts;
    const { loopWaitMs } = this.#reader.settings(view);
    this.#routes = routes(view, {
      replicaLagBytesMax,
      replicaLagMsMax: Math.max(replicaLagMsMax, 2 * loopWaitMs),
      lagHistory,
      asOf,
      veto: this.#veto,
      resting: this.#resting,
      isHandoverExpected: this.#handover.isExpected(view, clock.now()),
      isLeaseOver: this.#isLeaseOver(view),
      before,
      zone: this.#zone(view),
      isReplicaFallback: this.#parts.isReplicaFallback,
      isPoolerWanted: this.#parts.isPoolerWanted,
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
