/**
 * The server half of the memory DCS: keys, one revision counter, and sessions that
 * expire by this store's own clock, or by what its clients observe.
 *
 * It keeps etcd's promises, and only those: one revision per write, one for all
 * keys of an expired session, no revision for a delete of nothing. A frozen store
 * keeps requests and serves them after the thaw, as a stopped etcd does.
 */
import {
  after,
  type Moment,
  moment,
  type Revision,
  revision,
  type SessionId,
  sessionId,
} from "../../lib/core/base/units.ts";
import type { SessionSighting } from "../../lib/core/calc/lead/observed_sessions.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type {
  DcsCapabilities,
  DcsChange,
  DcsCondition,
  DcsResult,
  DcsSession,
  DcsWrite,
  RenewAnswer,
} from "../../lib/ports/dcs.ts";
import { SessionGoneError } from "../../lib/ports/errors.ts";

interface Session {
  readonly ttlMs: number;
  renewals: number;
  expiresAt: Moment;
}

/** One key, and the session that it hangs on. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  readonly revision: Revision;
  readonly session: SessionId | null;
}

interface Scope {
  readonly entries: Map<string, StoredKey>;
  readonly subscribers: Set<(changes: readonly DcsChange[]) => void>;
  sorted: readonly StoredKey[] | null;
}

const NEVER = moment(Infinity);

/** One simulated store, shared by all of its clients. */
export class MemoryStore {
  readonly clock: Clock;
  readonly capabilities: DcsCapabilities;
  readonly #scopes = new Map<string, Scope>();
  readonly #sessions = new Map<SessionId, Session>();
  readonly #renewalListeners = new Set<() => void>();
  #revision = 1n;
  #sessionsOpened = 0;
  /** No session expires before this; may be too early after a renewal. */
  #nextExpiry: Moment = NEVER;
  #timer: AbortController | null = null;
  #held: (() => void)[] | null = null;

  constructor(clock: Clock, expiry: "store" | "observers" = "store") {
    this.clock = clock;
    this.capabilities = {
      ...{
        hasTransactions: true,
        mayForget: false,
        isSnapshotAtomic: true,
        expiry,
      },
      ttlMinMs: 1,
    };
  }

  /** Whether requests are kept instead of served. */
  get isFrozen(): boolean {
    return this.#held !== null;
  }

  /** Serves nothing from now on; sessions go on running out. */
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

  /** All keys of the scope, sorted; the same object until something changes. */
  read(path: string): readonly StoredKey[] {
    const scope = this.#scope(path);
    scope.sorted ??= [...scope.entries.values()].sort((a, b) =>
      a.key < b.key ? -1 : 1
    );
    return scope.sorted;
  }

  /** @throws {SessionGoneError} If a put names a session that is gone. */
  write(path: string, { when, edits }: DcsWrite): DcsResult {
    const scope = this.#scope(path);
    const isHeld = when.every((one) => holds(one, scope.entries.get(one.key)));
    if (!isHeld) return { kind: "condition_failed" };
    for (const edit of edits) {
      if (edit.kind === "delete" || edit.session === null) continue;
      if (this.#sessions.has(edit.session)) continue;
      throw new SessionGoneError(
        `Cannot put "${edit.key}": its session is not there any more`,
      );
    }
    const effective = edits.filter(({ kind, key }) =>
      kind === "put" || scope.entries.has(key)
    );
    if (effective.length > 0) this.#bump();
    const changed = revision(this.#revision);
    for (const edit of effective) {
      const { key } = edit;
      if (edit.kind === "delete") scope.entries.delete(key);
      else {
        const { value, session } = edit;
        scope.entries.set(key, { key, value, revision: changed, session });
      }
    }
    this.#publish(
      scope,
      effective.map((edit) => ({
        key: edit.key,
        value: edit.kind === "put" ? edit.value : null,
        revision: changed,
      })),
    );
    return { kind: "done", revision: changed };
  }

  /** Deletes all keys of the scope in one revision. */
  removeScope(path: string): void {
    const scope = this.#scope(path);
    this.#deleteKeys(scope, [...scope.entries.keys()]);
  }

  /** A new session. */
  open(ttlMs: number): DcsSession {
    const id = sessionId(String(++this.#sessionsOpened));
    const expiresAt = after(this.clock.now(), ttlMs);
    this.#sessions.set(id, { ttlMs, renewals: 0, expiresAt });
    for (const listener of this.#renewalListeners) listener();
    const isTimed = this.capabilities.expiry === "store";
    if (isTimed && expiresAt < this.#nextExpiry) {
      this.#nextExpiry = expiresAt;
      this.#arm();
    }
    return { id, ttlMs };
  }

  /** Restarts the session's time, if it is still there. */
  renew(id: SessionId): RenewAnswer {
    const session = this.#sessions.get(id);
    if (session === undefined) return "gone";
    session.renewals += 1;
    session.expiresAt = after(this.clock.now(), session.ttlMs);
    for (const listener of this.#renewalListeners) listener();
    return "alive";
  }

  /** Ends a session at once, as an operator or a lost quorum might. */
  end(id: SessionId): void {
    if (!this.#sessions.delete(id)) return;
    for (const scope of this.#scopes.values()) {
      const keys = [...scope.entries.values()]
        .filter(({ session }) => session === id).map(({ key }) => key);
      this.#deleteKeys(scope, keys);
    }
  }

  /** What observers time. */
  sightings(): readonly SessionSighting[] {
    return [...this.#sessions].map(([id, { renewals, ttlMs }]) => ({
      ...{ id, ttlMs },
      renewals: String(renewals),
    }));
  }

  /** Ends a session if nobody has renewed it since it was seen so. */
  endUnrenewed({ id, renewals }: SessionSighting): void {
    const session = this.#sessions.get(id);
    if (session !== undefined && String(session.renewals) === renewals) {
      this.end(id);
    }
  }

  /** Calls `listener` after each renewal and each new session. */
  onRenewal(listener: () => void): () => void {
    this.#renewalListeners.add(listener);
    return () => this.#renewalListeners.delete(listener);
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
      sorted: null,
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
    if (changes.length === 0) return;
    scope.sorted = null;
    for (const listener of scope.subscribers) listener(changes);
  }

  #expireDue(): void {
    const now = this.clock.now();
    if (now < this.#nextExpiry) return;
    for (const [id, { expiresAt }] of this.#sessions) {
      if (expiresAt <= now) this.end(id);
    }
    let next = NEVER;
    for (const { expiresAt } of this.#sessions.values()) {
      if (expiresAt < next) next = expiresAt;
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

function holds(
  condition: DcsCondition,
  stored: StoredKey | undefined,
): boolean {
  switch (condition.kind) {
    case "absent":
      return stored === undefined;
    case "value_is":
      return stored?.value === condition.value;
    case "revision_is":
      return stored?.revision === condition.revision;
  }
}
