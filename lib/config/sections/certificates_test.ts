import assert from "node:assert/strict";
import { Wanted } from "../fields.ts";
import { CERTIFICATES_KEYS } from "./certificates.ts";

Deno.test("certificates.lifetime leaves time between two renewals", () => {
  const { read } = CERTIFICATES_KEYS.lifetime.type;
  assert.equal(read(1), 86_400_000);
  assert.equal(read("1.5"), 129_600_000);
  for (const days of [0, -1, 0.99, 3_651, "soon", null]) {
    assert.ok(read(days) instanceof Wanted, String(days));
  }
});
