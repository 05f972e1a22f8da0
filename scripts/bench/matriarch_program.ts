/** How a benchmark starts this project's program. */
import { ENGINE_FLAGS } from "../engine_flags.ts";

/** The program from this checkout, or the one file that MATRIARCH_BIN names. */
export function program(
  ...args: readonly string[]
): { readonly command: string; readonly args: string[] } {
  const file = Deno.env.get("MATRIARCH_BIN");
  if (file) return { command: file, args: [...args] };
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const run = ["run", "--allow-all", "--quiet", "--no-prompt", ENGINE_FLAGS];
  return { command: Deno.execPath(), args: [...run, main, ...args] };
}
