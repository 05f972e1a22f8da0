/**
 * Goal: the completion scripts work in the real shells. Method: fish answers
 * questions itself (`complete -C`); zsh has to be typed at, in a terminal of its
 * own. What bash offers is tested beside the code, bash is everywhere.
 */
import assert from "node:assert/strict";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const LIMIT_MS = 60_000;

interface Typed {
  readonly line: string;
  /** What the shell then offers or makes of it. */
  readonly expected: string;
}

const LINES: readonly Typed[] = [
  { line: "matriarch swi", expected: "switchover" },
  { line: "matriarch list --forma", expected: "--format" },
  { line: "matriarch list -f js", expected: "json" },
  {
    line: "matriarch restart demo --role standby-",
    expected: "standby-leader",
  },
  { line: "matriarch config ex", expected: "explain" },
  { line: "matriarch completion fi", expected: "fish" },
];

/** Types a line and a tab until the screen shows what is expected. */
const ZSH_TYPIST = `zmodload zsh/zpty
zpty typist zsh -f
zpty -w typist 'PS1=; autoload -Uz compinit; compinit -u -D'
zpty -w typist "source $1; echo RE''ADY"
zpty -r typist screen '*READY*'
zpty -wn typist "$2"$'\\t'
zpty -r typist screen "*$3*" && print -r -- "$screen"
zpty -d typist
`;

async function run(
  command: string,
  args: readonly string[],
): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    stdin: "null",
    signal: AbortSignal.timeout(LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

async function scriptOf(shell: string): Promise<string> {
  return await run(Deno.execPath(), [
    ...["run", "--allow-all", "--quiet", "--no-check", "--no-prompt"],
    ...["--node-modules-dir=manual", MAIN, "completion", shell],
  ]);
}

function missing(shell: string): boolean {
  if (Deno.env.get("CI") === "true") return false;
  try {
    new Deno.Command(shell, { args: ["-c", "true"] }).outputSync();
    return false;
  } catch {
    return true;
  }
}

for (const shell of ["zsh", "fish"] as const) {
  const isMissing = missing(shell);
  const reason = isMissing ? ` (${shell} is not installed)` : "";
  Deno.test({
    name: `${shell} completes commands, options and choices${reason}`,
    ignore: isMissing,
    fn: async (t) => {
      const folder = await Deno.makeTempDir({ prefix: "matriarch-shell-" });
      const script = `${folder}/completion`;
      const typist = `${folder}/typist`;
      try {
        await Deno.writeTextFile(script, await scriptOf(shell));
        await Deno.writeTextFile(typist, ZSH_TYPIST);
        for (const { line, expected } of LINES) {
          await t.step(line, async () => {
            const screen = shell === "zsh"
              ? await run("zsh", ["-f", typist, script, line, expected])
              : await run("fish", [
                ...["--no-config", "-c"],
                `source ${script}; complete -C '${line}'`,
              ]);
            assert.match(screen, new RegExp(expected));
          });
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
