/**
 * The memory twin of the Dcs port: one client of a {@link MemoryStore}, with
 * hooks for what a network does to it.
 *
 * Everything happens on the store's clock, so that a simulated run is exactly
 * repeatable; without faults a call costs no time and no timer. The twin may be
 * trusted as far as it passes tests/conformance/dcs_suite.ts.
 */
import { after, type LeaseId, type Moment } from "../../lib/core/base/units.ts";
import type {
  Dcs,
  DcsChange,
  DcsLimits,
  DcsListener,
  DcsResult,
  DcsSnapshot,
  DcsWrite,
  LeaseAnswer,
} from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import type { MemoryStore } from "./dcs_memory_store.ts";

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
  #deliveries: Delivery[] = [];
  #isPumping = false;

  constructor(
    store: MemoryStore,
    scopePath: string,
    faults: Partial<MemoryFaults> = {},
  ) {
    this.#store = store;
    this.#path = scopePath;
    this.faults = { ...NO_FAULTS, ...faults };
    this.#unsubscribe = store.subscribe(scopePath, (changes) => {
      this.#hear(changes);
    });
  }

  /** Whether the client is cut off from the store. */
  get isCutOff(): boolean {
    return this.#cutSince !== null;
  }

  /** Nothing goes through in either direction until {@link heal}. */
  cutOff(): void {
    if (this.#cutSince !== null) return;
    this.#cutSince = this.#store.clock.now();
    this.#cached = this.#store.isFrozen ? null : this.#store.read(this.#path);
    this.#missChanges();
  }

  /** Ends the cut; the watch comes back with a reset. */
  heal(): void {
    if (this.#cutSince === null) return;
    this.#cutSince = null;
    this.#cached = null;
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
    return this.#call(limits, () => this.#store.read(this.#path));
  }

  write(write: DcsWrite, limits: DcsLimits): Promise<DcsResult> {
    return this.#call(limits, () => this.#store.write(this.#path, write));
  }

  removeScope(limits: DcsLimits): Promise<void> {
    return this.#call(limits, () => this.#store.removeScope(this.#path));
  }

  grantLease(ttlMs: number, limits: DcsLimits): Promise<LeaseId> {
    return this.#call(limits, () => this.#store.grant(ttlMs));
  }

  renewLease(leaseId: LeaseId, limits: DcsLimits): Promise<LeaseAnswer> {
    return this.#call(limits, () => this.#store.renew(leaseId));
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
        if (this.#watchers.has(watcher)) watcher.listener.onChange(change);
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
