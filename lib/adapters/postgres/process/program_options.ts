/**
 * Command lines of configured programs, and the one option of pg_basebackup that
 * only the version decides about.
 *
 * Source: docs/contract/configuration.md 3.3 and 3.11.4.
 */
import type { CustomMethod } from "../options.ts";

/** Standard arguments around those of the method. */
export interface StandardArguments {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Before 15 compression needs the tar format; later the server may do it. */
export function isCompressionRefused(
  argument: string,
  major: number,
): boolean {
  if (!/^--compress(=|$)/.test(argument)) return false;
  return major < 15 || !argument.startsWith("--compress=server");
}

/** Whether pg_basebackup failed because of its slot: the server speaks its own language, but quotes the name. */
export function isAboutSlot(problem: string, slotName: string): boolean {
  return /replication slot/.test(problem) ||
    new RegExp(`["„»«“'‘]\\s?${RegExp.escape(slotName)}\\s?["“«»”'’]`)
      .test(problem);
}

/** Command line of a configured program; `standard` unless it has no_params. */
export function customCommand(
  method: CustomMethod,
  standard: StandardArguments,
): { readonly command: string; readonly args: readonly string[] } {
  const [command, ...words] = method.command;
  const { before, after } = method.hasNoParams
    ? { before: [], after: [] }
    : standard;
  return {
    command: command ?? method.name,
    args: [...words, ...before, ...method.options, ...after],
  };
}
