import assert from "node:assert/strict";
import { moment } from "../../base/units.ts";
import { heardAtOf, heardNow, lookAgain } from "./silence.ts";

Deno.test("lookAgain() counts the silence of a listener that runs in full", () => {
  let silence = heardNow(moment(1_000));
  silence = lookAgain(silence, moment(1_600), 600);
  for (let at = 1_700; at <= 2_500; at += 100) {
    silence = lookAgain(silence, moment(at), 100);
  }
  assert.equal(silence.silentMs, 1_500);
  assert.equal(heardAtOf(silence), 1_000);
});

Deno.test("lookAgain() counts a freeze of the listener as one rest", () => {
  const heard = heardNow(moment(0));
  const silence = lookAgain(heard, moment(30_000), 600);
  assert.equal(silence.silentMs, 700);
  assert.equal(heardAtOf(silence), 29_300);
});

Deno.test("lookAgain() bears looks that come early or twice", () => {
  const heard = heardNow(moment(500));
  assert.equal(lookAgain(heard, moment(500), 100).silentMs, 0);
  assert.equal(lookAgain(heard, moment(400), 100).silentMs, 0);
  const twice = lookAgain(lookAgain(heard, moment(540), 100), moment(550), 100);
  assert.equal(twice.silentMs, 50);
});

Deno.test("a stall of a second at both ends stays below a suspicion", () => {
  // The last pulse came 500 ms before the leader stood still for a second, and
  // the listener stood still itself from its 800th millisecond on.
  let silence = heardNow(moment(250));
  silence = lookAgain(silence, moment(1_800), 550);
  silence = lookAgain(silence, moment(1_900), 100);
  assert.ok(silence.silentMs < 1_500);
});
