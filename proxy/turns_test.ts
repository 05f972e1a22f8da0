import assert from "node:assert/strict";
import { Turns } from "./turns.ts";

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** An answer that ends with ReadyForQuery. */
function ready(status: string): Uint8Array {
  return bytesOf(`some answer Z\0\0\0\x05${status}`);
}

function mustWaitAfter(bytes: Uint8Array, length = bytes.length): boolean {
  const turns = new Turns();
  turns.onWaited();
  turns.onAnswer(bytes, length);
  return turns.mustWait;
}

Deno.test("turns: a client waits once, until the backend has spoken again", () => {
  const turns = new Turns();
  assert.equal(turns.mustWait, true);
  turns.onWaited();
  assert.equal(turns.mustWait, false);
  const answer = ready("I");
  turns.onAnswer(answer, answer.length);
  assert.equal(turns.mustWait, true);
});

Deno.test("turns: nobody waits who is seen to be in a transaction", () => {
  assert.equal(mustWaitAfter(ready("I")), true);
  assert.equal(mustWaitAfter(ready("T")), false);
  assert.equal(mustWaitAfter(ready("E")), false);
});

Deno.test("turns: an answer that cannot be read makes the client wait", () => {
  assert.equal(mustWaitAfter(bytesOf("T")), true);
  assert.equal(mustWaitAfter(bytesOf("")), true);
  assert.equal(mustWaitAfter(bytesOf("Z\0\0\0\x06T")), true);
  // What lies behind the end of the answer is of an older one.
  const old = ready("T");
  assert.equal(mustWaitAfter(old, old.length - 1), true);
});
