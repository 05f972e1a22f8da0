/** Tests that need a program of the distribution say so when it is not there. */

/**
 * Why a test that needs `program` cannot run here; null if it can. With CI=true
 * a missing program is no excuse: the test runs and fails.
 *
 * @param program On PATH, or a path of its own.
 * @param packageName Debian's package, for the reader.
 */
export function skipReason(
  program: string,
  packageName: string,
): string | null {
  if (Deno.env.get("CI") === "true") return null;
  try {
    new Deno.Command(program, {
      args: ["--version"],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return null;
  } catch {
    return `there is no ${program} here (package ${packageName})`;
  }
}
