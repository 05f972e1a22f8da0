import assert from "node:assert/strict";
import { revision } from "../base/units.ts";
import { encodeSource, PulseReader } from "./pulse_codec.ts";

const SOURCE = { leader: 'n"1\u00fc', term: revision("4711") };

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("PulseReader reads a line and pulses, however they are cut", () => {
  const all = bytes(`${encodeSource(SOURCE)}?...`);
  for (let cut = 0; cut <= all.length; cut++) {
    const reader = new PulseReader();
    const first = reader.read(all.subarray(0, cut));
    const second = reader.read(all.subarray(cut));
    assert.ok(first !== null && second !== null);
    assert.deepEqual(first.source ?? second.source, SOURCE);
    assert.equal(first.pulses + second.pulses, 3);
    assert.equal(first.questions + second.questions, 1);
  }
});

for (
  const [what, text] of [
    ["a byte that means nothing", "..x"],
    ["a web page", "<html>"],
    ["a line without a term", '{"leader":"n1"}\n'],
    ["a term that is no revision", '{"leader":"n1","term":"a b"}\n'],
    ["a term that is a number", '{"leader":"n1","term":7}\n'],
    ["a line that is no JSON", "{{{\n"],
    ["an endless line", `{${"x".repeat(1_100)}`],
    ["a flood", ".".repeat(5_000)],
  ] as const
) {
  Deno.test(`PulseReader refuses ${what}`, () => {
    assert.equal(new PulseReader().read(bytes(text)), null);
  });
}

Deno.test("PulseReader refuses an endless line that comes in pieces", () => {
  const reader = new PulseReader();
  const pieces = Array.from(
    { length: 40 },
    (_, at) => reader.read(bytes(at === 0 ? "{" : "x".repeat(64))),
  );
  assert.ok(pieces.includes(null));
});
