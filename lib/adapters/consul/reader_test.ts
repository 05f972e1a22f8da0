import assert from "node:assert/strict";
import { moment } from "../../core/base/units.ts";
import { DcsUnreachableError } from "../../ports/errors.ts";
import type { DcsChange } from "../../ports/dcs.ts";
import type { ReadKind } from "./api.ts";
import { ScopeReader } from "./reader.ts";
import { ScopeWatcher } from "./watcher.ts";
import type { StoredScope } from "./wire.ts";

const LIMITS = { timeoutMs: 1000 };
const CLOCK = {
  now: () => moment(performance.now()),
  wallTimeMs: () => Date.now(),
  sleep: () => new Promise<void>((resolve) => setTimeout(resolve, 1)),
};

type Answer = StoredScope | Error;

/** A Consul that gives these answers in turn, and remembers how it was asked. */
class Script {
  readonly asked: string[] = [];
  readonly #answers: Answer[];
  /** Resolves when nothing is left; later questions wait for ever. */
  readonly done = Promise.withResolvers<void>();

  constructor(answers: readonly Answer[]) {
    this.#answers = [...answers];
  }

  scope({ consistency, newerThan }: ReadKind): Promise<StoredScope> {
    const answer = this.#answers.shift();
    if (answer === undefined) {
      this.done.resolve();
      return new Promise(() => {});
    }
    const since = newerThan === undefined ? "" : ` after ${newerThan.index}`;
    this.asked.push(consistency + since);
    return answer instanceof Error
      ? Promise.reject(answer)
      : Promise.resolve(answer);
  }
}

function scope(at: number, values: Record<string, string> = {}): StoredScope {
  const entries = Object.entries(values).map(([key, value]) => ({
    ...{ key, value, at, session: null },
  }));
  return { at, entries };
}

function readerOf(script: Script): ScopeReader {
  const consistency = () => "stale" as const;
  return new ScopeReader({ api: script, clock: CLOCK, consistency });
}

Deno.test("an answer from the past is asked for again, consistently", async () => {
  const script = new Script([scope(5), scope(4), scope(6), scope(6)]);
  const reader = readerOf(script);
  assert.equal((await reader.current(LIMITS)).at, 5);
  assert.equal((await reader.current(LIMITS)).at, 6);
  assert.equal((await reader.current(LIMITS)).at, 6);
  assert.deepEqual(script.asked, ["stale", "stale", "consistent", "stale"]);
});

Deno.test("an own write is seen by the next read", async () => {
  const script = new Script([scope(8), scope(9), scope(9), scope(9)]);
  const reader = readerOf(script);
  reader.noteWrite(9);
  assert.equal((await reader.current(LIMITS)).at, 9);
  // A deletion has no index: whatever comes next must be consistent.
  reader.noteWrite(null);
  await reader.current(LIMITS);
  await reader.current(LIMITS);
  assert.deepEqual(script.asked, [
    ...["stale", "consistent", "consistent", "stale"],
  ]);
});

Deno.test("the leader's word counts where the index has fallen", async () => {
  const script = new Script([scope(9), scope(3), scope(3), scope(3)]);
  const reader = readerOf(script);
  await reader.current(LIMITS);
  assert.equal((await reader.current(LIMITS)).at, 3);
  assert.equal((await reader.current(LIMITS)).at, 3);
  assert.deepEqual(script.asked, ["stale", "stale", "consistent", "stale"]);
});

/** What a listener is told of these answers. */
async function toldOf(answers: readonly Answer[]): Promise<{
  readonly asked: readonly string[];
  readonly told: readonly string[];
}> {
  const script = new Script(answers);
  const told: string[] = [];
  const watcher = new ScopeWatcher(readerOf(script), CLOCK);
  const ending = new AbortController();
  watcher.add({
    onChange: ({ key, value }: DcsChange) => told.push(`${key}=${value}`),
    onReset: () => told.push("reset"),
  }, ending.signal);
  await script.done.promise;
  ending.abort();
  return { asked: script.asked, told };
}

Deno.test("the watch tells what has become of each key", async () => {
  const { asked, told } = await toldOf([
    scope(5, { a: "1", b: "1" }),
    scope(6, { a: "2", c: "1" }),
  ]);
  assert.deepEqual(asked, ["consistent", "stale after 5"]);
  assert.deepEqual(told, ["reset", "b=null", "a=2", "c=1"]);
});

Deno.test("the watch loses nothing while it cannot ask", async () => {
  const { asked, told } = await toldOf([
    scope(5, { a: "1" }),
    new DcsUnreachableError("away"),
    scope(9, { a: "3" }),
    scope(9, { a: "3" }),
  ]);
  assert.deepEqual(asked, [
    ...["consistent", "stale after 5", "consistent", "stale after 9"],
  ]);
  assert.deepEqual(told, ["reset", "a=3"]);
});

Deno.test("an index that goes back makes the listener read again", async () => {
  const { asked, told } = await toldOf([
    scope(9, { a: "1" }),
    scope(4, { a: "0" }),
    scope(4, { a: "0" }),
    scope(5, { a: "2" }),
  ]);
  assert.deepEqual(asked, [
    ...["consistent", "stale after 9", "consistent", "stale after 4"],
  ]);
  assert.deepEqual(told, ["reset", "reset", "a=2"]);
});
