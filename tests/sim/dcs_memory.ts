/**
 * The memory twin of the Dcs port: one client of a {@link MemoryStore}, with
 * hooks for what a network does to it.
 *
 * Everything happens on the store's clock, so that a simulated run is exactly
 * repeatable; without faults a call costs no time and no timer. The twin may be
 * trusted as far as it passes tests/conformance/dcs_suite.ts.
 */
import {
  after,
  type Moment,
  type SessionId,
} from "../../lib/core/base/units.ts";
import {
  endedSessions,
  nextEnd,
  NO_SESSIONS,
  type WatchedSession,
  watchSessions,
} from "../../lib/core/calc/lead/observed_sessions.ts";
import type {
  Dcs,
  DcsCapabilities,
  DcsChange,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSession,
  DcsSnapshot,
  DcsWrite,
  RenewAnswer,
} from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import type { MemoryStore, StoredKey } from "./dcs_memory_store.ts";

/** What the network does to one client; may be changed at any time. */
export interface MemoryFaults {
  /** Time a request needs. Longer than the limit: it still takes effect later. */
  requestDelayMs: number;
  /** Time an answer needs. Longer than the limit: the call fails, the write has happened. */
  answerDelayMs: number;
  /** Requests arrive, answers do not. */
  isAnswerLost: boolean;
  /** Time from a change to the watch's call. */
  watchDelayMs: number;
  /** How long after a cut `read` still answers from the last cached read. */
  staleReadMs: number;
}

/** What a client may have of its own. */
type MemoryDcsOptions = Partial<MemoryFaults> & {
  /** By what it times sessions; absent: the store's clock. */
  readonly observerNow?: () => Moment;
};

interface Watcher {
  readonly listener: DcsListener;
  needsReset: boolean;
}

interface Delivery {
  readonly dueAt: Moment;
  /** `null`: only brings resets to those who need one. */
  readonly changes: readonly DcsChange[] | null;
}

type Answer<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "refused"; readonly error: unknown };

const NO_FAULTS: MemoryFaults = {
  requestDelayMs: 0,
  answerDelayMs: 0,
  isAnswerLost: false,
  watchDelayMs: 1,
  staleReadMs: 0,
};

/** One client of a memory store. */
export class MemoryDcs implements Dcs {
  readonly faults: MemoryFaults;
  readonly #store: MemoryStore;
  readonly #path: string;
  readonly #watchers = new Set<Watcher>();
  readonly #unsubscribe: () => void;
  readonly #closing = new AbortController();
  #cutSince: Moment | null = null;
  #cached: DcsSnapshot | null = null;
  /** The session that this process opened last. */
  #held: SessionId | null = null;
  /** The last snapshot, and what it was made of. */
  #shown: {
    readonly keys: readonly StoredKey[];
    readonly held: SessionId | null;
    readonly snapshot: DcsSnapshot;
  } | null = null;
  /** Where the store ends no session: those that this client times. */
  #watched: readonly WatchedSession[] = NO_SESSIONS;
  #timer: AbortController | null = null;
  readonly #forgetRenewals: () => void;
  readonly #observerNow: () => Moment;
  #deliveries: Delivery[] = [];
  #isPumping = false;

  constructor(
    store: MemoryStore,
    scopePath: string,
    { observerNow, ...faults }: MemoryDcsOptions = {},
  ) {
    this.#store = store;
    this.#path = scopePath;
    this.faults = { ...NO_FAULTS, ...faults };
    this.#observerNow = observerNow ?? (() => store.clock.now());
    this.#unsubscribe = store.subscribe(scopePath, (changes) => {
      this.#hear(changes);
    });
    this.#forgetRenewals = this.capabilities.expiry === "observers"
      ? store.onRenewal(() => this.#lookAtSessions())
      : () => {};
    if (this.capabilities.expiry === "observers") this.#lookAtSessions();
  }

  get capabilities(): DcsCapabilities {
    return this.#store.capabilities;
  }

  /** Whether the client is cut off from the store. */
  get isCutOff(): boolean {
    return this.#cutSince !== null;
  }

  /** Nothing goes through in either direction until {@link heal}. */
  cutOff(): void {
    if (this.#cutSince !== null) return;
    this.#cutSince = this.#store.clock.now();
    this.#cached = this.#store.isFrozen ? null : this.#snapshot();
    this.#missChanges();
  }

  /** Ends the cut; the watch comes back with a reset. */
  heal(): void {
    if (this.#cutSince === null) return;
    this.#cutSince = null;
    this.#cached = null;
    if (this.capabilities.expiry === "observers") this.#lookAtSessions();
    this.#enqueue(null);
  }

  async read(limits: DcsLimits): Promise<DcsSnapshot> {
    const { clock } = this.#store;
    const cached = this.#cached;
    const isUsable = cached !== null && this.#cutSince !== null &&
      clock.now() < after(this.#cutSince, this.faults.staleReadMs);
    return isUsable ? cached : await this.readFresh(limits);
  }

  readFresh(limits: DcsLimits): Promise<DcsSnapshot> {
    return this.#call(limits, () => this.#snapshot());
  }

  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    return this.#call(limits, () => this.#store.write(this.#path, write));
  }

  removeScope(limits: DcsLimits): Promise<void> {
    return this.#call(limits, () => this.#store.removeScope(this.#path));
  }

  async openSession(ttlMs: number, limits: DcsLimits): Promise<DcsSession> {
    const session = await this.#call(limits, () => this.#store.open(ttlMs));
    this.#held = session.id;
    return session;
  }

  renewSession(id: SessionId, limits: DcsLimits): Promise<RenewAnswer> {
    return this.#call(limits, () => this.#store.renew(id));
  }

  watch(listener: DcsListener, signal: AbortSignal): void {
    if (signal.aborted || this.#closing.signal.aborted) return;
    const watcher = { listener, needsReset: true };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => this.#watchers.delete(watcher), {
      once: true,
    });
    this.#enqueue(null);
  }

  close(): Promise<void> {
    this.#closing.abort();
    this.#watchers.clear();
    this.#unsubscribe();
    this.#forgetRenewals();
    this.#timer?.abort();
    return Promise.resolve();
  }

  async #call<T>(limits: DcsLimits, request: () => T): Promise<T> {
    const deadline = after(this.#store.clock.now(), limits.timeoutMs);
    if (this.#closing.signal.aborted) throw unreachable("it is closed");
    if (this.isCutOff) return await this.#timeOut(deadline);
    const isSlow = this.faults.requestDelayMs > 0 || this.#store.isFrozen;
    const answer = isSlow
      ? await this.#serveLate(request, deadline)
      : settled(request, this.#store);
    const { answerDelayMs, isAnswerLost } = this.faults;
    if (isAnswerLost || this.isCutOff) return await this.#timeOut(deadline);
    if (answerDelayMs > 0) await this.#wait(answerDelayMs, deadline);
    if (answer.kind === "refused") throw answer.error;
    return answer.value;
  }

  /** The request takes effect when it arrives, whether or not anybody waits. */
  async #serveLate<T>(
    request: () => T,
    deadline: Moment,
  ): Promise<Answer<T>> {
    const { clock } = this.#store;
    const { requestDelayMs } = this.faults;
    const isInTime = after(clock.now(), requestDelayMs) <= deadline;
    if (isInTime && !this.#store.isFrozen) {
      await clock.sleep(requestDelayMs);
      if (!this.#store.isFrozen) return settled(request, this.#store);
      return await this.#race(this.#sendLate(request, 0), deadline);
    }
    return await this.#race(this.#sendLate(request, requestDelayMs), deadline);
  }

  async #race<T>(
    sending: Promise<Answer<T>>,
    deadline: Moment,
  ): Promise<Answer<T>> {
    const { clock } = this.#store;
    const arrived = new AbortController();
    let answer: Answer<T> | null = null;
    void sending.then((late) => {
      answer = late;
      // With a reason: without one each call would make an exception for it.
      arrived.abort("arrived");
    });
    await clock.sleep(Math.max(0, deadline - clock.now()), arrived.signal);
    if (answer === null) throw unreachable("no answer in time");
    return answer;
  }

  async #sendLate<T>(request: () => T, delayMs: number): Promise<Answer<T>> {
    if (delayMs > 0) await this.#store.clock.sleep(delayMs);
    if (this.#store.isFrozen) await this.#store.untilThawed();
    return settled(request, this.#store);
  }

  async #wait(ms: number, deadline: Moment): Promise<void> {
    const { clock } = this.#store;
    if (after(clock.now(), ms) > deadline) return await this.#timeOut(deadline);
    await clock.sleep(ms, this.#closing.signal);
  }

  async #timeOut(deadline: Moment): Promise<never> {
    const { clock } = this.#store;
    const waitMs = Math.max(0, deadline - clock.now());
    await clock.sleep(waitMs, this.#closing.signal);
    throw unreachable("no answer in time");
  }

  #snapshot(): DcsSnapshot {
    const [keys, held] = [this.#store.read(this.#path), this.#held];
    if (this.#shown?.keys === keys && this.#shown.held === held) {
      return this.#shown.snapshot;
    }
    const entries = keys.map(({ key, value, revision, session }) => ({
      ...{ key, value, revision },
      isHeld: session !== null && session === held,
    }));
    this.#shown = { keys, held, snapshot: { entries } };
    return this.#shown.snapshot;
  }

  /** Times the sessions of others, and ends those that are over. */
  #lookAtSessions(): void {
    if (this.#closing.signal.aborted || this.isCutOff) return;
    if (this.#store.isFrozen) return void this.#lookAfterThaw();
    const now = this.#observerNow();
    const seen = this.#store.sightings();
    this.#watched = watchSessions(this.#watched, seen, now);
    for (const ended of endedSessions(this.#watched, now)) {
      this.#store.endUnrenewed(ended);
    }
    this.#watched = this.#watched.filter(({ endsAt }) => endsAt > now);
    this.#lookAgainAt(nextEnd(this.#watched));
  }

  async #lookAfterThaw(): Promise<void> {
    await this.#store.untilThawed();
    this.#lookAtSessions();
  }

  #lookAgainAt(moment: Moment | null): void {
    this.#timer?.abort();
    this.#timer = null;
    if (moment === null) return;
    const timer = new AbortController();
    this.#timer = timer;
    const { clock } = this.#store;
    // The two clocks run at different rates: it may wake early, and looks again.
    const waitMs = Math.max(1, moment - this.#observerNow());
    void clock.sleep(waitMs, timer.signal)
      .then(() => timer.signal.aborted || this.#lookAtSessions());
  }

  /** A read may have shown more of that key already. */
  #newest(change: DcsChange): DcsChange {
    const { key, revision } = change;
    const shown = this.#shown?.snapshot.entries.find((one) => one.key === key);
    return shown === undefined || Number(shown.revision) <= Number(revision)
      ? change
      : { key, value: shown.value, revision: shown.revision };
  }

  #hear(changes: readonly DcsChange[]): void {
    if (this.isCutOff) this.#missChanges();
    else if (this.#watchers.size > 0) this.#enqueue(changes);
  }

  #missChanges(): void {
    this.#deliveries = [];
    for (const watcher of this.#watchers) watcher.needsReset = true;
  }

  #enqueue(changes: readonly DcsChange[] | null): void {
    const dueAt = after(this.#store.clock.now(), this.faults.watchDelayMs);
    const last = this.#deliveries.at(-1)?.dueAt ?? dueAt;
    this.#deliveries.push({ dueAt: last > dueAt ? last : dueAt, changes });
    if (!this.#isPumping) void this.#pump();
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    for (;;) {
      const next = this.#deliveries[0];
      if (next === undefined || this.#closing.signal.aborted) break;
      const waitMs = Math.max(0, next.dueAt - this.#store.clock.now());
      await this.#store.clock.sleep(waitMs, this.#closing.signal);
      // A cut in the meantime has emptied the queue.
      if (this.#deliveries[0] === next) {
        this.#deliveries.shift();
        this.#deliver(next.changes ?? []);
      }
    }
    this.#isPumping = false;
  }

  #deliver(changes: readonly DcsChange[]): void {
    for (const watcher of [...this.#watchers]) {
      if (watcher.needsReset) {
        watcher.needsReset = false;
        watcher.listener.onReset();
      }
      for (const change of changes) {
        if (!this.#watchers.has(watcher)) break;
        watcher.listener.onChange(this.#newest(change));
      }
    }
  }
}

/** Serves now; what the store refuses is an answer too, and may get lost. */
function settled<T>(request: () => T, store: MemoryStore): Answer<T> {
  try {
    return { kind: "done", value: store.serveNow(request) };
  } catch (error) {
    return { kind: "refused", error };
  }
}

function unreachable(why: string): DcsUnreachableError {
  return new DcsUnreachableError(`Cannot reach the memory store: ${why}`);
}
