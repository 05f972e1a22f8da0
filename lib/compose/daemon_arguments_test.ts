import assert from "node:assert/strict";
import fc from "fast-check";
import { isDaemonCall, parseDaemonArguments } from "./daemon_arguments.ts";

const NOTHING = {
  mode: "run",
  path: null,
  dsn: null,
  isPortIgnored: false,
  isPrinted: false,
};

const CASES: readonly (readonly [string, Record<string, unknown> | string])[] =
  [
    ["", {}],
    ["/etc/p.yml", { path: "/etc/p.yml" }],
    ["--help", { mode: "help" }],
    ["-h x", { mode: "help", path: "x" }],
    ["--vers", { mode: "version" }],
    ["x --validate", { mode: "validate-config", path: "x" }],
    ["--val -i -p", {
      mode: "validate-config",
      isPortIgnored: true,
      isPrinted: true,
    }],
    ["-ip x --validate-config", {
      mode: "validate-config",
      path: "x",
      isPortIgnored: true,
      isPrinted: true,
    }],
    ["--generate-s out", { mode: "generate-sample-config", path: "out" }],
    ["--generate-c --dsn host=h", { mode: "generate-config", dsn: "host=h" }],
    ["--dsn=host=h --generate-config", {
      mode: "generate-config",
      dsn: "host=h",
    }],
    ["-- --x", { path: "--x" }],
    [
      "--validate-config --generate-config",
      "argument --generate-config: not allowed with argument --validate-config",
    ],
    [
      "--gen",
      "ambiguous option: --gen could match --generate-sample-config, --generate-config",
    ],
    ["--dsn", "argument --dsn: expected one argument"],
    ["--print=1", "argument --print: ignored explicit argument '1'"],
    ["--nope", "unrecognized arguments: --nope"],
    ["-x", "unrecognized arguments: -x"],
    ["a b c", "unrecognized arguments: b c"],
  ];

for (const [argv, expected] of CASES) {
  Deno.test(`patroni ${argv}`, () => {
    const parsed = parseDaemonArguments(argv.split(" ").filter(Boolean));
    assert.deepEqual(
      parsed,
      typeof expected === "string" ? expected : { ...NOTHING, ...expected },
    );
  });
}

Deno.test("matriarch takes the daemon's arguments without a command", () => {
  const calls: readonly (readonly [string, boolean])[] = [
    ["/etc/a.yml", true],
    ["a.yaml", true],
    ["--validate-config a.yml", true],
    ["--vali -i a.yml", true],
    ["-i a.yml --validate-config", true],
    ["a.yml --validate-config --print", true],
    ["--generate-sample-config", true],
    ["--generate-config --dsn host=h out", true],
    ["", false],
    ["--help", false],
    ["--version", false],
    ["-h", false],
    ["list", false],
    ["-c a.yml list", false],
    ["--config-file a.yml list", false],
    ["-d etcd3://h list", false],
    ["--dcs-url etcd3://h list", false],
    ["-k list", false],
  ];
  for (const [argv, expected] of calls) {
    const words = argv.split(" ").filter(Boolean);
    assert.equal(isDaemonCall(words), expected, argv);
  }
});

Deno.test("any arguments are understood, or refused by name", () => {
  const word = fc.oneof(
    fc.constantFrom(
      ...["--dsn", "--dsn=", "--d", "--p", "--v", "--validate-config", "-i"],
      ...["--generate-config", "--generate-sample-config", "-h", "-", "--"],
      ...["--print=1", "-x", "=", "--=", "", "file.yml", "--ignore"],
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      const parsed = parseDaemonArguments(argv);
      if (typeof parsed !== "string") return;
      assert.match(
        parsed,
        /^(unrecognized arguments|ambiguous option|argument --[a-z-]+): /,
      );
    }),
    { numRuns: 5000 },
  );
});
