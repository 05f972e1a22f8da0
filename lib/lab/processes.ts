/**
 * The processes of a lab: how they are started, found again and ended.
 *
 * Everything a lab starts inherits the variable `MATRIARCH_LAB`, whose value is
 * the lab's directory. PostgreSQL daemonizes and the members' proxies outlive
 * their agents, so process handles are not enough to find them all; the
 * variable in `/proc/<pid>/environ` is, and it never names a stranger.
 */
import { pause, waitFor } from "./wait.ts";

/** Name of the variable that marks every process of a lab. */
export const LAB_MARK = "MATRIARCH_LAB";

/** Time to end in order, in milliseconds. */
const END_GRACE_MS = 8000;

/** A program with its arguments. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
}

/** What to start and where its output goes. */
export interface ChildOptions extends CommandLine {
  /** The lab's (or a member's) directory; value of the mark. */
  readonly mark: string;
  readonly cwd: string;
  /** File that receives standard output and standard error. */
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A started program. */
export interface Child {
  readonly pid: number;
  /** Resolves with the exit code when the program ended. */
  readonly ended: Promise<number>;
  readonly isRunning: () => boolean;
}

/**
 * Starts a program in a session of its own, so that Ctrl-C on the terminal
 * reaches only the lab, which then stops everything in order.
 */
export function startChild(options: ChildOptions): Child {
  const script = 'log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null';
  const process = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      script,
      "sh",
      options.logPath,
      options.command,
      ...options.args,
    ],
    cwd: options.cwd,
    env: { ...options.env, [LAB_MARK]: options.mark },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  let running = true;
  const ended = process.status.then((status) => {
    running = false;
    return status.code;
  });
  return { pid: process.pid, ended, isRunning: () => running };
}

/** Sends a signal; a process that is gone already is no error. */
export function sendSignal(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    (error instanceof TypeError && /No such process|ESRCH/.test(error.message));
}

/** Sends SIGTERM and waits; after `timeoutMs` SIGKILL. */
export async function stopChild(
  child: Child,
  timeoutMs: number,
): Promise<void> {
  if (!child.isRunning()) return;
  sendSignal(child.pid, "SIGTERM");
  const stop = new AbortController();
  await Promise.race([child.ended, pause(timeoutMs, stop.signal)]);
  stop.abort();
  if (child.isRunning()) sendSignal(child.pid, "SIGKILL");
  await child.ended;
}

/**
 * Pids of all living processes whose mark is `mark` or a path below it.
 * Zombies do not count: they hold nothing and nobody can end them.
 */
export function markedPids(mark: string): number[] {
  const pids: number[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    if (isMarked(pid, mark)) pids.push(pid);
  }
  return pids;
}

function isMarked(pid: number, mark: string): boolean {
  try {
    const environ = Deno.readTextFileSync(`/proc/${pid}/environ`);
    const value = environ.split("\0").find((v) => v.startsWith(`${LAB_MARK}=`));
    if (value === undefined) return false;
    const path = value.slice(LAB_MARK.length + 1);
    return path === mark || path.startsWith(`${mark}/`);
  } catch {
    // Ended meanwhile, or another user's: not of this lab.
    return false;
  }
}

/**
 * Asks every process of `mark` to end, waits a little, and kills the rest.
 *
 * @returns How many had to be killed.
 */
export async function endMarked(mark: string): Promise<number> {
  const end = performance.now() + END_GRACE_MS;
  let pids = markedPids(mark);
  for (const pid of pids) sendSignal(pid, "SIGTERM");
  while (pids.length > 0 && performance.now() < end) {
    await pause(50);
    pids = markedPids(mark);
  }
  await killMarked(mark);
  return pids.length;
}

/** Kills every process of `mark` (a lab or one member) with SIGKILL and waits until none is left. */
export async function killMarked(mark: string): Promise<void> {
  await waitFor("the processes of the lab to be gone", () => {
    const pids = markedPids(mark);
    for (const pid of pids) sendSignal(pid, "SIGKILL");
    return pids.length === 0 ? true : null;
  }, { timeoutMs: 15_000, everyMs: 50 });
}

/** The postmaster of `dataDir` by its pid file; null if there is none. */
export function postmasterPid(dataDir: string): number | null {
  try {
    const text = Deno.readTextFileSync(`${dataDir}/postmaster.pid`);
    const pid = Number(text.split("\n")[0]);
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
