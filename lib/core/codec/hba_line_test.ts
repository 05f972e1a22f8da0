import assert from "node:assert/strict";
import { hbaRules, maskBits, parseHbaLine } from "./hba_line.ts";

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
  ['"host" all all 10.0.0.0/8 "trust"', [
    ...["host", "all", "all", "10.0.0.0", 8, "trust"],
  ]],
  ['ho"st" all a"b c",d 10.0.0.0 "255.0.0.0" trust', [
    ...["host", "all", "ab c d", "10.0.0.0", 8, "trust"],
  ]],
  ["host replication\u00a0,all all 0.0.0.0/0 md5", [
    ...["host", "replication\u00a0 all", "all", "0.0.0.0", 0, "md5"],
  ]],
  ['host all all "samehost" md5', [
    ...["host", "all", "all", '"samehost"', null, "md5"],
  ]],
  ['host "a""b","""",""c all all md5', [
    ...["host", '"a"b" """ "c"', "all", "all", null, "md5"],
  ]],
  ["host all all 0/0 md5", ["host", "all", "all", "0.0.0.0", 0, "md5"]],
  ["host all all 0177.1/8 md5", ["host", "all", "all", "127.0.0.1", 8, "md5"]],
  ["host all all 0x7f000001 md5", [
    ...["host", "all", "all", "127.0.0.1", 32, "md5"],
  ]],
  ["host all all 1.2.3.4,5.6.7.8 md5", null],
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

Deno.test("hbaRules() reads every line of an item, alone and continued", () => {
  const rules = hbaRules([
    "local all all peer\nhost all all all trust",
    "host replication, \\",
    "all all 10.0.0.0/8 md5",
    "# no rule \\\r",
    "host all all samenet md5",
  ]);
  assert.deepEqual(
    rules.map(({ rule, at }) => `${at} ${rule.databases} ${rule.method}`)
      .sort(),
    [
      ...["0 all peer", "0 all peer", "0 all trust", "0 all trust"],
      ...["1 replication,all md5", "4 all md5"],
    ],
  );
});
