import assert from "node:assert/strict";
import { connectionsFor } from "./rest.ts";

Deno.test("connections to the REST API leave the agent descriptors of its own", () => {
  const cases: readonly (readonly [number | null, number])[] = [
    [null, 1_024],
    [1_048_576, 1_024],
    [1_024, 448],
    [256, 64],
    [128, 16],
    [64, 16],
  ];
  for (const [filesMax, connections] of cases) {
    assert.equal(connectionsFor(filesMax), connections, `${filesMax}`);
  }
});
