import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { COMMANDS } from "./command_table.ts";
import { SHELLS } from "./completion.ts";
import { runIn } from "./fake_context_test.ts";

async function scriptFor(shell: string): Promise<string> {
  const { out, code } = await runIn(
    {
      keys: null,
      programName: "matriarch",
      environment: { PATRONICTL_CONFIG_FILE: "" },
    },
    ["completion", shell],
  );
  assert.equal(code, 0);
  return out;
}

for (const shell of SHELLS) {
  Deno.test(`the ${shell} script knows each command and each option`, async () => {
    const script = await scriptFor(shell);
    for (const command of COMMANDS) {
      assert.ok(script.includes(command.name), command.name);
      for (const flag of command.options.flatMap(({ flags }) => flags)) {
        const spelled = shell === "fish" ? flag.replace(/^-+/, "") : flag;
        assert.ok(script.includes(spelled), `${command.name} ${flag}`);
      }
    }
    assert.match(script, /\brun\b/);
  });
}

/** What bash offers for a line whose last word is being typed. */
function offered(script: string, words: readonly string[]): readonly string[] {
  const line = words.map((word) => `'${word}'`).join(" ");
  const program = `${script}
COMP_WORDS=(${line}); COMP_CWORD=${words.length - 1}; _matriarch
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", program], {
    encoding: "utf8",
  });
  assert.equal(stderr, "");
  return stdout.split("\n").filter(Boolean);
}

Deno.test("bash completes commands, options, and choices", async () => {
  const script = await scriptFor("bash");
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [["matriarch", "swi"], ["switchover"]],
    [["matriarch", "-c", "list", "pau"], ["pause"]],
    [["matriarch", "ctl", "list", "--ext"], ["--extended"]],
    [["matriarch", "list", "--format", "y"], ["yaml", "yml"]],
    [["matriarch", "flush", "demo", "sw"], ["switchover"]],
    [["matriarch", "nope", ""], []],
  ];
  for (const [words, expected] of cases) {
    assert.deepEqual(offered(script, words), expected);
  }
});

Deno.test("completion knows no other shells", async () => {
  const { err, code } = await runIn(
    { programName: "matriarch" },
    ["completion", "csh"],
  );
  assert.match(
    err,
    /Invalid value for 'SHELL': 'csh' is not one of 'bash', 'zsh', 'fish'\.\n$/,
  );
  assert.equal(code, 2);
});

Deno.test("under Patroni's name our own commands do not exist", async () => {
  for (const name of ["completion", "explain"]) {
    const { err, code } = await runIn({}, [name, "bash"]);
    assert.match(err, new RegExp(`No such command '${name}'\\.\\n$`));
    assert.equal(code, 2);
  }
});
