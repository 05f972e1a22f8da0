/**
 * The server half of the memory DCS: keys, one revision counter, and leases that
 * expire by this store's own clock.
 *
 * It keeps etcd's promises, and only those: one revision per write, one for all
 * keys of an expired lease, no revision for a delete of nothing. A frozen store
 * keeps requests and serves them after the thaw, as a stopped etcd does.
 */
import {
  after,
  type LeaseId,
  leaseId,
  type Moment,
  moment,
  type Revision,
  revision,
} from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type {
  DcsChange,
  DcsEntry,
  DcsGuard,
  DcsResult,
  DcsSnapshot,
  DcsWrite,
  LeaseAnswer,
} from "../../lib/ports/dcs.ts";
import { LeaseGoneError } from "../../lib/ports/errors.ts";

interface Lease {
  readonly ttlMs: number;
  expiresAt: Moment;
}

interface Scope {
  readonly entries: Map<string, DcsEntry>;
  readonly subscribers: Set<(changes: readonly DcsChange[]) => void>;
  snapshot: DcsSnapshot | null;
}

const NEVER = moment(Infinity);

/** One simulated store, shared by all of its clients. */
export class MemoryStore {
  readonly clock: Clock;
  readonly #scopes = new Map<string, Scope>();
  readonly #leases = new Map<LeaseId, Lease>();
  #revision = 1n;
  #leasesGranted = 0;
  /** No lease expires before this; may be too early after a renewal. */
  #nextExpiry: Moment = NEVER;
  #timer: AbortController | null = null;
  #held: (() => void)[] | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Whether requests are kept instead of served. */
  get isFrozen(): boolean {
    return this.#held !== null;
  }

  /** Serves nothing from now on; leases go on running out. */
  freeze(): void {
    this.#held ??= [];
  }

  /** Expires what is due, then lets the kept requests in, in order. */
  thaw(): void {
    const held = this.#held ?? [];
    this.#held = null;
    this.#expireDue();
    for (const resume of held) resume();
  }

  /** Runs a request on a store that is not frozen. */
  serveNow<T>(request: () => T): T {
    this.#expireDue();
    return request();
  }

  /** Resolves at the thaw, in the order of the calls; at once if not frozen. */
  untilThawed(): Promise<void> {
    const held = this.#held;
    if (held === null) return Promise.resolve();
    return new Promise((resolve) => held.push(resolve));
  }

  /** All keys of the scope; the same object until something changes. */
  read(path: string): DcsSnapshot {
    const scope = this.#scope(path);
    const current = revision(this.#revision);
    if (scope.snapshot?.revision === current) return scope.snapshot;
    const entries = [...scope.entries.values()].sort((a, b) =>
      a.key < b.key ? -1 : 1
    );
    scope.snapshot = { revision: current, entries };
    return scope.snapshot;
  }

  /** @throws {LeaseGoneError} If a put names a lease that is gone. */
  write(path: string, write: DcsWrite): DcsResult {
    const scope = this.#scope(path);
    const stored = scope.entries.get(write.key);
    const other = write.onlyWhile;
    const isHeld = guardHolds(write.guard, stored) &&
      (other === undefined ||
        scope.entries.get(other.key)?.revision === other.revision);
    if (!isHeld) return { kind: "guard_failed" };
    if (write.kind === "delete") {
      if (stored !== undefined) this.#deleteKeys(scope, [write.key]);
      return { kind: "done", revision: revision(this.#revision) };
    }
    if (write.leaseId !== null && !this.#leases.has(write.leaseId)) {
      throw new LeaseGoneError(
        `Cannot put "${write.key}": requested lease not found`,
      );
    }
    const { key, value } = write;
    const changed = this.#bump();
    scope.entries.set(key, {
      key,
      value,
      revision: changed,
      leaseId: write.leaseId,
    });
    this.#publish(scope, [{ key, value, revision: changed }]);
    return { kind: "done", revision: changed };
  }

  /** Deletes all keys of the scope in one revision. */
  removeScope(path: string): void {
    const scope = this.#scope(path);
    this.#deleteKeys(scope, [...scope.entries.keys()]);
  }

  /** A new lease. */
  grant(ttlMs: number): LeaseId {
    const id = leaseId(String(++this.#leasesGranted));
    const expiresAt = after(this.clock.now(), ttlMs);
    this.#leases.set(id, { ttlMs, expiresAt });
    if (expiresAt < this.#nextExpiry) {
      this.#nextExpiry = expiresAt;
      this.#arm();
    }
    return id;
  }

  /** Restarts the lease's time, if it is still there. */
  renew(id: LeaseId): LeaseAnswer {
    const lease = this.#leases.get(id);
    if (lease === undefined) return { kind: "gone" };
    lease.expiresAt = after(this.clock.now(), lease.ttlMs);
    return { kind: "alive", leaseId: id };
  }

  /** Ends a lease at once, as an operator or a lost quorum might. */
  revoke(id: LeaseId): void {
    if (!this.#leases.delete(id)) return;
    for (const scope of this.#scopes.values()) {
      const keys = [...scope.entries.values()]
        .filter((entry) => entry.leaseId === id).map((entry) => entry.key);
      this.#deleteKeys(scope, keys);
    }
  }

  /** Calls `listener` inside each change of the scope. */
  subscribe(
    path: string,
    listener: (changes: readonly DcsChange[]) => void,
  ): () => void {
    const { subscribers } = this.#scope(path);
    subscribers.add(listener);
    return () => subscribers.delete(listener);
  }

  /** Ends the wait for the next expiry. */
  close(): void {
    this.#timer?.abort();
    this.#timer = null;
  }

  #scope(path: string): Scope {
    const known = this.#scopes.get(path);
    if (known !== undefined) return known;
    const scope = {
      entries: new Map(),
      subscribers: new Set<(changes: readonly DcsChange[]) => void>(),
      snapshot: null,
    };
    this.#scopes.set(path, scope);
    return scope;
  }

  #bump(): Revision {
    this.#revision += 1n;
    return revision(this.#revision);
  }

  #deleteKeys(scope: Scope, keys: readonly string[]): void {
    if (keys.length === 0) return;
    const changed = this.#bump();
    for (const key of keys) scope.entries.delete(key);
    this.#publish(
      scope,
      keys.map((key) => ({ key, value: null, revision: changed })),
    );
  }

  #publish(scope: Scope, changes: readonly DcsChange[]): void {
    for (const listener of scope.subscribers) listener(changes);
  }

  #expireDue(): void {
    const now = this.clock.now();
    if (now < this.#nextExpiry) return;
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAt <= now) this.revoke(id);
    }
    let next = NEVER;
    for (const lease of this.#leases.values()) {
      if (lease.expiresAt < next) next = lease.expiresAt;
    }
    this.#nextExpiry = next;
  }

  /** Watches hear of an expiry even if nobody sends a request. */
  #arm(): void {
    this.#timer?.abort();
    const timer = new AbortController();
    this.#timer = timer;
    void this.#expireInTime(timer.signal);
  }

  async #expireInTime(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#nextExpiry !== NEVER) {
      const waitMs = this.#nextExpiry - this.clock.now();
      await this.clock.sleep(Math.max(0, waitMs), signal);
      if (signal.aborted) return;
      await this.untilThawed();
      if (!signal.aborted) this.#expireDue();
    }
  }
}

function guardHolds(guard: DcsGuard, stored: DcsEntry | undefined): boolean {
  switch (guard.kind) {
    case "none":
      return true;
    case "absent":
      return stored === undefined;
    case "value_is":
      return stored?.value === guard.value;
    case "revision_is":
      return stored?.revision === guard.revision;
  }
}
