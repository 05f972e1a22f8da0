/**
 * The command line's entry: which command, with what, and what its end means
 * for the exit code. No command prints its own errors.
 *
 * Source: docs/contract/cli.md A1.
 */
import { visibleBlock } from "../core/base/visible.ts";
import { parseArguments } from "./arguments.ts";
import { COMMANDS } from "./command_table.ts";
import type { CliContext } from "./context.ts";
import type { CommandDefinition } from "./definition.ts";
import {
  AbortedError,
  ExitError,
  HelpRequest,
  messageOf,
  UsageError,
} from "./errors.ts";
import { commandHelp, programHelp, usageHint } from "./help.ts";
import { loadSettings } from "./settings.ts";

const EXIT_DONE = 0;
const EXIT_FAILED = 1;
const EXIT_MISUSED = 2;

/**
 * Runs one command; never throws.
 *
 * @param argv Arguments after the program's name; a leading `ctl` is skipped.
 * @returns The exit code: 0 done, 1 failed or aborted, 2 wrong arguments; others
 * are the command's own.
 */
export async function runCli(
  argv: readonly string[],
  context: CliContext,
): Promise<number> {
  const isLong = argv[0] === "ctl";
  const programPath = isLong
    ? `${context.programName} ctl`
    : context.programName;
  try {
    await runCommand(isLong ? argv.slice(1) : argv, context);
    return EXIT_DONE;
  } catch (error) {
    return report(error, context, programPath);
  }
}

async function runCommand(
  argv: readonly string[],
  context: CliContext,
): Promise<void> {
  const commands = commandsOf(context);
  const { command, globals, invocation } = parseArguments(argv, commands);
  if ("runOffline" in command) {
    await command.runOffline(invocation, { context, commands, globals });
    return;
  }
  const settings = await loadSettings(context, globals);
  await command.run(invocation, { context, settings });
}

function report(
  error: unknown,
  context: CliContext,
  programPath: string,
): number {
  const { terminal, otherCommands } = context;
  if (error instanceof HelpRequest) {
    const command = commandNamed(error.commandName);
    terminal.write(
      command === null
        ? programHelp(programPath, [...commandsOf(context), ...otherCommands])
        : commandHelp(programPath, command),
    );
    return EXIT_DONE;
  }
  if (error instanceof UsageError) {
    const hint = usageHint(programPath, commandNamed(error.commandName));
    terminal.writeError(`${hint}\n\nError: ${visibleBlock(error.message)}\n`);
    return EXIT_MISUSED;
  }
  if (error instanceof ExitError) return error.code;
  if (error instanceof AbortedError) {
    terminal.writeError("Aborted!\n");
    return EXIT_FAILED;
  }
  if (isClosedPipe(error)) return EXIT_FAILED;
  terminal.writeError(`Error: ${visibleBlock(messageOf(error))}\n`);
  return EXIT_FAILED;
}

/** Under Patroni's name this program is what that name promises, and no more. */
function commandsOf({ programName }: CliContext): readonly CommandDefinition[] {
  return programName === "patronictl"
    ? COMMANDS.filter((command) => command.isOwn !== true)
    : COMMANDS;
}

function commandNamed(name: string | null): CommandDefinition | null {
  return COMMANDS.find((command) => command.name === name) ?? null;
}

/** The reader of our output (`| head`) went away: nobody is left to tell. */
function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && error.name === "BrokenPipe";
}
