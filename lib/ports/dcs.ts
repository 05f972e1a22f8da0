/**
 * The distributed store, as the few guarded operations that leases need. Keys are
 * relative to the scope (`leader`, `members/n1`); values are text. What the
 * values mean is decided in `lib/core/codec`, so that every store, the proxy and
 * the command line share one translation. ADR 13 says what a store must be able
 * to do, and why the port asks for no more.
 */
import type { Moment, Revision, SessionId } from "../core/base/units.ts";

/** What a store promises beyond the port. */
export interface DcsCapabilities {
  /** A write may name several keys; without it each write names one. */
  readonly hasTransactions: boolean;
  /** A snapshot shows all keys at one moment; without it each key at a moment of the read. */
  readonly isSnapshotAtomic: boolean;
  /** Who finds that a session is over: the store itself, or each process that looks at it. */
  readonly expiry: "store" | "observers";
  /** Its own failover may lose writes that it has confirmed. */
  readonly mayForget: boolean;
  /** The shortest ttl that a session can have. */
  readonly ttlMinMs: number;
}

/** One key as stored. */
export interface DcsEntry {
  readonly key: string;
  readonly value: string;
  /** Another one after each change of this key; means nothing but that. */
  readonly revision: Revision;
  /** It hangs on the session that this process opened last. */
  readonly isHeld: boolean;
}

/** All keys of the scope, sorted by key. */
export interface DcsSnapshot {
  readonly entries: readonly DcsEntry[];
}

/** What must hold of a key for a write to happen. */
export type DcsCondition =
  | { readonly kind: "absent"; readonly key: string }
  | {
    readonly kind: "value_is";
    readonly key: string;
    readonly value: string;
  }
  | {
    readonly kind: "revision_is";
    readonly key: string;
    readonly revision: Revision;
  };

/** One change of one key. */
export type DcsEdit =
  | {
    readonly kind: "put";
    readonly key: string;
    readonly value: string;
    /** The key disappears with that session, whatever it hung on before; null: it stays. */
    readonly session: SessionId | null;
  }
  | { readonly kind: "delete"; readonly key: string };

/** All edits, if all conditions hold; checked and done in one step. */
export interface DcsWrite {
  readonly when: readonly DcsCondition[];
  /** At least one; none of them changes a key twice. */
  readonly edits: readonly DcsEdit[];
}

/** Whether the conditions held, and the revision of every key that was put. */
export type DcsResult =
  | { readonly kind: "done"; readonly revision: Revision }
  | { readonly kind: "condition_failed" };

/** A session as the store granted it. */
export interface DcsSession {
  readonly id: SessionId;
  /** It ends no earlier than this after a renewal; may differ from what was asked for. */
  readonly ttlMs: number;
}

/** What a renewal came to; the keys of a session that is gone are gone, too. */
export type RenewAnswer = "alive" | "gone";

/** One change seen by the watch; `value` null: deleted or expired. */
export interface DcsChange {
  readonly key: string;
  readonly value: string | null;
  /** Of the change; that of a deletion is only good for comparing. */
  readonly revision: Revision;
}

/**
 * No key of the scope has changed after `mark` until `askedAt`, or later: an
 * answer of the store that came to one process of a host and is worth as much to
 * another. Only the same kind of store understands the mark. The moment is that
 * of the host's clock.
 */
export interface DcsProof {
  readonly mark: string;
  readonly askedAt: Moment;
}

/** Something that the watch itself may not know. */
export type DcsHint =
  /** Another process of this host has proven the scope; saves this one a question. */
  | { readonly kind: "proof"; readonly proof: DcsProof }
  /**
   * The host at the watch's other end may be gone: the store is asked at once,
   * which costs one question.
   */
  | { readonly kind: "suspicion" };

/** Limits of one call. */
export interface DcsLimits {
  /** The call fails with DcsUnreachableError after that time, also against a store that is frozen. */
  readonly timeoutMs: number;
}

/**
 * The store. Every call throws {@link DcsUnreachableError} for transport failures
 * and timeouts and {@link DcsRefusedError} for any other refusal. No call retries
 * beyond its limit, none renews a session by itself.
 */
export interface Dcs {
  readonly capabilities: DcsCapabilities;
  /**
   * All keys of the scope. May be served from a cache that the live watch keeps
   * current (own writes included); never older than this process's own last
   * write, nor than the last change that a listener was told.
   */
  read(limits: DcsLimits): Promise<DcsSnapshot>;
  /** Like `read`, but always asks the store, linearizably. */
  readFresh(limits: DcsLimits): Promise<DcsSnapshot>;
  /** One guarded write. A write whose answer was lost may have happened. */
  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult>;
  /** Deletes all keys of the scope. */
  removeScope(limits: DcsLimits): Promise<void>;
  /** A new session; this process's older ones end by themselves. */
  openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession>;
  /** One renewal, sent now. The caller counts its deadline from before this call. */
  renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer>;
  /**
   * Calls `onChange` with each key's last value after the watch stands (values in
   * between may be left out, and none is older than what this process has read)
   * and `onReset` when changes may have been missed (the listener should read
   * again). Reconnects by itself until `signal` aborts. Listeners must not throw.
   */
  watch(listener: DcsListener, signal: AbortSignal): void;
  /** What the cache was last proven by; null: by nothing yet. Absent where there is no cache. */
  proof?(): DcsProof | null;
  /** How each of its nodes answers, for people who look. Absent: it has none to be told apart. */
  nodes?(limits: DcsLimits): Promise<readonly DcsNode[]>;
  /** What others know of the scope or of the watch. Absent where it makes no difference. */
  takeHint?(hint: DcsHint): void;
  /** When what `read` showed last was backed by the store, where that is earlier than the read; null: nothing was shown yet. Absent: the read is the proof. */
  confirmedAt?(): Moment | null;
  close(): Promise<void>;
}

/** One of the nodes that a store is made of. */
export interface DcsNode {
  /** Host and port. */
  readonly address: string;
  /** Milliseconds until it answered; null: it does not. */
  readonly answerMs: number | null;
  /** It leads the others. */
  readonly isLeader: boolean;
}

/** Receives what a watch sees. */
export interface DcsListener {
  onChange(change: DcsChange): void;
  onReset(): void;
}
