import assert from "node:assert/strict";
import { pgpassLines } from "./pgpass.ts";

Deno.test("pgpassLines() gives one line for each host", () => {
  const address = { host: "a,/run/b,c:d", port: 5432 };
  assert.deepEqual(pgpassLines(address, "u", "p:w"), [
    "a:5432:*:u:p\\:w",
    "/run/b:5432:*:u:p\\:w",
    "localhost:5432:*:u:p\\:w",
    "c\\:d:5432:*:u:p\\:w",
  ]);
});

Deno.test("pgpassLines() lets no host of the store begin a line of its own", () => {
  for (const host of ["a\n*:*:*:*:stolen", "a\rb", "a\0b"]) {
    assert.deepEqual(pgpassLines({ host, port: 1 }, "u", "p"), []);
  }
});
