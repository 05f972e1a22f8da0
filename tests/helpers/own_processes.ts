/**
 * Processes that a test started, directly or not: all that carry the test's own
 * directory in their command line. Ends them by process id.
 */

/** Process ids whose command line contains `part`, this process not counted. */
export function pidsWith(part: string): readonly number[] {
  const pids: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    if (commandLine(Number(name)).includes(part)) pids.push(Number(name));
  }
  return pids;
}

/** The words of a process's command line; empty if it is gone or a zombie. */
export function commandLine(pid: number): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/**
 * Whether the process runs; a zombie does not. Its command line would not do: it
 * is empty for a moment while the process becomes another program.
 */
export function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name before the state may have brackets and spaces.
    const state = stat.slice(stat.lastIndexOf(")") + 2)[0];
    return state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

/** Sends a signal; false if the process was gone already. */
export function signalTo(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** SIGKILL for all that carry `part`, until none is left. */
export async function endAllWith(part: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const pids = pidsWith(part);
    if (pids.length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(`These processes do not end: ${pids.join(", ")}`);
    }
    for (const pid of pids) signalTo(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
