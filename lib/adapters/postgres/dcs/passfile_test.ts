import assert from "node:assert/strict";
import { passwordIn } from "./passfile.ts";

const ASKER = { host: "h", port: 5432, database: "d", user: "u" };

Deno.test("the first line that fits has the password", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["", null],
    ["h:5432:d:u:secret", "secret"],
    ["*:*:*:*:", ""],
    ["# h:5432:d:u:no\nh:5432:d:u:yes", "yes"],
    ["h:5433:d:u:no\nh:*:x:u:no\nh:*:*:v:no\n*:*:*:u:yes\n*:*:*:u:no", "yes"],
    ["h:5432:d:u:with\\:colon\\\\and:more\r\n", "with:colon\\and:more"],
    ["h:5432:d:u", null],
  ];
  for (const [text, wanted] of cases) {
    assert.equal(passwordIn(text, ASKER), wanted, text);
  }
  const ipv6 = { ...ASKER, host: "::1" };
  assert.equal(passwordIn("\\:\\:1:5432:d:u:six", ipv6), "six");
  const socket = { ...ASKER, host: "/run/pg" };
  assert.equal(passwordIn("localhost:5432:d:u:own", socket), "own");
});
