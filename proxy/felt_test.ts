/** What a proxy says its clients felt, told by its counters and the way to the leader. */
import assert from "node:assert/strict";
import { ManualClock } from "../tests/helpers/manual_clock.ts";
import type { Backend } from "../lib/core/model/routes.ts";
import { type Felt, FeltWatch } from "./felt.ts";
import { Ledger } from "./ledger.ts";

const ONE: Backend = { name: "n1", host: "h1", port: 5432, via: "address" };
const TWO: Backend = { name: "n2", host: "h2", port: 5432, via: "address" };

class Stage {
  readonly clock = new ManualClock();
  readonly ledger = Ledger.alone();
  readonly felt: Felt[] = [];
  looks = 0;
  readonly watch = new FeltWatch({
    clock: this.clock,
    ledger: this.ledger,
    onFelt: (felt) => this.felt.push(felt),
    onLook: () => void this.looks++,
  });

  sessions(backend: Backend, change: 1 | -1): void {
    const slot = this.ledger.book.slotOf("primary", backend);
    this.ledger.addTo(slot, "sessions", change);
    this.ledger.addInside("primary", change);
  }

  second(): void {
    this.clock.advance(1_000);
    this.watch.look();
  }
}

Deno.test("felt: sessions that a dead server ended before the way was closed count", () => {
  const stage = new Stage();
  stage.watch.turn({ primary: ONE, term: "7" });
  for (let each = 0; each < 3; each++) stage.sessions(ONE, 1);
  stage.second();
  for (let each = 0; each < 3; each++) stage.sessions(ONE, -1);
  stage.ledger.count("primary", "waited");
  stage.ledger.addInside("primary", 1);
  stage.second();
  stage.watch.turn({ primary: null, term: null });
  stage.clock.advance(400);
  stage.watch.turn({ primary: TWO, term: "9" });
  stage.second();
  assert.equal(stage.felt.length, 0, "one still waits");
  stage.ledger.addInside("primary", -1);
  stage.ledger.addWait("primary", 1_500.4);
  stage.sessions(TWO, 1);
  stage.second();
  const [felt] = stage.felt;
  assert.ok(felt !== undefined);
  assert.equal(felt.routedAtMs - felt.closedAtMs, 400);
  assert.deepEqual(
    { ...felt, routedAtMs: 0, closedAtMs: 0 },
    {
      ...{ closedAtMs: 0, routedAtMs: 0, termBefore: "7", term: "9" },
      ...{ ended: 3, waited: 1, longestWaitMs: 1_500, failed: 0 },
    },
  );
});

Deno.test("felt: from one leader to the next without a gap", () => {
  const stage = new Stage();
  stage.watch.turn({ primary: ONE, term: "7" });
  stage.sessions(ONE, 1);
  stage.watch.turn({ primary: ONE, term: "7" });
  stage.watch.turn({ primary: TWO, term: "9" });
  stage.sessions(ONE, -1);
  stage.second();
  assert.equal(stage.felt.length, 1);
  assert.equal(stage.felt[0]?.ended, 1);
  assert.equal(stage.felt[0]?.waited, 0);
});

Deno.test("felt: who waits for ever does not keep it from being told", () => {
  const stage = new Stage();
  stage.watch.turn({ primary: ONE, term: "7" });
  stage.watch.turn({ primary: null, term: "7" });
  stage.ledger.addInside("primary", 1);
  stage.ledger.count("primary", "holdTimeouts");
  for (let each = 0; each < 60; each++) stage.second();
  assert.equal(stage.felt.length, 0);
  stage.watch.turn({ primary: ONE, term: "7" });
  for (let each = 0; each < 11; each++) stage.second();
  assert.deepEqual(
    stage.felt.map(({ failed, term, termBefore }) => [
      failed,
      term,
      termBefore,
    ]),
    [[1, "7", "7"]],
  );
});

Deno.test("felt: sessions that came and went between two looks count, those long ago do not", async () => {
  const stage = new Stage();
  const way = { primary: ONE, term: "7" };
  stage.watch.turn(way);
  for (let each = 0; each < 9; each++) stage.sessions(ONE, 1);
  for (let each = 0; each < 9; each++) stage.sessions(ONE, -1);
  stage.ledger.count("primary", "waited");
  for (let reads = 0; reads < 3; reads++) {
    await stage.clock.advance(10_000);
    stage.watch.turn(way);
  }
  for (let each = 0; each < 4; each++) stage.sessions(ONE, 1);
  for (let each = 0; each < 4; each++) stage.sessions(ONE, -1);
  await stage.clock.advance(9_000);
  stage.watch.turn({ primary: TWO, term: "9" });
  stage.second();
  assert.deepEqual(
    stage.felt.map(({ ended, waited }) => ({ ended, waited })),
    [{ ended: 4, waited: 0 }],
  );
});

Deno.test("felt: no timer runs but with clients, or during a change", async () => {
  const stage = new Stage();
  const ending = new AbortController();
  const running = stage.watch.run(ending.signal);
  const way = { primary: ONE, term: "7" };
  stage.watch.turn(way);
  await stage.clock.advance(60_000);
  assert.equal(stage.clock.sleepers, 0);
  stage.sessions(ONE, 1);
  stage.watch.turn(way);
  await stage.clock.advance(0);
  for (let second = 1; second <= 3; second++) {
    await stage.clock.advance(1_000);
    assert.equal(stage.looks, second);
  }
  stage.sessions(ONE, -1);
  await stage.clock.advance(1_000);
  assert.equal(stage.clock.sleepers, 0);
  stage.watch.turn({ primary: null, term: null });
  await stage.clock.advance(0);
  assert.equal(stage.clock.sleepers, 1);
  stage.watch.turn({ primary: TWO, term: "9" });
  await stage.clock.advance(1_000);
  assert.equal(stage.felt.length, 1);
  assert.equal(stage.clock.sleepers, 0);
  ending.abort();
  await running;
});
