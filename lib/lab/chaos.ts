/**
 * `lab kill|freeze|cut|heal NAME`, in a second terminal: does that to a member of
 * the lab that runs, while a client writes, and says what the client felt.
 */
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runningContainers } from "./chaos_containers.ts";
import {
  CHAOS_DONE,
  CHAOS_VERBS,
  ChaosError,
  type ChaosPlace,
  type ChaosVerb,
} from "./chaos_place.ts";
import { runningProcesses } from "./chaos_processes.ts";
import { MeterProcess } from "./meter_process.ts";
import { LabUsageError } from "./options.ts";
import type { CommandLine } from "./processes.ts";
import { waitFor } from "./wait.ts";

/** Rows before anything is done. */
const WARM_UP_ROWS = 50;
/** So long the client must have written on without a pause. */
const STEADY_MS = 3_000;
/** Between two rows of one that writes on. */
const PAUSE_MS_MAX = 500;
const LOOK_MS = 100;
const LIMIT_MS = 120_000;
const SILENCE_MS = 15_000;

/** Whether these arguments of `lab` are such a call. */
export function isChaosCall([first]: readonly string[]): boolean {
  return CHAOS_VERBS.some((verb) => verb === first);
}

/**
 * Does it, and tells what the client felt.
 *
 * @param args What follows `lab`.
 * @param meterProgram This program as the client.
 * @returns Lines for the user.
 * @throws {LabUsageError}, {ChaosError}, {LabTimeoutError}
 */
export async function runChaos(
  args: readonly string[],
  meterProgram: CommandLine & { readonly env?: Record<string, string> },
): Promise<string> {
  const { verb, name, directory } = readCall(args);
  const place = await placeOf(name, directory);
  await using meter = new MeterProcess(
    { ...meterProgram, mark: `meter-${Deno.pid}` },
    {
      ...{ url: await place.clientUrl(name), table: "lab_chaos" },
      ...{ pauseMs: 10, silenceMs: SILENCE_MS },
    },
  );
  return await measured({ place, verb, name, meter });
}

interface ChaosCall {
  readonly verb: ChaosVerb;
  readonly name: string;
  /** The lab's; null: the one that has such a member. */
  readonly directory: string | null;
}

function readCall(args: readonly string[]): ChaosCall {
  const wanted = () =>
    new LabUsageError(`Wanted: lab ${args[0]} NAME [--dir DIRECTORY]`);
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { dir: { type: "string" } },
      allowPositionals: true,
    });
    const [word, name, ...more] = positionals;
    const verb = CHAOS_VERBS.find((each) => each === word);
    if (verb === undefined || name === undefined || more.length > 0) {
      throw wanted();
    }
    return { verb, name, directory: values.dir ?? null };
  } catch (error) {
    if (error instanceof TypeError) throw wanted();
    throw error;
  }
}

async function placeOf(
  name: string,
  directory: string | null,
): Promise<ChaosPlace> {
  const processes = runningProcesses();
  const places = directory === null
    ? [...processes, ...await runningContainers()]
    : processes.filter(({ what }) => what === resolve(directory));
  if (places.length === 0) {
    throw new ChaosError(
      "No such lab runs here: start one with lab, or with docker compose up",
    );
  }
  const [place, ...others] = places.filter(({ members }) =>
    members.includes(name)
  );
  if (place === undefined) {
    const known = places.flatMap(({ members }) => members).join(", ");
    throw new ChaosError(`There is no member ${name}, only ${known}`);
  }
  if (others.length === 0) return place;
  const all = [place, ...others].map(({ what }) => what).join(", ");
  throw new ChaosError(
    `Several labs have a member ${name} (${all}): name one with --dir`,
  );
}

async function measured(
  { place, verb, name, meter }: {
    readonly place: ChaosPlace;
    readonly verb: ChaosVerb;
    readonly name: string;
    readonly meter: MeterProcess;
  },
): Promise<string> {
  // Who is to heal may find a cluster that takes no writes.
  if (verb === "heal") await place.do(verb, name);
  await waitFor("the client to write", async () => {
    const { acknowledged, lastError } = await meter.report();
    if (acknowledged >= WARM_UP_ROWS) return true;
    throw new Error(lastError ?? "no row acknowledged");
  }, { timeoutMs: LIMIT_MS, everyMs: LOOK_MS });
  await meter.begin();
  if (verb !== "heal") await place.do(verb, name);
  await untilSteady(meter);
  const { gapMs, errors, acknowledged } = await meter.report();
  // Its connection may be led to a member that is just going down.
  const { lost } = await waitFor("the rows", () => meter.verify(), {
    ...{ timeoutMs: LIMIT_MS, everyMs: LOOK_MS },
  });
  return [
    `${name} ${CHAOS_DONE[verb]}.`,
    `The client's longest time without a row: ${gapMs} ms (${errors} errors, ` +
    `${acknowledged} rows acknowledged, ${lost} of them lost).`,
    ...(verb === "heal" ? [] : [`To undo it: lab heal ${name}`]),
  ].join("\n");
}

/** The client has written on for a while, whatever it felt before. */
async function untilSteady(meter: MeterProcess): Promise<void> {
  let since = performance.now();
  await waitFor("the client to write on", async () => {
    const { idleMs, lastError } = await meter.report();
    const now = performance.now();
    if (idleMs > PAUSE_MS_MAX) since = now;
    if (now - since >= STEADY_MS) return true;
    throw new Error(lastError ?? "the client pauses");
  }, { timeoutMs: LIMIT_MS, everyMs: LOOK_MS });
}
