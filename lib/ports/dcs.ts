/**
 * The distributed store, as the few guarded operations that leases need. Keys are
 * relative to the scope (`leader`, `members/n1`); values are text. What the
 * values mean is decided in `lib/core/codec`, so that every store, the proxy and
 * the command line share one translation.
 */
import type { LeaseId, Moment, Revision } from "../core/base/units.ts";

/** One key as stored. */
export interface DcsEntry {
  readonly key: string;
  readonly value: string;
  /** Counter of the last change of this key. */
  readonly revision: Revision;
  readonly leaseId: LeaseId | null;
}

/** A consistent read of all keys of the scope, sorted by key. */
export interface DcsSnapshot {
  readonly revision: Revision;
  readonly entries: readonly DcsEntry[];
}

/** What must hold for a write to happen. */
export type DcsGuard =
  | { readonly kind: "none" }
  | { readonly kind: "absent" }
  | { readonly kind: "value_is"; readonly value: string }
  | { readonly kind: "revision_is"; readonly revision: Revision };

/** A second thing that must hold: another key is there, and has not changed since that revision. */
export interface DcsCondition {
  readonly key: string;
  readonly revision: Revision;
}

/** One guarded write; guard and condition are checked with it, in one step. */
export type DcsWrite =
  | {
    readonly kind: "put";
    readonly key: string;
    readonly value: string;
    /** The key disappears with that lease; null: it stays. */
    readonly leaseId: LeaseId | null;
    readonly guard: DcsGuard;
    readonly onlyWhile?: DcsCondition;
  }
  | {
    readonly kind: "delete";
    readonly key: string;
    readonly guard: DcsGuard;
    readonly onlyWhile?: DcsCondition;
  };

/** Whether guard and condition held, and where the store stands. */
export type DcsResult =
  | { readonly kind: "done"; readonly revision: Revision }
  | { readonly kind: "guard_failed" };

/** A lease as granted or renewed by the store. */
export type LeaseAnswer =
  | { readonly kind: "alive"; readonly leaseId: LeaseId }
  | { readonly kind: "gone" };

/** One change seen by the watch; `value` null: deleted or expired. */
export interface DcsChange {
  readonly key: string;
  readonly value: string | null;
  readonly revision: Revision;
}

/**
 * No key of the scope has changed after `revision` until `askedAt`, or later: an
 * answer of the store that came to one process of a host and is worth as much to
 * another. The moment is that of the host's clock.
 */
export interface DcsProof {
  readonly revision: Revision;
  readonly askedAt: Moment;
}

/** Limits of one call. */
export interface DcsLimits {
  /** The call fails with DcsUnreachableError after that time, also against a store that is frozen. */
  readonly timeoutMs: number;
}

/**
 * The store. Every call throws {@link DcsUnreachableError} for transport failures
 * and timeouts and {@link DcsRefusedError} for any other refusal. No call retries
 * beyond its limit, none renews a lease by itself.
 */
export interface Dcs {
  /**
   * All keys of the scope. May be served from a cache that the live watch keeps
   * current (own writes included); never older than this process's own last write.
   */
  read(limits: DcsLimits): Promise<DcsSnapshot>;
  /** Like `read`, but always asks the store, linearizably. */
  readFresh(limits: DcsLimits): Promise<DcsSnapshot>;
  /** One guarded write. A write whose answer was lost may have happened. */
  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult>;
  /** Deletes all keys of the scope. */
  removeScope(limits: DcsLimits): Promise<void>;
  grantLease(ttlMs: number, limits: DcsLimits): Promise<LeaseId>;
  /** One renewal, sent now. The caller counts its deadline from before this call. */
  renewLease(leaseId: LeaseId, limits: DcsLimits): Promise<LeaseAnswer>;
  /**
   * Calls `onChange` for each change after the watch stands and `onReset` when
   * changes may have been missed (the listener should read again). Reconnects by
   * itself until `signal` aborts. Listeners must not throw.
   */
  watch(listener: DcsListener, signal: AbortSignal): void;
  /** What the cache was last proven by; null: by nothing yet. Absent where there is no cache. */
  proof?(): DcsProof | null;
  /** Another process of this host has proven the scope; saves this one a question. */
  takeProof?(proof: DcsProof): void;
  close(): Promise<void>;
}

/** Receives what a watch sees. */
export interface DcsListener {
  onChange(change: DcsChange): void;
  onReset(): void;
}
