/**
 * Questions to the user. They are written to stdout and answered on stdin, also
 * when neither is a terminal; the end of the input aborts the command.
 *
 * Source: docs/contract/cli.md A1, "Prompts".
 */
import { visible } from "../core/base/visible.ts";
import type { CliContext } from "./context.ts";
import { AbortedError, CliError } from "./errors.ts";

async function ask(context: CliContext, prompt: string): Promise<string> {
  context.terminal.write(visible(prompt));
  const line = await context.terminal.readLine();
  if (line === null) throw new AbortedError("end of input");
  return line;
}

/** A yes-or-no question; an empty answer is no. */
export async function confirm(
  context: CliContext,
  text: string,
): Promise<boolean> {
  for (;;) {
    const answer = (await ask(context, `${text} [y/N]: `)).trim().toLowerCase();
    if (answer === "y" || answer === "yes") return true;
    if (answer === "n" || answer === "no" || answer === "") return false;
    context.terminal.write("Error: invalid input\n");
  }
}

/**
 * Asks before something is changed for good; who is forced is not asked.
 *
 * @throws {CliError} If the answer is no.
 */
export async function agree(
  context: CliContext,
  question: string,
  isForced: boolean,
): Promise<void> {
  if (isForced || await confirm(context, question)) return;
  throw new CliError("Nothing was changed");
}

/** A text; an empty answer takes the default. */
export async function promptText(
  context: CliContext,
  text: string,
  defaultText: string,
): Promise<string> {
  const answer = await ask(context, `${text} [${defaultText}]: `);
  return answer === "" ? defaultText : answer;
}

/** A text that must not be empty. */
export async function promptRequired(
  context: CliContext,
  text: string,
): Promise<string> {
  for (;;) {
    const answer = await ask(context, `${text}: `);
    if (answer !== "") return answer;
  }
}

/** A whole number. */
export async function promptInteger(
  context: CliContext,
  text: string,
): Promise<number> {
  for (;;) {
    const answer = await promptRequired(context, text);
    if (/^\s*[-+]?\d+\s*$/.test(answer)) return Number(answer);
    context.terminal.write(
      `Error: '${visible(answer)}' is not a valid integer.\n`,
    );
  }
}

/** A secret, not shown while it is typed. */
export async function promptSecret(
  context: CliContext,
  text: string,
): Promise<string> {
  context.terminal.write(`${visible(text)}: `);
  const line = await context.terminal.readSecret();
  if (line === null) throw new AbortedError("end of input");
  return line;
}
