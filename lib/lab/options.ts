/** What `lab` understands on its command line, checked as a whole before anything is touched. */
import { parseArgs } from "node:util";
import { MEMBERS_MAX } from "./plan.ts";
import { LAB_STORES, labStore } from "./stores/all.ts";
import type { LabStore } from "./stores/store.ts";

/** What the lab is asked for. */
export interface LabOptions {
  readonly isDemo: boolean;
  readonly members: number;
  readonly dcs: LabStore;
  /** Directory to use and leave behind; null: a temporary one. */
  readonly directory: string | null;
  /** Leave the directory behind, whichever it is. */
  readonly isKept: boolean;
  readonly portBase: number;
  /** The demo's result as JSON on standard output. */
  readonly isJson: boolean;
}

/** The command line is wrong; the message lists every problem, one per line. */
export class LabUsageError extends Error {
  override readonly name: string = "LabUsageError";
}

const STORE_NAMES = LAB_STORES.map(({ name }) => name);

/** The text of `lab --help`. */
export const LAB_HELP = `Three members and a proxy on this machine, to try out.

Usage: lab [OPTIONS]        start, show, and remove everything on Ctrl-C
       lab demo [OPTIONS]   four failures of the leader, unattended
       lab kill|freeze|cut|heal NAME
                            in a second terminal, or beside docker compose:
                            hurt a member while a client writes, and undo it

Options:
  --members N          number of members, 1 to ${MEMBERS_MAX} (3)
  --dcs NAME           where the members meet (sqlite):
${storeLines()}
  --dir DIRECTORY      work in this directory and keep it
  --keep               keep the temporary directory
  --port-base N        first port (5000): N read-write, N+1000 read-only,
                       N+2000 statistics; the members use ports near them
  --json               demo: print the result as JSON
  --help               this text
`;

function storeLines(): string {
  const lines = LAB_STORES.map(({ name, what }) =>
    `                       ${name.padEnd(12)}${what}`
  );
  return lines.join("\n");
}

const OPTIONS = {
  members: { type: "string", default: "3" },
  dcs: { type: "string", default: "sqlite" },
  dir: { type: "string" },
  keep: { type: "boolean", default: false },
  "port-base": { type: "string", default: "5000" },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Ports up to port base + 4006 are used. */
const PORT_BASE_MAX = 65_535 - 4010;

function integerProblem(
  text: string,
  range: { readonly min: number; readonly max: number },
): string | null {
  const value = Number(text);
  const isGood = /^\d+$/.test(text) && value >= range.min && value <= range.max;
  return isGood
    ? null
    : `"${text}" is not a whole number from ${range.min} to ${range.max}`;
}

function parse(args: readonly string[]): ReturnType<typeof parseRaw> {
  try {
    return parseRaw(args);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // What follows is advice for positional arguments, of which there are none.
    throw new LabUsageError(message.replace(/\. To specify .*$/s, ""));
  }
}

// The return type is node's, derived from OPTIONS.
function parseRaw(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: OPTIONS,
    allowPositionals: true,
  });
}

/**
 * Reads the command line.
 *
 * @param args What follows `lab`.
 * @returns null if help is wanted.
 * @throws {LabUsageError}
 */
export function readLabOptions(args: readonly string[]): LabOptions | null {
  const { values, positionals } = parse(args);
  if (values.help) return null;
  const isDemo = positionals[0] === "demo";
  const strange = positionals.slice(isDemo ? 1 : 0);
  const members = integerProblem(values.members, { min: 1, max: MEMBERS_MAX });
  const base = integerProblem(values["port-base"], {
    min: 1024,
    max: PORT_BASE_MAX,
  });
  const store = labStore(values.dcs);
  const problems = [
    ...strange.map((word) => `Unexpected argument: "${word}"`),
    ...(members ? [`--members: ${members}`] : []),
    ...(isDemo && Number(values.members) < 2
      ? ["--members: the demo needs at least 2"]
      : []),
    ...(store === null
      ? [`--dcs: "${values.dcs}" is none of ${STORE_NAMES.join(", ")}`]
      : []),
    ...(base ? [`--port-base: ${base}`] : []),
  ];
  if (store === null || problems.length > 0) {
    throw new LabUsageError(problems.join("\n"));
  }
  return {
    isDemo,
    members: Number(values.members),
    dcs: store,
    directory: values.dir ?? null,
    isKept: values.keep,
    portBase: Number(values["port-base"]),
    isJson: values.json,
  };
}
