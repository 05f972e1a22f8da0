/** When a proxy asks the store because its clients get no answer, look by look. */
import assert from "node:assert/strict";
import type { Backend } from "../lib/core/model/routes.ts";
import type { DcsHint } from "../lib/ports/dcs.ts";
import { AnswerMeter } from "./answer_meter.ts";
import { Ledger } from "./ledger.ts";
import { StallWatch } from "./stall_watch.ts";

const ONE: Backend = { name: "n1", host: "h1", port: 5432, via: "address" };

class Stage {
  readonly ledger = Ledger.alone();
  readonly hints: DcsHint[] = [];
  readonly watch = new StallWatch({
    ledger: this.ledger,
    dcs: { takeHint: (hint) => this.hints.push(hint) },
  });

  /** A client with a session on `ONE`. */
  session(): AnswerMeter {
    const slot = this.ledger.book.slotOf("primary", ONE);
    this.ledger.addInside("primary", 1);
    this.ledger.addTo(slot, "sessions", 1);
    return new AnswerMeter(
      this.ledger.meterOf(slot),
      (by) => this.ledger.addTo(slot, "waiting", by),
    );
  }

  /** @returns The numbers of the looks (from 1) at which the store was asked. */
  looks(count: number, primary: Backend | null = ONE): readonly number[] {
    const asked: number[] = [];
    for (let look = 1; look <= count; look++) {
      const before = this.hints.length;
      this.watch.look(primary);
      if (this.hints.length > before) asked.push(look);
    }
    return asked;
  }
}

Deno.test("stalls: a leader that answers, or is asked nothing, is no stall", () => {
  const stage = new Stage();
  assert.deepEqual(stage.looks(5), []);
  const session = stage.session();
  assert.deepEqual(stage.looks(5), []);
  for (let second = 0; second < 5; second++) {
    session.sent(10);
    session.received(10);
    assert.deepEqual(stage.looks(1), []);
  }
});

Deno.test("stalls: the store is asked after a second without a byte, then more seldom", () => {
  const stage = new Stage();
  const session = stage.session();
  session.sent(10);
  assert.deepEqual(stage.looks(130), [2, 3, 5, 9, 17, 33, 63, 93, 123]);
  session.received(10);
  session.sent(10);
  assert.deepEqual(stage.looks(3), [2, 3]);
});

Deno.test("stalls: as long as one of them is served the leader is there", () => {
  const stage = new Stage();
  const waiting = stage.session();
  const served = stage.session();
  waiting.sent(10);
  for (let second = 0; second < 5; second++) {
    served.sent(1);
    served.received(1);
    assert.deepEqual(stage.looks(1), []);
  }
});

Deno.test("stalls: who waits for a leader that nobody knows of counts", () => {
  const stage = new Stage();
  stage.ledger.addInside("primary", 1);
  assert.deepEqual(stage.looks(3, null), [2, 3]);
});

Deno.test("stalls: a session that has ended waits no more", () => {
  const stage = new Stage();
  const session = stage.session();
  session.sent(10);
  session.end();
  session.sent(10);
  assert.deepEqual(stage.looks(5), []);
});
