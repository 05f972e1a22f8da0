/** Programs of this checkout, as commands. */

/** Root of the checkout. */
export const REPOSITORY = new URL("../../../", import.meta.url).pathname;

/** Deno with a program of this checkout. */
export function denoCommand(
  program: string,
  ...args: readonly string[]
): readonly string[] {
  return [
    ...[Deno.execPath(), "run", "--allow-all", "--no-check", "--quiet"],
    // The packages are there already and not this user's to write.
    ...["--node-modules-dir=manual", "--frozen"],
    ...[`${REPOSITORY}${program}`, ...args],
  ];
}
