/**
 * Goal: no text from a store, a peer or a client can freeze a process. The agent
 * holds the lease, and the proxy the fence, on one thread each: a regular
 * expression that takes the square of its input is enough to stop both.
 *
 * Method: every regular expression of the product is taken from its source and
 * proven to be linear by the package recheck.
 */
import assert from "node:assert/strict";
import { checkSync } from "recheck";

/** What each check may take; the largest expressions need a few seconds. */
const CHECK_MS_MAX = 60_000;

/** The other ways start programs or threads. */
Deno.env.set("RECHECK_SYNC_BACKEND", "pure");

interface Expression {
  readonly file: string;
  readonly pattern: string;
  readonly flags: string;
}

const collector: Deno.lint.Plugin = {
  name: "security",
  rules: {
    expressions: {
      create: (context) => ({
        Literal(node) {
          if (!("regex" in node) || node.regex === undefined) return;
          const message = JSON.stringify(node.regex);
          context.report({ node, message });
        },
        NewExpression(node) {
          const { callee } = node;
          if (callee.type !== "Identifier" || callee.name !== "RegExp") return;
          context.report({ node, message: "made" });
        },
      }),
    },
  },
};

/** Built from parts: their files, and what was looked at by a person. */
const MADE_FROM_PARTS: ReadonlyMap<string, string> = new Map([
  [
    "lib/adapters/postgres/process/program_options.ts",
    "a slot's name, escaped, between two classes",
  ],
  ["lib/cli/commands/vip.ts", "one line of /proc/self/status, a name of ours"],
  ["lib/cli/timestamps.ts", "what the user typed, every repetition bounded"],
  ["lib/config/generate/dsn.ts", "a copy of a literal of the same file"],
  ["lib/config/load.ts", "repeats nothing"],
  ["lib/http/timestamps.ts", "every repetition bounded or of blanks alone"],
]);

async function sources(): Promise<readonly string[]> {
  const list = new Deno.Command("git", { args: ["ls-files", "lib", "proxy"] });
  const { stdout } = await list.output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((file) => file.endsWith(".ts") && !file.endsWith("_test.ts"));
}

function expressionsOf(file: string): readonly Expression[] {
  const found = Deno.lint.runPlugin(
    collector,
    file,
    Deno.readTextFileSync(file),
  );
  return found.flatMap(({ message }) => {
    if (message !== "made") return [{ file, ...JSON.parse(message) }];
    assert.ok(MADE_FROM_PARTS.has(file), `${file} makes a regular expression`);
    return [];
  });
}

function verdict({ pattern, flags }: Expression): string {
  const found = checkSync(pattern, flags, { timeout: CHECK_MS_MAX });
  return found.status === "vulnerable"
    ? `vulnerable, ${found.complexity.summary}`
    : found.status;
}

Deno.test("every regular expression of the product takes linear time", async () => {
  const all = (await sources()).flatMap(expressionsOf);
  const distinct = new Map(
    all.map((one) => [`/${one.pattern}/${one.flags}`, one]),
  );
  assert.ok(distinct.size > 100, `only ${distinct.size} were found`);
  const wrong = [...distinct].flatMap(([text, one]) => {
    const found = verdict(one);
    return found === "safe" ? [] : [`${one.file}: ${text} is ${found}`];
  });
  assert.deepEqual(wrong, []);
});

Deno.test("the check knows a dangerous expression when it sees one", () => {
  const cubic = String.raw`^\s*(?:\[([^[\]]+)\]|([^[\]]+?))(?::([0-9]*))?\s*$`;
  const found = verdict({ file: "", pattern: cubic, flags: "" });
  assert.match(found, /^vulnerable, 3rd degree polynomial/);
});
