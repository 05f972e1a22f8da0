/** Runs the programs that a build script needs, and says why one failed. */

/** A program that could not be run, or that ended with an error. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/**
 * Runs `command` to its end.
 *
 * @param args The arguments; nothing is interpreted by a shell.
 * @returns What it wrote to standard output.
 * @throws {CommandError} With its standard error, if it did not exit with 0.
 */
export async function run(
  command: string,
  args: readonly string[],
  options: Pick<Deno.CommandOptions, "cwd" | "env" | "signal"> = {},
): Promise<string> {
  const child = new Deno.Command(command, { ...options, args: [...args] });
  const { success, code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  throw new CommandError(
    `${command} ${args[0] ?? ""} ended with ${code}:\n${text.decode(stderr)}`,
  );
}
