/**
 * The daemon's own command line, as Patroni's: a configuration and a few options.
 *
 * Source: docs/contract/cli.md B1.
 */
import { runAgent } from "./agent.ts";
import {
  type DaemonArguments,
  daemonUsage,
  parseDaemonArguments,
} from "./daemon_arguments.ts";
import { generateRunning, generateSample, validate } from "./config_tools.ts";
import { COMPATIBLE_VERSION, MATRIARCH_VERSION } from "./versions.ts";

const EXIT_DONE = 0;
const EXIT_MISUSED = 2;

/**
 * Runs `matriarch run CONFIG`, `matriarch CONFIG` or `patroni CONFIG`, or one of
 * the tools that look at configurations.
 *
 * @param program How the user called it, for usage texts.
 * @returns The exit code.
 */
export async function runDaemonCommand(
  program: string,
  argv: readonly string[],
): Promise<number> {
  const parsed = parseDaemonArguments(argv);
  if (typeof parsed === "string") {
    console.error(`${daemonUsage(program)}\n${program}: error: ${parsed}`);
    return EXIT_MISUSED;
  }
  return await runMode(program, parsed);
}

async function runMode(
  program: string,
  parsed: DaemonArguments,
): Promise<number> {
  switch (parsed.mode) {
    case "help":
      console.log(
        `${
          daemonUsage(program)
        }\n\nRuns the agent of one member until SIGTERM.`,
      );
      return EXIT_DONE;
    case "version":
      console.log(
        program === "patroni"
          ? `patroni ${COMPATIBLE_VERSION}`
          : `matriarch ${MATRIARCH_VERSION} (Patroni ${COMPATIBLE_VERSION})`,
      );
      return EXIT_DONE;
    case "validate-config":
      return await validate(parsed);
    case "generate-sample-config":
      return await generateSample(parsed.path);
    case "generate-config":
      return await generateRunning(parsed.path, parsed.dsn);
    case "run":
      return await runAgent(parsed.path);
  }
}
