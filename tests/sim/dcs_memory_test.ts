import assert from "node:assert/strict";
import {
  type Moment,
  moment,
  type SessionId,
} from "../../lib/core/base/units.ts";
import type { Clock } from "../../lib/ports/clock.ts";
import type { DcsChange, DcsWrite } from "../../lib/ports/dcs.ts";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import { MemoryDcs, type MemoryFaults } from "./dcs_memory.ts";
import { MemoryStore } from "./dcs_memory_store.ts";

const LIMITS = { timeoutMs: 1000 };

/** Simulated time: sleepers wake in order, when told. */
class StepClock implements Clock {
  #nowMs = 0;
  readonly #sleepers = new Map<() => void, number>();
  now(): Moment {
    return moment(this.#nowMs);
  }
  wallTimeMs(): number {
    return this.#nowMs;
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const wake = (): void => {
        if (this.#sleepers.delete(wake)) resolve();
      };
      this.#sleepers.set(wake, this.#nowMs + ms);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }
  /** Lets `ms` pass, and everything happen that is due. */
  async pass(ms: number): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      // Enough turns for the longest chain of promises in between.
      for (let i = 0; i < 30; i++) await Promise.resolve();
      const due = [...this.#sleepers].sort((a, b) => a[1] - b[1])[0];
      if (due === undefined || due[1] > end) break;
      this.#nowMs = Math.max(this.#nowMs, due[1]);
      due[0]();
    }
    this.#nowMs = end;
  }
}

function world(faults: Partial<MemoryFaults> = {}) {
  const clock = new StepClock();
  const store = new MemoryStore(clock);
  const dcs = new MemoryDcs(store, "/s/a", faults);
  const other = new MemoryDcs(store, "/s/a");
  return { clock, store, dcs, other };
}

function put(value: string, session: SessionId | null = null): DcsWrite {
  return { when: [], edits: [{ kind: "put", key: "leader", value, session }] };
}

/** Lets time pass until the call has ended; null: it was unreachable. */
async function ended<T>(
  clock: StepClock,
  call: Promise<T>,
): Promise<{ value: T | null; tookMs: number }> {
  const start = clock.now();
  const outcome = call.then(
    (value) => ({ value, tookMs: clock.now() - start }),
    (error: unknown) => {
      assert.ok(error instanceof DcsUnreachableError, String(error));
      return { value: null, tookMs: clock.now() - start };
    },
  );
  await clock.pass(5000);
  return await outcome;
}

Deno.test("a request slower than its limit fails, and takes effect later", async () => {
  const { clock, store, dcs } = world({ requestDelayMs: 3000 });
  const { value, tookMs } = await ended(clock, dcs.write(put("n1"), LIMITS));
  assert.deepEqual([value, tookMs], [null, 1000]);
  assert.equal(store.read("/s/a")[0]?.value, "n1");
  store.close();
});

Deno.test("a lost answer fails in time, though the write has happened", async () => {
  for (const faults of [{ isAnswerLost: true }, { answerDelayMs: 2000 }]) {
    const { clock, store, dcs } = world(faults);
    const { value, tookMs } = await ended(clock, dcs.write(put("n1"), LIMITS));
    assert.deepEqual([value, tookMs], [null, 1000]);
    assert.equal(store.read("/s/a").length, 1);
    store.close();
  }
});

Deno.test("a cut client sends nothing; its watch comes back with a reset", async () => {
  const { clock, store, dcs, other } = world();
  const changes: DcsChange[] = [];
  let resets = 0;
  dcs.watch({
    onChange: (change) => changes.push(change),
    onReset: () => resets += 1,
  }, new AbortController().signal);
  await clock.pass(10);
  dcs.cutOff();
  const { value, tookMs } = await ended(clock, dcs.write(put("n1"), LIMITS));
  assert.deepEqual([value, tookMs], [null, 1000]);
  assert.equal(store.read("/s/a").length, 0);
  await ended(clock, other.write(put("n2"), LIMITS));
  assert.deepEqual([changes.length, resets], [0, 1]);
  dcs.heal();
  await clock.pass(10);
  assert.equal(resets, 2);
  await ended(clock, other.write(put("n3"), LIMITS));
  assert.deepEqual(changes.map((c) => c.value), ["n3"]);
  store.close();
});

Deno.test("a cut client may read its old cache for a while", async () => {
  const { clock, store, dcs, other } = world({ staleReadMs: 2000 });
  await ended(clock, other.write(put("old"), LIMITS));
  dcs.cutOff();
  const writing = other.write(put("new"), LIMITS);
  await clock.pass(100);
  await writing;
  const stale = await dcs.read(LIMITS);
  assert.equal(stale.entries[0]?.value, "old");
  await clock.pass(2000);
  assert.equal((await ended(clock, dcs.read(LIMITS))).value, null);
  dcs.heal();
  const fresh = await ended(clock, dcs.read(LIMITS));
  assert.equal(fresh.value?.entries[0]?.value, "new");
  store.close();
});

Deno.test("a frozen store serves kept requests after the thaw, expired sessions first", async () => {
  const { clock, store, dcs, other } = world();
  const { id: session } = await dcs.openSession(3000, LIMITS);
  await dcs.write(put("n1", session), LIMITS);
  store.freeze();
  const renewal = await ended(clock, dcs.renewSession(session, LIMITS));
  assert.deepEqual([renewal.value, renewal.tookMs], [null, 1000]);
  const late = await ended(clock, other.write(put("n2"), LIMITS));
  assert.equal(late.value, null);
  store.thaw();
  await clock.pass(1);
  assert.deepEqual(
    store.read("/s/a").map((e) => [e.value, e.session]),
    [["n2", null]],
  );
  assert.deepEqual(await dcs.renewSession(session, LIMITS), "gone");
  store.close();
});

Deno.test("an expiry is seen by watches at its very moment", async () => {
  const { clock, store, dcs, other } = world();
  const seen: [number, string | null][] = [];
  other.watch({
    onChange: ({ value }) => seen.push([clock.now(), value]),
    onReset: () => {},
  }, new AbortController().signal);
  await clock.pass(10);
  const { id: session } = await dcs.openSession(3000, LIMITS);
  await dcs.write(put("n1", session), LIMITS);
  await clock.pass(2000);
  await dcs.renewSession(session, LIMITS);
  await clock.pass(4000);
  assert.deepEqual(seen, [[11, "n1"], [5011, null]]);
  store.close();
});

Deno.test("without faults a call takes no time and no timer", async () => {
  const { clock, store, dcs } = world();
  for (let i = 0; i < 1000; i++) await dcs.write(put(String(i)), LIMITS);
  assert.equal(clock.now(), 0);
  assert.equal((await dcs.readFresh(LIMITS)).entries[0]?.revision, "1001");
  store.close();
});
