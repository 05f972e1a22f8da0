/**
 * How a command can end other than well. `cli.ts` turns each into its text on
 * stderr and its exit code; nothing else exits.
 */

/** The command cannot be done: `Error: <message>`, exit code 1. */
export class CliError extends Error {
  override readonly name: string = "CliError";
}

/** The command said all there is to say; only its exit code is left. */
export class ExitError extends Error {
  override readonly name: string = "ExitError";

  /** @param code 1 to 255. */
  constructor(readonly code: number) {
    super(`exit code ${code}`);
  }
}

/** The question got no answer (end of input, Ctrl-C): `Aborted!`, exit code 1. */
export class AbortedError extends Error {
  override readonly name: string = "AbortedError";
}

/** The command line is wrong: usage and `Error: <message>`, exit code 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";

  /** @param commandName The command it happened in, null for the program's own options. */
  constructor(readonly commandName: string | null, message: string) {
    super(message);
  }
}

/** `--help` was given; not an error, but it ends parsing: exit code 0. */
export class HelpRequest extends Error {
  override readonly name: string = "HelpRequest";

  /** @param commandName The command to explain, null for the program. */
  constructor(readonly commandName: string | null) {
    super("help");
  }
}

/** One sentence of what went wrong, also for things thrown that are no errors. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
