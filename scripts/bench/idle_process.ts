/** What the kernel tells of a process that does next to nothing: processor, memory, wake-ups. */

/** Which part of a host a process is. */
export type IdleRole =
  | "agent"
  | "proxy"
  | "patroni"
  | "haproxy"
  | "postgres";

/** Counters of one process since its start, and its memory now. */
export interface ProcessReading {
  readonly pid: number;
  readonly role: IdleRole;
  /** Processor time in ms: all threads, and children that have ended. */
  readonly cpuMs: number;
  /** Its share of resident memory in KB: a page of n processes counts 1/n. */
  readonly pssKb: number;
  /** How often its threads gave the processor away or lost it. */
  readonly switches: ReadonlyMap<string, number>;
}

/** Clock ticks are a hundredth of a second on all Linux that this runs on. */
const TICK_MS = 10;

/**
 * Processor time of /proc/PID/stat in ms, of ended children too.
 *
 * Source: proc_pid_stat(5), fields 14 to 17.
 */
export function parseCpuMs(stat: string): number {
  // The name may hold blanks and parentheses: it ends at the last one.
  const rest = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = rest.slice(11, 15).map(Number);
  return ticks.reduce((sum, one) => sum + one, 0) * TICK_MS;
}

/** The Pss line of /proc/PID/smaps_rollup, in KB. */
export function parsePssKb(rollup: string): number {
  return Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? NaN);
}

/** Voluntary and other context switches of /proc/PID/task/TID/status. */
export function parseSwitches(status: string): number {
  const lines = status.matchAll(/^(?:non)?voluntary_ctxt_switches:\s+(\d+)$/gm);
  return [...lines].reduce((sum, [, count]) => sum + Number(count), 0);
}

/** What a command line is; null: none of the measured programs. */
export function roleOf(commandLine: readonly string[]): IdleRole | null {
  const [first = ""] = commandLine;
  if (/(^|\/)postgres(:|$)/.test(first)) return "postgres";
  if (first.endsWith("haproxy")) return "haproxy";
  if (commandLine.includes("patroni")) return "patroni";
  // The program's own words come last: `... main.ts run FILE`.
  const word = commandLine.at(-2);
  return word === "proxy" ? "proxy" : word === "run" ? "agent" : null;
}

/** Reads a process; null if it is gone or none of the measured programs. */
export function readProcess(pid: number): ProcessReading | null {
  const read = (name: string): string =>
    Deno.readTextFileSync(`/proc/${pid}/${name}`);
  try {
    const line = read("cmdline").split("\0").filter((word) => word !== "");
    const role = roleOf(line);
    if (role === null) return null;
    return {
      pid,
      role,
      cpuMs: parseCpuMs(read("stat")),
      pssKb: parsePssKb(read("smaps_rollup")),
      switches: switchesOf(pid),
    };
  } catch {
    // It has ended meanwhile.
    return null;
  }
}

/** A postmaster and what it started, whose own environment is overwritten by their titles. */
export function withServerProcesses(pid: number): readonly number[] {
  try {
    const comm = Deno.readTextFileSync(`/proc/${pid}/comm`).trim();
    if (comm !== "postgres") return [pid];
    const path = `/proc/${pid}/task/${pid}/children`;
    const children = Deno.readTextFileSync(path).trim().split(" ");
    return [pid, ...children.filter((one) => one !== "").map(Number)];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

function switchesOf(pid: number): ReadonlyMap<string, number> {
  const switches = new Map<string, number>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    try {
      const path = `/proc/${pid}/task/${name}/status`;
      switches.set(name, parseSwitches(Deno.readTextFileSync(path)));
    } catch {
      // The thread has ended; what it did last is not counted.
    }
  }
  return switches;
}
