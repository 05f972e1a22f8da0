/** Goal: the documents say the same as the program does. */
import assert from "node:assert/strict";
import { parseArguments } from "../../lib/cli/arguments.ts";
import { COMMANDS } from "../../lib/cli/command_table.ts";
import {
  isDaemonCall,
  parseDaemonArguments,
} from "../../lib/compose/daemon_arguments.ts";
import { keyReferences } from "../../lib/config/key_reference.ts";
import { isChaosCall } from "../../lib/lab/chaos.ts";
import { readLabOptions } from "../../lib/lab/options.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("docs/configuration.md has each key with its default, and no others", async () => {
  const text = await Deno.readTextFile(new URL("docs/configuration.md", ROOT));
  const rows = [
    ...text.matchAll(
      /^\| `([^`]+)` +\| (.*?) +\| (\w+) +\| (\w+) +\| (.*?) +\|$/gm,
    ),
  ]
    .map(([, path, fallback, scope, apply, meaning]) => ({
      path,
      fallback: fallback?.replace(/^`(.*)`$/, "$1").trim(),
      scope,
      apply,
      meaning,
    }));
  const byPath = (
    left: { readonly path: string | undefined },
    right: { readonly path: string | undefined },
  ) => (left.path ?? "") < (right.path ?? "") ? -1 : 1;
  assert.deepEqual(
    rows.toSorted(byPath),
    [...keyReferences()].toSorted(byPath),
  );
});

/** Words as a shell splits them; `<(...)` and pipes do not occur. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

/** Lines of code blocks, and code inside sentences, that call our program. */
function callsIn(text: string): string[] {
  const blocks = [...text.matchAll(/```sh\n([^]*?)```/g)]
    .flatMap(([, block = ""]) => block.replace(/ *\\\n */g, " ").split("\n"));
  const prose = text.replace(/```[^]*?```/g, "");
  const inline = [...prose.matchAll(/`([^`]+)`/g)]
    .map(([, code = ""]) => code.replace(/\s+/g, " "));
  const nested = inline.map((code) => code.replace(/^source <\((.*)\)$/, "$1"));
  return [...blocks, ...nested]
    .map((line) => line.trim().replace(/ +#.*$/, ""))
    .filter((line) => /^(matriarch|patronictl) \S/.test(line));
}

/** What is wrong with a call; throws like the program, or returns null. */
function problemOf(line: string): string | null {
  const [program, ...argv] = wordsOf(line);
  const rest = argv.slice(1);
  if (program === "matriarch" && isDaemonCall(argv)) {
    const parsed = parseDaemonArguments(argv);
    return typeof parsed === "string" ? parsed : null;
  }
  if (program === "matriarch") {
    switch (argv[0]) {
      case "run": {
        const parsed = parseDaemonArguments(rest);
        return typeof parsed === "string" ? parsed : null;
      }
      case "--version":
      case "--help":
        return argv.length === 1 ? null : "takes nothing else";
      case "container":
        return rest.length === 0 ? null : "takes nothing";
      case "proxy":
        return rest.length <= 1 ? null : "wants one file";
      case "fence-stop":
        return rest.length === 1 ? null : "wants one file";
      case "lab":
        if (isChaosCall(rest)) return rest.length === 2 ? null : "wants a name";
        readLabOptions(rest);
        return null;
    }
  }
  parseArguments(argv[0] === "ctl" ? rest : argv, COMMANDS);
  return null;
}

const DOCUMENTS = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"];

Deno.test("every command that a document names is one that the program takes", async () => {
  const docs = [...Deno.readDirSync(new URL("docs/", ROOT))]
    .filter(({ name }) => name.endsWith(".md"))
    .map(({ name }) => `docs/${name}`);
  const problems: string[] = [];
  let count = 0;
  for (const document of [...DOCUMENTS, ...docs]) {
    const text = await Deno.readTextFile(new URL(document, ROOT));
    for (const line of callsIn(text)) {
      count += 1;
      let problem: string | null;
      try {
        problem = problemOf(line);
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
      }
      // A command's bare name in a sentence needs no arguments.
      const isName = /^\S+ \S+$/.test(line) &&
        problem?.startsWith("Missing argument") === true;
      if (problem !== null && !isName) {
        problems.push(`${document}: ${line}: ${problem}`);
      }
    }
  }
  assert.deepEqual(problems, []);
  assert.ok(count > 50, `only ${count} commands were found`);
});

Deno.test("every link inside the runbook leads somewhere", async () => {
  const text = await Deno.readTextFile(new URL("docs/runbook.md", ROOT));
  const anchors = [...text.matchAll(/^## (.*)$/gm)].map(([, title = ""]) =>
    `#${title.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")}`
  );
  for (const [, link = ""] of text.matchAll(/\]\(([^)]+)\)/g)) {
    if (link.startsWith("#")) assert.ok(anchors.includes(link), link);
    else await Deno.stat(new URL(`docs/${link}`, ROOT));
  }
});

Deno.test("the unit in the README is the one that the tests run", async () => {
  const [readme, safety] = await Promise.all(
    ["README.md", "docs/safety.md"].map(async (name) => {
      const text = await Deno.readTextFile(new URL(name, ROOT));
      return /```ini\n(\[Unit\][^`]*)```/.exec(text)?.[1];
    }),
  );
  assert.ok(readme !== undefined);
  assert.equal(readme, safety);
});
