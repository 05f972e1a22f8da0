import assert from "node:assert/strict";
import { ManualClock, settle } from "../../tests/helpers/manual_clock.ts";
import { KeptLog } from "../../tests/helpers/tcp.ts";
import { type Moment, moment } from "../core/base/units.ts";
import type { ProxyState } from "../ports/proxy_process.ts";
import { untilFenceAnswers } from "./fence_watch.ts";

const ANSWER: ProxyState = {
  type: "state",
  pid: 1,
  version: "1",
  edition: null,
  sessions: 0,
  held: 0,
  isFenceArmed: false,
};

/** A wait under way, and whether it has ended. */
class Waiting {
  readonly clock = new ManualClock();
  readonly log = new KeptLog();
  readonly ending = new AbortController();
  answer: ProxyState | null = null;
  failure: string | null = null;
  isOver = false;

  start(deadline: Moment | null): void {
    const proxy = { state: () => this.answer, failure: () => this.failure };
    const parts = { proxy, clock: this.clock, log: this.log };
    untilFenceAnswers(parts, deadline, this.ending.signal)
      .then(() => this.isOver = true);
  }
}

Deno.test("fence watch: a proxy that answers costs no time", async () => {
  const waiting = new Waiting();
  waiting.answer = ANSWER;
  waiting.start(null);
  await settle();
  assert.equal(waiting.isOver, true);
});

Deno.test("fence watch: without a proxy there is nothing to wait for", async () => {
  const waiting = new Waiting();
  const { clock, log, ending } = waiting;
  await untilFenceAnswers({ proxy: null, clock, log }, null, ending.signal);
  assert.equal(clock.sleepers, 0);
});

Deno.test("fence watch: a proxy that comes up is waited for", async () => {
  const waiting = new Waiting();
  waiting.start(null);
  await waiting.clock.advance(1_000);
  assert.equal(waiting.isOver, false);
  waiting.answer = ANSWER;
  await waiting.clock.advance(50);
  assert.equal(waiting.isOver, true);
  assert.deepEqual(waiting.log.lines, []);
});

for (const [deadline, limitMs] of [[null, 5_000], [8_000, 2_000]] as const) {
  Deno.test(`fence watch: ${limitMs} ms at most before ${deadline}`, async () => {
    const waiting = new Waiting();
    waiting.start(deadline === null ? null : moment(deadline));
    await waiting.clock.advance(limitMs - 1);
    assert.equal(waiting.isOver, false);
    await waiting.clock.advance(1);
    // It looks every 50 ms.
    await waiting.clock.advance(49);
    assert.equal(waiting.isOver, true);
    assert.match(waiting.log.lines.join(), /WARNING The proxy does not answer/);
  });
}

Deno.test("fence watch: a proxy that has failed is not waited for, and that is told", async () => {
  const waiting = new Waiting();
  waiting.failure = "The proxy ended (exit code 1)";
  waiting.start(null);
  await settle();
  assert.equal(waiting.isOver, true);
  assert.deepEqual(waiting.log.lines, [
    "WARNING The proxy ended (exit code 1): until one answers, " +
    "nobody stops PostgreSQL if this agent dies",
  ]);
});

Deno.test("fence watch: a proxy that fails meanwhile is not waited for any longer", async () => {
  const waiting = new Waiting();
  waiting.start(null);
  await waiting.clock.advance(1_000);
  assert.equal(waiting.isOver, false);
  waiting.failure = "The proxy ended (exit code 1)";
  await waiting.clock.advance(50);
  assert.equal(waiting.isOver, true);
});

Deno.test("fence watch: an answer counts more than an older failure", async () => {
  const waiting = new Waiting();
  waiting.failure = "The proxy ended (exit code 1)";
  waiting.answer = ANSWER;
  waiting.start(null);
  await settle();
  assert.equal(waiting.isOver, true);
  assert.deepEqual(waiting.log.lines, []);
});

Deno.test("fence watch: a task that is cancelled does not wait", async () => {
  const waiting = new Waiting();
  waiting.start(null);
  await settle();
  waiting.ending.abort();
  await settle();
  assert.equal(waiting.isOver, true);
  assert.deepEqual(waiting.log.lines, []);
});
