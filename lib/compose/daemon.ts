/**
 * The daemon's own command line, as Patroni's: a configuration and a few options.
 */
import { parseArgs } from "node:util";
import { runAgent } from "./agent.ts";
import { COMPATIBLE_VERSION, MATRIARCH_VERSION } from "./versions.ts";

const EXIT_DONE = 0;
const EXIT_MISUSED = 2;

/**
 * Runs `matriarch run CONFIG`, `matriarch CONFIG` or `patroni CONFIG`.
 *
 * @param program How the user called it, for usage texts.
 * @returns The exit code.
 */
export async function runDaemonCommand(
  program: string,
  argv: readonly string[],
): Promise<number> {
  const usage = `usage: ${program} [-h] [--version] [configfile]`;
  const parsed = parse(argv);
  if (typeof parsed === "string") {
    console.error(`${usage}\n${program}: error: ${parsed}`);
    return EXIT_MISUSED;
  }
  if (parsed.help) {
    console.log(`${usage}\n\nRuns the agent of one member until SIGTERM.`);
    return EXIT_DONE;
  }
  if (parsed.version) {
    console.log(
      program === "patroni"
        ? `patroni ${COMPATIBLE_VERSION}`
        : `matriarch ${MATRIARCH_VERSION} (Patroni ${COMPATIBLE_VERSION})`,
    );
    return EXIT_DONE;
  }
  return await runAgent(parsed.path);
}

interface DaemonArguments {
  readonly help: boolean;
  readonly version: boolean;
  readonly path: string | null;
}

/** The arguments, or what is wrong with them. */
function parse(argv: readonly string[]): DaemonArguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h", default: false },
        version: { type: "boolean", default: false },
      },
    });
    if (positionals.length > 1) {
      return `unrecognized arguments: ${positionals.slice(1).join(" ")}`;
    }
    return { ...values, path: positionals[0] ?? null };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
