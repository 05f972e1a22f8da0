/**
 * Goal: whatever is typed, stored in the keys or answered by members, a command
 * ends with a sentence and an exit code; what is refused changes nothing, and
 * the message names the option. Method: random worlds in memory.
 *
 * `MATRIARCH_FUZZ_RUNS` sets the number of runs of each property.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { GLOBAL_OPTIONS } from "./arguments.ts";
import { COMMANDS } from "./command_table.ts";
import { FORCE_OPTION, type OptionDefinition } from "./definition.ts";
import {
  DEMO_KEYS,
  type Outcome,
  runIn,
  type World,
} from "./fake_context_test.ts";

const numRuns = Number(Deno.env.get("MATRIARCH_FUZZ_RUNS") ?? 1000);

/** Texts of JavaScript's own errors: a mistake of ours, not of the user. */
const OWN_MISTAKE =
  /Cannot read prop|is not a function|is not iterable|is not defined|Cannot convert|undefined|\[object|^ {4}at |Maximum call stack|Invalid (time|array|count)|invariant/m;

/** Commands that ask nothing, so that no answer has to be withheld. */
const UNASKED = new Set([
  ...["pause", "resume", "flush", "scaffold", "configure", "vip"],
]);

function assertEnded({ code, out, err }: Outcome): void {
  assert.ok([0, 1, 2].includes(code), `exit code ${code}`);
  assert.doesNotMatch(err, OWN_MISTAKE);
  assert.doesNotMatch(out, /undefined|\[object/);
  if (code === 2) assert.match(err, /^Usage: [^]*\n\nError: [^]+\n$/);
  if (code === 1) assert.match(err, /^(Error: [^]+|Aborted!)\n$/m);
}

function assertUnchanged(outcome: Outcome, keys: World["keys"]): void {
  assert.deepEqual(outcome.keys, { ...keys });
  assert.deepEqual(outcome.written, []);
  const methods = outcome.requests.map(({ method }) => method);
  assert.deepEqual(methods.filter((method) => method !== "GET"), []);
}

const NAMES = COMMANDS.map(({ name }) => name);
const FLAGS = [...GLOBAL_OPTIONS, ...COMMANDS.flatMap(({ options }) => options)]
  .flatMap(({ flags }) => flags);

const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...FLAGS, "--help") },
  {
    weight: 3,
    arbitrary: fc.constantFrom("demo", "n1", "n2", "n3", "restart"),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...["", "-", "--", "=", "--=", "-c=", "--format=", "--role=x", "-W=1"],
      ...["ttl=1", "a.b=", "=", "..=1", "__proto__.x=1", "2030-01-01", "now"],
      ...["-1", "1e999", "NaN", "0x10", "99999999999999999999", "\u0000", "é"],
      ...["/nowhere", "etcd3://", "sqlite://", "zookeeper://h", "://"],
    ),
  },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
);

const line = fc.tuple(
  fc.oneof(fc.constantFrom(...NAMES), fc.constantFrom(...NAMES), word),
  fc.array(word, { maxLength: 6 }),
).map(([command, rest]) => [command, ...rest]);

/** Anything but a yes. */
const typed = fc.array(
  fc.string().filter((text) => !/^\s*y(es)?\s*$/i.test(text)),
  { maxLength: 5 },
);

Deno.test("any command line ends well, and changes nothing unless it was told to", async () => {
  await fc.assert(
    fc.asyncProperty(line, typed, fc.boolean(), async (argv, input, isOwn) => {
      const programName = isOwn ? "matriarch" : "patronictl";
      const world = { keys: DEMO_KEYS, input, programName };
      const outcome = await runIn(world, argv);
      assertEnded(outcome);
      const mayAct = argv.includes("--force") ||
        argv.some((each) => UNASKED.has(each));
      if (outcome.code === 2 || !mayAct) assertUnchanged(outcome, DEMO_KEYS);
    }),
    { numRuns },
  );
});

/** A text that the option must refuse; null: it takes any text. */
function wrongValue({ value }: OptionDefinition): fc.Arbitrary<string> | null {
  if (value === "none" || value === "text") return null;
  if (value === "integer") {
    return fc.string().filter((text) => !/^\s*[-+]?\d+\s*$/.test(text));
  }
  if (value === "float") {
    return fc.string().filter((text) =>
      text.trim() === "" || !Number.isFinite(Number(text))
    );
  }
  return fc.string().filter((text) => !value.includes(text));
}

for (const command of COMMANDS) {
  for (const option of command.options) {
    const wrong = wrongValue(option);
    if (wrong === null) continue;
    const flag = option.flags[0] ?? "";
    const forced = command.options.includes(FORCE_OPTION) ? ["--force"] : [];
    Deno.test(`${command.name} ${flag} refuses a wrong value by name`, async () => {
      await fc.assert(
        fc.asyncProperty(
          wrong,
          fc.constantFrom(...option.flags),
          async (text, spelled) => {
            const given = spelled.startsWith("--")
              ? [`${spelled}=${text}`]
              : [spelled, text];
            const outcome = await runIn(
              { keys: DEMO_KEYS, programName: "matriarch" },
              [command.name, "demo", ...given, ...forced],
            );
            // A word that begins with a dash may itself be read as an option.
            assert.equal(outcome.code, 2, outcome.err);
            if (spelled.startsWith("--")) {
              assert.ok(outcome.err.includes(flag), outcome.err);
            }
            assertUnchanged(outcome, DEMO_KEYS);
          },
        ),
        { numRuns: Math.ceil(numRuns / 20) },
      );
    });
  }
}

const KEYS = [
  ...["initialize", "leader", "config", "failover", "sync", "status"],
  ...["history", "members/n1", "members/n2", "members/n9", "failsafe", "x/y"],
];

/** Values as others may have left them: JSON of any kind, cut JSON, noise. */
const stored = fc.oneof(
  fc.json(),
  fc.json().map((text) => text.slice(0, -1)),
  fc.string(),
  fc.constantFrom(...Object.values(DEMO_KEYS), "null", "[]", "{}", "1e999"),
  fc.record({
    conn_url: fc.oneof(fc.string(), fc.webUrl(), fc.constant("postgres://h")),
    api_url: fc.oneof(fc.string(), fc.webUrl(), fc.integer()),
    state: fc.jsonValue(),
    role: fc.constantFrom("primary", "replica", "master", 1, null),
    timeline: fc.oneof(fc.integer(), fc.string()),
    receive_lsn: fc.oneof(fc.maxSafeInteger(), fc.string()),
    replay_lsn: fc.oneof(fc.maxSafeInteger(), fc.jsonValue()),
    xlog_location: fc.maxSafeInteger(),
    tags: fc.jsonValue(),
    pending_restart: fc.jsonValue(),
    pending_restart_reason: fc.jsonValue(),
    scheduled_restart: fc.jsonValue(),
  }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
);

const world = fc.dictionary(fc.constantFrom(...KEYS), stored, {
  maxKeys: KEYS.length,
});

const LOOKS: readonly string[] = [
  ...["list demo", "list demo -e", "list demo -f json", "list demo -f yaml"],
  ...["list demo -e -f tsv", "topology demo", "history demo", "dsn demo"],
  ...["history demo -f json", "show-config demo", "explain demo"],
  ...["explain demo -f json", "switchover demo --dry-run", "version demo"],
  ...["switchover demo --dry-run --candidate n2", "config explain ttl"],
  ...["config explain max_connections", "query demo -c x", "top demo"],
];

Deno.test("whatever stands in the keys, looking ends well and changes nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      world,
      fc.constantFrom(...LOOKS),
      fc.oneof(fc.json(), fc.string()),
      async (keys, look, body) => {
        const outcome = await runIn({
          keys,
          programName: "matriarch",
          reply: () => ({ status: 200, body }),
        }, look.split(" "));
        assertEnded(outcome);
        assertUnchanged(outcome, keys);
      },
    ),
    { numRuns },
  );
});

const CHANGES: readonly string[] = [
  ...["switchover demo --force", "failover demo --candidate n2 --force"],
  ...["restart demo --force", "reload demo --force", "reinit demo n2 --force"],
  ...["flush demo switchover", "flush demo restart --force", "pause demo"],
  ...["resume demo", "edit-config demo -s a.b=1 --force"],
  ...["demote-cluster demo --host h --force", "promote-cluster demo --force"],
  "reinit demo n2 --force --wait",
];

Deno.test("whatever members answer, changing ends well", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.constant(DEMO_KEYS), world),
      fc.constantFrom(...CHANGES),
      fc.record({
        status: fc.integer({ min: 100, max: 599 }),
        body: fc.oneof(fc.json(), fc.string()),
      }),
      async (keys, change, reply) => {
        const outcome = await runIn(
          { keys, reply: () => reply },
          change.split(" "),
        );
        assertEnded(outcome);
      },
    ),
    { numRuns },
  );
});

Deno.test("whatever the configuration says, list ends well", async () => {
  const yaml = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({
      scope: fc.jsonValue(),
      namespace: fc.jsonValue(),
      etcd3: fc.jsonValue(),
      ctl: fc.jsonValue(),
      restapi: fc.jsonValue(),
      citus: fc.jsonValue(),
    }, { requiredKeys: [] }).map((value) => JSON.stringify(value)),
  );
  await fc.assert(
    fc.asyncProperty(yaml, fc.string(), async (text, url) => {
      const files = { "/x.yml": text };
      const argv = ["-c", "/x.yml", ...(url === "" ? [] : ["-d", url])];
      assertEnded(await runIn({ keys: {}, files }, [...argv, "list"]));
    }),
    { numRuns },
  );
});
