import assert from "node:assert/strict";
import { revision } from "../core/base/units.ts";
import type { DcsChange } from "../ports/dcs.ts";
import { DcsListeners } from "./listeners.ts";

function change(value: string): DcsChange {
  return { key: "leader", value, revision: revision(value) };
}

class Told {
  readonly words: string[] = [];
  onChange({ value }: DcsChange): void {
    this.words.push(String(value));
  }
  onReset(): void {
    this.words.push("reset");
  }
}

function listening(): { listeners: DcsListeners; told: Told; stop(): void } {
  const listeners = new DcsListeners();
  const told = new Told();
  const ending = new AbortController();
  listeners.add(told, ending.signal);
  return { listeners, told, stop: () => ending.abort() };
}

Deno.test("a listener is told to read once the watch stands, then changes", () => {
  const { listeners, told } = listening();
  listeners.tell(change("missed"));
  listeners.stand();
  listeners.tell(change("a"));
  listeners.stand();
  assert.deepEqual(told.words, ["reset", "a"]);
});

Deno.test("who comes while the watch stands reads first, after the call", async () => {
  const { listeners } = listening();
  listeners.stand();
  const late = new Told();
  listeners.add(late, new AbortController().signal);
  assert.deepEqual(late.words, []);
  await Promise.resolve();
  listeners.tell(change("a"));
  assert.deepEqual(late.words, ["reset", "a"]);
});

Deno.test("a watch that fell leaves a gap for everybody", () => {
  const { listeners, told } = listening();
  listeners.stand();
  listeners.fall();
  listeners.tell(change("missed"));
  listeners.stand();
  assert.deepEqual(told.words, ["reset", "reset"]);
});

Deno.test("nobody is told anything after the end", () => {
  const { listeners, told, stop } = listening();
  listeners.stand();
  const closing = new Told();
  listeners.add({
    onReset: () => stop(),
    onChange: (one) => closing.onChange(one),
  }, new AbortController().signal);
  listeners.stand();
  listeners.tell(change("a"));
  assert.deepEqual(told.words, ["reset"], "it ended in between");
  assert.deepEqual(closing.words, ["a"]);
  listeners.close();
  listeners.tell(change("b"));
  listeners.add(told, new AbortController().signal);
  assert.ok(listeners.isEmpty);
  assert.deepEqual(closing.words, ["a"]);
});
