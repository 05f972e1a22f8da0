/**
 * How tests start the program. By hand from the source; in `./scripts/test` as
 * Debian's package has it, bundled once for all (`scripts/suite/program.ts`):
 * a start costs half the CPU then.
 */
const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const QUICK = new URL("quick_agent.ts", import.meta.url).pathname;

/** `matriarch WORDS`: program and arguments. */
export function matriarch(...words: readonly string[]): readonly string[] {
  return [...programOf("matriarch", MAIN), ...words];
}

/** A call of `matriarch WORDS`. */
export function matriarchCommand(
  words: readonly string[],
  options: Omit<Deno.CommandOptions, "args"> = {},
): Deno.Command {
  const [program = "", ...args] = matriarch(...words);
  return new Deno.Command(program, { ...options, args });
}

/** The agent that takes over shorter times than a user's; see quick_agent.ts. */
export function quickAgent(): readonly string[] {
  return programOf("quick_agent", QUICK);
}

function programOf(name: string, source: string): readonly string[] {
  const folder = Deno.env.get("MATRIARCH_TEST_PROGRAMS");
  if (folder !== undefined) return [`${folder}/${name}`];
  return [
    ...[Deno.execPath(), "run", "--allow-all", "--no-check"],
    ...["--node-modules-dir=manual", "--frozen", "--quiet", source],
  ];
}
