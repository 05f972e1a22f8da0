/**
 * The watch: one question that waits for a change of the scope, asked again and
 * again, shared by all listeners of a process.
 *
 * Every answer is the whole scope, so what has changed is found by comparing,
 * and nothing is missed over a broken connection. Values in between are.
 */
import { revision } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsChange, DcsListener } from "../../ports/dcs.ts";
import type { ScopeReader } from "./reader.ts";
import type { StoredKey, StoredScope } from "./wire.ts";

/** A server that has fallen silent is noticed after this and a little more. */
const WAIT_MS = 8000;
/** Consul adds up to a sixteenth of the wait. */
const WAITING = { waitMs: WAIT_MS, timeoutMs: WAIT_MS / 16 + 3000 };
const START_LIMITS = { timeoutMs: 5000 };
const PROBLEM_PAUSE_MS = 200;
/** Some setting of a proxy between may answer at once, whatever is asked. */
const HURRY_PAUSE_MS = 50;

interface Watch {
  readonly listener: DcsListener;
  /** Changes may have been missed since the listener's last read. */
  hasGap: boolean;
}

/** Feeds the listeners of one client. */
export class ScopeWatcher {
  readonly #reader: Pick<ScopeReader, "changed" | "fresh">;
  readonly #clock: Clock;
  readonly #watches = new Set<Watch>();
  readonly #closing = new AbortController();
  #running: Promise<void> | null = null;
  /** What the listeners know; null: the watch does not stand yet. */
  #known: StoredScope | null = null;

  constructor(
    reader: Pick<ScopeReader, "changed" | "fresh">,
    clock: Clock,
  ) {
    this.#reader = reader;
    this.#clock = clock;
  }

  /** Adds a listener until `signal` aborts. */
  add(listener: DcsListener, signal: AbortSignal): void {
    if (signal.aborted || this.#closing.signal.aborted) return;
    const watch = { listener, hasGap: true };
    this.#watches.add(watch);
    signal.addEventListener("abort", () => this.#watches.delete(watch), {
      once: true,
    });
    this.#running ??= this.#run();
    // Never inside the caller's own call.
    queueMicrotask(() => this.#closeGaps());
  }

  /** Ends the watch; the client's own end ends the question that waits. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#watches.clear();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let hasFailed = true;
    while (!signal.aborted && this.#watches.size > 0) {
      try {
        const asked = this.#clock.now();
        const before = this.#known;
        const scope = before === null || hasFailed
          ? await this.#reader.fresh(START_LIMITS)
          : await this.#reader.changed(before.at, WAITING);
        hasFailed = false;
        if (!signal.aborted) this.#take(scope);
        const isHurry = before !== null && scope.at <= before.at &&
          this.#clock.now() - asked < HURRY_PAUSE_MS;
        if (isHurry) await this.#clock.sleep(HURRY_PAUSE_MS, signal);
      } catch {
        // Calls report what is wrong with Consul; here the answer is to go on.
        hasFailed = true;
        await this.#clock.sleep(PROBLEM_PAUSE_MS, signal);
      }
    }
    this.#running = null;
    this.#known = null;
  }

  #take(scope: StoredScope): void {
    const known = this.#known;
    this.#known = scope;
    if (known !== null && scope.at < known.at) {
      for (const watch of this.#watches) watch.hasGap = true;
    } else if (known !== null) {
      for (const change of changesOf(known, scope)) this.#tell(change);
    }
    this.#closeGaps();
  }

  #tell(change: DcsChange): void {
    for (const watch of [...this.#watches]) {
      if (watch.hasGap || !this.#watches.has(watch)) continue;
      watch.listener.onChange(change);
    }
  }

  #closeGaps(): void {
    if (this.#known === null) return;
    for (const watch of [...this.#watches]) {
      if (!watch.hasGap || !this.#watches.has(watch)) continue;
      watch.hasGap = false;
      watch.listener.onReset();
    }
  }
}

/** What became of each key that is not as it was. */
export function changesOf(
  before: StoredScope,
  now: StoredScope,
): readonly DcsChange[] {
  const old = new Map(before.entries.map((one) => [one.key, one]));
  const left = new Set(now.entries.map(({ key }) => key));
  const gone = before.entries.filter(({ key }) => !left.has(key))
    .map(({ key }) => ({ key, value: null, revision: revision(now.at) }));
  const put = now.entries.filter((one) => !isSame(old.get(one.key), one))
    .map(({ key, value, at }) => ({ key, value, revision: revision(at) }));
  return [...gone, ...put];
}

function isSame(before: StoredKey | undefined, now: StoredKey): boolean {
  return before?.at === now.at && before.value === now.value;
}
