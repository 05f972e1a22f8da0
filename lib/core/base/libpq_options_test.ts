import assert from "node:assert/strict";
import {
  isAnswered,
  optionsFromEnvironment,
  optionsProblem,
  verificationOf,
  waysOf,
} from "./libpq_options.ts";

Deno.test("optionsProblem() names the keyword that cannot be honoured", () => {
  const cases: readonly (readonly [Record<string, string>, RegExp | null])[] = [
    [{}, null],
    [{ sslmode: "verify-full", sslrootcert: "/ca" }, null],
    [{ gssencmode: "prefer", channel_binding: "prefer" }, null],
    [{ sslnegotiation: "direct", sslmode: "require" }, null],
    [{ sslmode: "verify_full" }, /^sslmode: verify_full: /],
    [{ sslcrl: "/crl" }, /^sslcrl: .*revocation/],
    [{ sslcrldir: "/crl" }, /^sslcrldir: /],
    [{ channel_binding: "require" }, /^channel_binding: require: /],
    [{ gssencmode: "require" }, /^gssencmode: require: /],
    [{ sslnegotiation: "direct" }, /^sslnegotiation: direct: sslmode /],
    [{ sslrootcert: "system", sslmode: "require" }, /^sslrootcert: system: /],
  ];
  for (const [options, expected] of cases) {
    const problem = optionsProblem(options);
    if (expected === null) assert.equal(problem, null);
    else assert.match(problem ?? "", expected);
  }
});

Deno.test("waysOf() is libpq's order, and plain for sockets", () => {
  assert.deepEqual(waysOf({}, "db1"), ["tls_if_offered", "plain"]);
  assert.deepEqual(waysOf({ sslmode: "allow" }, "db1"), ["plain", "tls"]);
  assert.deepEqual(waysOf({ sslmode: "disable" }, "db1"), ["plain"]);
  assert.deepEqual(waysOf({ sslmode: "require" }, "db1"), ["tls"]);
  assert.deepEqual(waysOf({ sslmode: "require" }, "/tmp"), ["plain"]);
});

Deno.test("verificationOf(): require with a root certificate is verify-ca", () => {
  const cases = [
    ["prefer", "/ca", "nothing"],
    ["require", null, "nothing"],
    ["require", "/ca", "authority"],
    ["verify-ca", "/ca", "authority"],
    ["verify-full", "/ca", "name"],
  ] as const;
  for (const [sslmode, root, expected] of cases) {
    assert.equal(verificationOf({ sslmode }, root), expected, sslmode);
  }
});

Deno.test("optionsFromEnvironment() reads libpq's variables", () => {
  const environment = { PGSSLMODE: "require", PGSSLCERT: "", PGHOST: "x" };
  assert.deepEqual(optionsFromEnvironment(environment), { sslmode: "require" });
});

Deno.test("isAnswered(): SCRAM only unless configured", () => {
  const cases = [
    ["password", undefined, "md5", false],
    ["password", "password", "scram", true],
    ["password", "!md5", "scram", true],
    ["password", "!password", "scram", false],
    ["md5", undefined, "scram", false],
    ["md5", undefined, "md5", true],
    ["md5", "scram-sha-256", "md5", false],
    ["md5", "md5, scram-sha-256", "scram", true],
  ] as const;
  for (const [method, requireAuth, usual, expected] of cases) {
    const answer = isAnswered(method, requireAuth, usual);
    assert.equal(answer, expected, `${method} ${requireAuth}`);
  }
});
