/**
 * The entry point: looks at the name by which the program was called and at the
 * first argument, and hands over. Rooms are loaded when they are needed, so that
 * `list` does not wait for the agent's code.
 *
 * Exit codes: 0 done, 1 refused with sentences on stderr, 2 wrong usage, 70 a
 * bug of ours.
 */
import { shareOneArena } from "./lib/compose/allocator.ts";
import { boundNameLookups } from "./lib/compose/name_lookups.ts";
import { isDaemonCall } from "./lib/compose/daemon_arguments.ts";
import { isRefusal, refusalLines } from "./lib/compose/refusal.ts";
import { dropPermissions } from "./lib/compose/permissions.ts";
import { invokedName } from "./lib/compose/self_command.ts";
import {
  COMPATIBLE_VERSION,
  MATRIARCH_VERSION,
} from "./lib/compose/versions.ts";

const EXIT_DONE = 0;
const EXIT_REFUSED = 1;
const EXIT_MISUSED = 2;
const EXIT_BUG = 70;

/** Commands that are not command-line calls but programs. */
const PROGRAMS = [
  { name: "run", summary: "Run the agent of one member: run CONFIG" },
  { name: "proxy", summary: "Run the stand-alone proxy: proxy CONFIG" },
  {
    name: "container",
    summary: "Run a container's member, by MATRIARCH_ variables",
  },
  {
    name: "fence-stop",
    summary: "Stop a primary that nobody guards: fence-stop CONFIG",
  },
  { name: "lab", summary: "Start a cluster on this machine; lab --help" },
] as const;

/** Starts what `argv` asks for; resolves with the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const name = invokedName();
  if (name === "patronictl") return await runCommandLine(name, argv);
  if (name === "patroni_barman") {
    return await runCommandLine(name, ["barman", ...argv]);
  }
  if (name === "patroni") return await runDaemon(name, argv);
  const [first, ...rest] = argv;
  switch (first) {
    case "--version":
      return await runCommandLine(name, ["version", ...rest]);
    case "run":
      return await runDaemon(`${name} run`, rest);
    case "proxy": {
      if (rest.length > 1 || rest[0]?.startsWith("-")) {
        return usage(`usage: ${name} proxy [CONFIG]`, rest);
      }
      prepareToStay();
      const { runProxy } = await import("./lib/compose/proxy.ts");
      const { openDcsTarget } = await import("./lib/compose/dcs.ts");
      return await runProxy({
        configPath: rest[0] ?? null,
        version: MATRIARCH_VERSION,
        openDcs: openDcsTarget,
      });
    }
    case "container": {
      if (rest.length > 0) return usage(`usage: ${name} container`, rest);
      prepareToStay();
      const { runContainer } = await import("./lib/compose/container.ts");
      return await runContainer();
    }
    case "fence-stop": {
      if (rest.length !== 1 || rest[0]?.startsWith("-")) {
        return usage(`usage: ${name} fence-stop CONFIG`, rest);
      }
      const { fenceStop } = await import("./lib/compose/fence_stop.ts");
      return await fenceStop(rest);
    }
    case "lab": {
      const { lab } = await import("./lib/lab/lab.ts");
      return await lab(rest);
    }
  }
  return isDaemonCall(argv)
    ? await runDaemon(name, argv)
    : await runCommandLine(name, argv);
}

/** A program that stays, before its code is loaded. */
function prepareToStay(): void {
  shareOneArena();
  boundNameLookups();
}

/** Help if it was asked for, else what a wrong call gets. */
function usage(text: string, [first]: readonly string[]): number {
  if (first === "--help" || first === "-h") {
    console.log(text);
    return EXIT_DONE;
  }
  console.error(text);
  return EXIT_MISUSED;
}

async function runDaemon(
  program: string,
  argv: readonly string[],
): Promise<number> {
  prepareToStay();
  const { runDaemonCommand } = await import("./lib/compose/daemon.ts");
  return await runDaemonCommand(program, argv);
}

async function runCommandLine(
  programName: string,
  argv: readonly string[],
): Promise<number> {
  dropPermissions(argv);
  const [{ runCli }, { createCliContext }] = await Promise.all([
    import("./lib/cli/cli.ts"),
    import("./lib/compose/cli.ts"),
  ]);
  return await runCli(
    argv,
    createCliContext({
      programName,
      version: COMPATIBLE_VERSION,
      otherCommands: programName === "patronictl" ? [] : PROGRAMS,
      openDcs: async (target) => {
        const { openDcsOfCall } = await import("./lib/compose/dcs.ts");
        return await openDcsOfCall(target);
      },
    }),
  );
}

function report(error: unknown): number {
  if (isRefusal(error)) {
    console.error(refusalLines(error).join("\n"));
    return EXIT_REFUSED;
  }
  console.error(error);
  return EXIT_BUG;
}

if (import.meta.main) Deno.exit(await main(Deno.args).catch(report));
