/** The key `fencing` as text, and texts that are none. */
import assert from "node:assert/strict";
import { revision } from "../base/units.ts";
import type { FencingClaim } from "../model/fencing.ts";
import { decodeFencing, encodeFencing } from "./fencing_codec.ts";

const AT = revision("f-1");
const CLAIM: FencingClaim = {
  ...{ term: revision("10"), host: "n1", by: "n2", attempt: 2 },
  ...{ holdMs: 35_000, state: "fenced" },
};

function run(atMs: number) {
  return { host: "n1", by: "n2", atMs, result: "done" } as const;
}

Deno.test("decodeFencing() reads what encodeFencing() wrote", () => {
  const past = [run(7), { ...run(8), result: "unknown" as const }];
  for (const claim of [CLAIM, null]) {
    const text = encodeFencing({ claim, past });
    assert.deepEqual(decodeFencing(text, AT), { claim, past, revision: AT });
  }
});

Deno.test("encodeFencing() keeps the last runs only", () => {
  const past = Array.from({ length: 30 }, (_, at) => run(at));
  const text = encodeFencing({ claim: null, past });
  assert.deepEqual(decodeFencing(text, AT).past, past.slice(-20));
});

Deno.test("decodeFencing() takes a claim that cannot be read in full for none", () => {
  const whole = JSON.parse(encodeFencing({ claim: CLAIM, past: [run(1)] }));
  const { claim: told, past: [kept] } = whole;
  const wrong: readonly unknown[] = [
    ...Object.keys(told).map((key) => ({ ...told, [key]: null })),
    { ...told, term: "with a blank" },
    { ...told, attempt: 0 },
    { ...told, hold_ms: 3_600_001 },
    { ...told, state: "maybe" },
    [told],
    "n1",
  ];
  for (const claim of wrong) {
    const key = decodeFencing(JSON.stringify({ claim, past: [kept, 7] }), AT);
    assert.deepEqual(key, { claim: null, past: [run(1)], revision: AT });
  }
});

Deno.test("decodeFencing() takes a text that is no document for nothing", () => {
  for (const text of ["", "7", "{", '{"past":{}}']) {
    const nothing = { claim: null, past: [], revision: AT };
    assert.deepEqual(decodeFencing(text, AT), nothing);
  }
});
