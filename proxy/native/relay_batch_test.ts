import assert from "node:assert/strict";
import { SLOTS } from "./call_ring.ts";
import { ERRNO } from "./libc.ts";
import { type BatchSide, RelayBatch } from "./relay_batch.ts";

const RESET = -104;

/** A kernel in which a test says what every descriptor gives, and that all sends succeed. */
function rig(given: ReadonlyMap<number, number>) {
  const story: string[] = [];
  const results = new Map<number, number>();
  const buffers = Array.from({ length: SLOTS }, () => new Uint8Array(16));
  const batch = new RelayBatch({
    buffers,
    queueReceive(slot, fd) {
      story.push(`receive ${fd}`);
      results.set(slot, given.get(fd) ?? -ERRNO.again);
    },
    queueSend(slot, fd, length) {
      story.push(`send ${fd}: ${length}`);
      results.set(slot, length);
    },
    flush: () => void story.push("flush"),
    result: (slot) => results.get(slot) ?? -ERRNO.again,
  });
  return { batch, story };
}

class TestSide implements BatchSide {
  readonly fd: number;
  readonly #story: string[];
  readonly #onNothing: () => void;
  isPlain = true;

  constructor(fd: number, story: string[], onNothing: () => void = () => {}) {
    this.fd = fd;
    this.#story = story;
    this.#onNothing = onNothing;
  }

  receive(): void {
    this.#story.push(`${this.fd} alone`);
  }

  received(_bytes: Uint8Array, _count: number): number {
    return this.fd + 1000;
  }

  delivered(_bytes: Uint8Array, count: number, sent: number): void {
    this.#story.push(`${this.fd} delivered ${sent} of ${count}`);
  }

  receivedNothing(result: number): void {
    this.#story.push(`${this.fd} nothing: ${result}`);
    this.#onNothing();
  }
}

Deno.test("relay batch: all receive, then all is delivered, then ends and errors follow", () => {
  const { batch, story } = rig(new Map([[1, 0], [2, 7], [3, RESET], [4, 5]]));
  for (const fd of [1, 2, 3, 4]) batch.join(new TestSide(fd, story));
  batch.run();
  assert.deepEqual(story, [
    ...["receive 1", "receive 2", "receive 3", "receive 4", "flush"],
    ...["send 1002: 7", "send 1004: 5", "flush"],
    ...["2 delivered 7 of 7", "4 delivered 5 of 5"],
    ...["1 nothing: 0", "3 nothing: -104"],
  ]);
});

Deno.test("relay batch: one side alone makes its own calls", () => {
  const { batch, story } = rig(new Map());
  batch.join(new TestSide(1, story));
  batch.run();
  batch.run();
  assert.deepEqual(story, ["1 alone"]);
});

Deno.test("relay batch: a side that was ended after it joined is left alone", () => {
  const { batch, story } = rig(new Map([[1, 3], [2, 3], [3, 3]]));
  const sides = [1, 2, 3].map((fd) => new TestSide(fd, story));
  for (const side of sides) batch.join(side);
  const [, second] = sides;
  assert.ok(second !== undefined);
  second.isPlain = false;
  batch.run();
  assert.ok(!story.some((line) => line.includes("2 ")), story.join("; "));
  assert.ok(story.includes("3 delivered 3 of 3"));
});

Deno.test("relay batch: more than fit go in parts, and an end in one part counts in the next", () => {
  const last = new TestSide(SLOTS + 1, []);
  const { batch, story } = rig(new Map([[0, 0]]));
  const first = new TestSide(0, story, () => last.isPlain = false);
  batch.join(first);
  for (let fd = 1; fd <= SLOTS; fd++) batch.join(new TestSide(fd, story));
  batch.join(last);
  batch.run();
  const received = story.filter((line) => line.startsWith("receive"));
  assert.equal(received.length, SLOTS);
  assert.equal(story.at(-1), `${SLOTS} alone`);
});
