/**
 * `matriarch lab`: the one-command local cluster. Decides the order of things:
 * options, packages, ports, directory, user, start, show or demo, end. Returns
 * exit codes: 0 good, 1 not, 2 called in a wrong way.
 */
import { runLabUnprivileged } from "./as_root.ts";
import { isChaosCall, runChaos } from "./chaos.ts";
import { ChaosError } from "./chaos_place.ts";
import { demoText, runDemo } from "./demo.ts";
import { LabDirectoryError, makeDirectory, openRecord } from "./directory.ts";
import { showLive } from "./live.ts";
import { meterMain } from "./meter_main.ts";
import {
  LAB_HELP,
  type LabOptions,
  LabUsageError,
  readLabOptions,
} from "./options.ts";
import { LAB_TIMING, type LabPlan, planLab, portUses } from "./plan.ts";
import { LabPortError, takenPorts } from "./ports.ts";
import { MissingPackageError, requirePrograms } from "./requirements.ts";
import { ownProgram, RunningLab } from "./running_lab.ts";
import { StopSignals } from "./stop_signals.ts";
import { LabBrokenError, LabTimeoutError } from "./wait.ts";

/** Set for the second process of a lab that root started: its directory. */
const DIRECTORY_VARIABLE = "MATRIARCH_LAB_DIR";

/** Errors whose message is all that the user needs. */
const EXPECTED = [
  ChaosError,
  LabBrokenError,
  LabDirectoryError,
  LabPortError,
  LabTimeoutError,
  LabUsageError,
  MissingPackageError,
];

function say(text: string): void {
  console.error(text.replaceAll(/^/gm, "lab: "));
}

function drawPlan(
  options: LabOptions,
  directory: string,
  password: string,
): LabPlan {
  return planLab({
    ...options,
    directory,
    password,
    timing: LAB_TIMING,
    isSynchronous: options.members > 1,
    binDir: requirePrograms(options.dcs),
  });
}

async function showOrDemo(
  lab: RunningLab,
  options: LabOptions,
  signal: AbortSignal,
): Promise<number> {
  if (!options.isDemo) {
    await showLive(lab, signal);
    return 0;
  }
  const result = await runDemo(lab, signal);
  if (options.isJson) say(demoText(result));
  console.log(options.isJson ? JSON.stringify(result) : demoText(result));
  return result.isGood ? 0 : 1;
}

async function stop(lab: RunningLab): Promise<void> {
  say("stopping everything");
  const killed = await lab.stop();
  say(killed === 0 ? "stopped" : `stopped; ${killed} processes were killed`);
}

/** The lab itself, as the user it runs as, in a directory that is ready. */
async function runLab(options: LabOptions, directory: string): Promise<number> {
  const { password } = openRecord(directory, options);
  const lab = new RunningLab(drawPlan(options, directory, password));
  using signals = new StopSignals(() => {
    say("killing everything");
    lab.kill().catch((error) => say(String(error)));
  });
  say(
    `starting ${options.members} members (${options.dcs.name}), ttl ` +
      `${lab.plan.timing.ttl} s instead of 30 s, files in ${directory}`,
  );
  try {
    await lab.start();
    return await showOrDemo(lab, options, signals.signal);
  } finally {
    await stop(lab);
  }
}

async function prepareAndRun(
  options: LabOptions,
  args: readonly string[],
): Promise<number> {
  requirePrograms(options.dcs);
  const taken = takenPorts(portUses(drawPlan(options, "", "")));
  if (taken !== null) throw new LabPortError(taken);
  const directory = await makeDirectory(options.directory);
  const isKept = options.isKept || options.directory !== null;
  try {
    if (Deno.uid() !== 0) return await runLab(options, directory);
    const env = { [DIRECTORY_VARIABLE]: directory };
    return await runLabUnprivileged({ directory, args, env });
  } finally {
    if (isKept) say(`files are left in ${directory}`);
    else await Deno.remove(directory, { recursive: true });
  }
}

async function start(args: readonly string[]): Promise<number> {
  if (args[0] === "meter") {
    await meterMain(args.slice(1));
    return 0;
  }
  if (isChaosCall(args)) {
    console.log(await runChaos(args, ownProgram("lab", "meter")));
    return 0;
  }
  const options = readLabOptions(args);
  if (options === null) {
    console.log(LAB_HELP.trimEnd());
    return 0;
  }
  const directory = Deno.env.get(DIRECTORY_VARIABLE);
  return directory === undefined
    ? await prepareAndRun(options, args)
    : await runLab(options, directory);
}

/**
 * The command `lab`.
 *
 * @param args What follows `lab` on the command line.
 * @returns The exit code.
 */
export async function lab(args: readonly string[]): Promise<number> {
  try {
    return await start(args);
  } catch (error) {
    if (!EXPECTED.some((known) => error instanceof known)) throw error;
    say(error instanceof Error ? error.message : String(error));
    if (!(error instanceof LabUsageError)) return 1;
    say("what can be given: lab --help");
    return 2;
  }
}
