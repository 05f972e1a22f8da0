/**
 * Processes as /proc shows them: who is alive, who works in which directory,
 * who is whose child. A pid alone proves nothing, because pids are reused.
 */

/** One living process. */
export interface ProcessFacts {
  readonly pid: number;
  /** First letter of its state; zombies are never reported. */
  readonly state: string;
  readonly parentPid: number;
  /** Its process group; equal to its pid if it leads one. */
  readonly groupId: number;
  /** Clock ticks after boot; with the pid it names a process for ever. */
  readonly startTicks: number;
  /** Program name, at most 15 characters. */
  readonly program: string;
}

/** Facts of a process; null if there is none, or only a zombie. */
export function processFacts(pid: number): Promise<ProcessFacts | null> {
  return Promise.resolve(factsNow(pid));
}

/** The kernel answers from memory: handing that to another thread costs more. */
function factsNow(pid: number): ProcessFacts | null {
  let stat: string;
  try {
    stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch {
    return null;
  }
  const facts = parseStat(stat);
  return facts === null || facts.state === "Z" || facts.state === "X"
    ? null
    : facts;
}

/** True if kill(2) finds somebody there: unlike all others here, also a zombie. */
export async function isPidTaken(pid: number): Promise<boolean> {
  try {
    await Deno.stat(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads one line of /proc/<pid>/stat.
 *
 * Source: Linux manual page proc_pid_stat(5), fields 1 to 5 and 22.
 */
export function parseStat(stat: string): ProcessFacts | null {
  // The name may hold blanks and parentheses: it ends at the last one.
  const match = /^(\d+) \((.*)\) (\S) (.*)$/s.exec(stat.trimEnd());
  if (match === null) return null;
  const rest = (match[4] ?? "").split(" ");
  return {
    pid: Number(match[1]),
    program: match[2] ?? "",
    state: match[3] ?? "",
    parentPid: Number(rest[0]),
    groupId: Number(rest[1]),
    startTicks: Number(rest[18]),
  };
}

/** The directory a process works in; null if unknown or not ours to ask. */
export async function workingDirectory(pid: number): Promise<string | null> {
  try {
    return await Deno.readLink(`/proc/${pid}/cwd`);
  } catch {
    return null;
  }
}

/** Pids of all processes of the host. */
export async function allPids(): Promise<readonly number[]> {
  const pids: number[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    const pid = Number(entry.name);
    if (Number.isInteger(pid)) pids.push(pid);
  }
  return pids;
}

/** Living children of a process. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const facts = await Promise.all((await allPids()).map(processFacts));
  return facts.filter((f) => f !== null && f.parentPid === pid)
    .map((f) => f?.pid ?? 0);
}

/**
 * Living processes that were started with this entry (`NAME=value`) in their
 * environment, or by such a one; those of other users cannot be asked.
 */
export async function pidsWithEnvironment(
  entry: string,
): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const pid of await allPids()) {
    const text = await Deno.readTextFile(`/proc/${pid}/environ`)
      .catch(() => "");
    const isOne = text.split("\0").includes(entry);
    if (isOne && await processFacts(pid) !== null) pids.push(pid);
  }
  return pids;
}

/** Sends a signal to a process (to its group, if negative); false if it is gone. */
export function sendSignal(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof TypeError && /No such process|ESRCH/.test(error.message));
}
