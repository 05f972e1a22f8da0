import assert from "node:assert/strict";
import fc from "fast-check";
import { COMMANDS } from "./command_table.ts";
import { DEMO_KEYS, runIn } from "./fake_context_test.ts";

const PROGRAM_USAGE = "Usage: patronictl [OPTIONS] COMMAND [ARGS]...\n" +
  "Try 'patronictl --help' for help.";
const LIST_USAGE = "Usage: patronictl list [OPTIONS] [CLUSTER_NAMES]...\n" +
  "Try 'patronictl list --help' for help.";
const SHOW_USAGE = "Usage: patronictl show-config [OPTIONS] [CLUSTER_NAME]\n" +
  "Try 'patronictl show-config --help' for help.";

const MISUSES: readonly (readonly [string, string, string])[] = [
  ["foo", PROGRAM_USAGE, "No such command 'foo'."],
  ["lst", PROGRAM_USAGE, "No such command 'lst'. Did you mean list?"],
  ["-z", PROGRAM_USAGE, "No such option: -z"],
  ["-h", PROGRAM_USAGE, "No such option: -h"],
  ["-k", PROGRAM_USAGE, "Missing command."],
  ["-c", PROGRAM_USAGE, "Option '-c' requires an argument."],
  [
    "--config-file",
    PROGRAM_USAGE,
    "Option '--config-file' requires an argument.",
  ],
  ["list --bogus", LIST_USAGE, "No such option: --bogus"],
  ["list --bogus=1", LIST_USAGE, "No such option: --bogus"],
  [
    "list --form json",
    LIST_USAGE,
    "No such option: --form Did you mean --format?",
  ],
  ["list -exz", LIST_USAGE, "No such option: -x"],
  ["list -h", LIST_USAGE, "No such option: -h"],
  ["list -5", LIST_USAGE, "No such option: -5"],
  ["list --group x --bogus", LIST_USAGE, "No such option: --bogus"],
  ["list --bogus --help", LIST_USAGE, "No such option: --bogus"],
  ["nope -c", PROGRAM_USAGE, "No such command 'nope'."],
  ["list -k", LIST_USAGE, "No such option: -k"],
  ["list -f", LIST_USAGE, "Option '-f' requires an argument."],
  [
    "list --extended=4",
    LIST_USAGE,
    "Option '--extended' does not take a value.",
  ],
  [
    "list -f xml",
    LIST_USAGE,
    "Invalid value for '--format' / '-f': 'xml' is not one of 'pretty', 'tsv', 'json', 'yaml', 'yml'.",
  ],
  [
    "list --format=JSON",
    LIST_USAGE,
    "Invalid value for '--format' / '-f': 'JSON' is not one of 'pretty', 'tsv', 'json', 'yaml', 'yml'.",
  ],
  [
    "list --group x",
    LIST_USAGE,
    "Invalid value for '--group': 'x' is not a valid integer.",
  ],
  [
    "list -w x",
    LIST_USAGE,
    "Invalid value for '-w' / '--watch': 'x' is not a valid float.",
  ],
  ["show-config a b", SHOW_USAGE, "Got unexpected extra argument (b)"],
  ["show-config a b c", SHOW_USAGE, "Got unexpected extra arguments (b c)"],
];

for (const [argv, usage, message] of MISUSES) {
  Deno.test(`${argv} is a usage error: ${message}`, async () => {
    const { out, err, code } = await runIn({}, argv.split(" "));
    assert.deepEqual({ out, err, code }, {
      out: "",
      err: `${usage}\n\nError: ${message}\n`,
      code: 2,
    });
  });
}

Deno.test("the help lists every command, ours and the main file's", async () => {
  const bare = await runIn({ programName: "matriarch" }, []);
  assert.equal(bare.code, 0);
  assert.match(
    bare.out,
    /^Usage: matriarch \[OPTIONS\] COMMAND \[ARGS\]\.\.\.\n/,
  );
  for (const name of [...COMMANDS.map((each) => each.name), "run"]) {
    assert.match(bare.out, new RegExp(`^  ${name} `, "m"));
  }
  const asked = await runIn({ programName: "matriarch" }, ["--help"]);
  assert.equal(asked.out, bare.out);
});

Deno.test("the help of a command shows its options", async () => {
  const { out, code } = await runIn({}, ["list", "-e", "--help"]);
  assert.match(
    out,
    /^Usage: patronictl list \[OPTIONS\] \[CLUSTER_NAMES\]\.\.\.\n/,
  );
  assert.match(out, /^ {2}-f, --format \[pretty\|tsv\|json\|yaml\|yml\]\n/m);
  assert.match(out, /^ {2}-w, --watch FLOAT +\S/m);
  assert.equal(code, 0);
});

Deno.test("ctl is a long way to say the same", async () => {
  const world = { keys: DEMO_KEYS, programName: "matriarch" };
  const short = await runIn(world, ["list"]);
  assert.deepEqual(await runIn(world, ["ctl", "list"]), short);
  const { err } = await runIn(world, ["ctl", "list", "--x"]);
  assert.match(err, /^Usage: matriarch ctl list /);
});

Deno.test("options and arguments mix, the last value of an option counts", async () => {
  const { out, code } = await runIn(
    { keys: DEMO_KEYS },
    ["list", "-f", "json", "demo", "--format=tsv", "--", "nope"],
  );
  assert.match(out, /^Cluster\tMember[^]*\ndemo\tn3[^]*\nCluster\tMember/);
  assert.equal(code, 0);
});

Deno.test("any arguments end in an exit code and never in a stack trace", async () => {
  const words = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...knownWords()) },
    { weight: 1, arbitrary: fc.string() },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "-",
        "--",
        "=",
        "n1",
        "demo",
        "-W=1",
        "--=",
        "-c=",
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(words, { maxLength: 7 }), async (argv) => {
      const { code, out, err } = await runIn({ keys: DEMO_KEYS }, argv);
      assert.ok([0, 1, 2].includes(code), `exit code ${code}`);
      assert.doesNotMatch(out + err, /^ {4}at |undefined|\[object/m);
      if (code === 2) assert.match(err, /^Usage: [^]*\n\nError: [^]*\n$/);
      if (code === 1) assert.match(err, /^(Error: [^]*|Aborted!)\n$/m);
    }),
    { numRuns: 3000 },
  );
});

function knownWords(): string[] {
  const options = COMMANDS.flatMap((command) => command.options)
    .flatMap((option) => option.flags);
  return [
    ...COMMANDS.map((command) => command.name),
    ...options,
    ...["-c", "-d", "--dcs", "-k", "--help", "json", "1", "ctl"],
  ];
}
