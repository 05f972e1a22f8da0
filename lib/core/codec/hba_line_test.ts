import assert from "node:assert/strict";
import { maskBits, parseHbaLine } from "./hba_line.ts";

const CASES: readonly (readonly [string, readonly unknown[] | null])[] = [
  ["local all all trust", ["local", "all", "all", "", null, "trust"]],
  ["host all all 10.0.0.0/8 md5", ["host", "all", "all", "10.0.0.0", 8, "md5"]],
  [
    "  hostssl a,b  x, y  10.0.0.0  255.255.0.0  cert map=m # why",
    ["hostssl", "a b", "x y", "10.0.0.0", 16, "cert"],
  ],
  ["host all all ::1 md5", ["host", "all", "all", "::1", 128, "md5"]],
  [
    "host all all fd00:: ffff:ffff:: md5",
    ["host", "all", "all", "fd00::", 32, "md5"],
  ],
  ["host all all samenet ident", [
    "host",
    "all",
    "all",
    "samenet",
    null,
    "ident",
  ]],
  [
    'host "replication" "my user" .example.org reject',
    ["host", '"replication"', "my user", ".example.org", null, "reject"],
  ],
  ["# host all all all trust", null],
  ["", null],
  ["include other.conf", null],
  ["host all all", null],
  ["host all all 10.0.0.1", null],
  ["local all all", null],
  ["hots all all all md5", null],
];

for (const [line, want] of CASES) {
  Deno.test(`parseHbaLine(): ${line}`, () => {
    const rule = parseHbaLine(line);
    const seen = rule === null ? null : [
      rule.type,
      rule.databases.join(" "),
      rule.users.join(" "),
      rule.address,
      rule.bits,
      rule.method,
    ];
    assert.deepEqual(seen, want);
  });
}

Deno.test("maskBits() counts the ones of a netmask", () => {
  assert.equal(maskBits("255.255.255.255"), 32);
  assert.equal(maskBits("255.254.0.0"), 15);
  assert.equal(maskBits("0.0.0.0"), 0);
  assert.equal(maskBits("::"), 0);
  assert.equal(maskBits("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 128);
});
