/**
 * postmaster.pid, and whether the process it names really is the postmaster of
 * this data directory.
 */
import { join } from "node:path";
import { readTextOrNull, removeIfPresent } from "../directory/files.ts";
import type { PostgresContext } from "../options.ts";
import {
  allPids,
  isPidTaken,
  processFacts,
  workingDirectory,
} from "./processes.ts";

/** The lines of postmaster.pid. */
export interface PidFile {
  readonly pid: number;
  /** First socket directory; empty if there is none. */
  readonly socketDirectory: string;
  readonly port: number;
  /** Empty until the postmaster told. */
  readonly status: "starting" | "stopping" | "ready" | "standby" | "";
}

/** What is needed to find an instance's processes. */
export interface ServerPlace {
  readonly options: Pick<PostgresContext["options"], "dataDir" | "binName">;
}

/** Longest program name that /proc tells. */
const PROGRAM_LENGTH_MAX = 15;

/**
 * Reads the text of postmaster.pid; null if it names no pid.
 *
 * Source: PostgreSQL 17 `pidfile.h`, LOCK_FILE_LINE_*.
 */
export function parsePidFile(text: string): PidFile | null {
  const lines = text.split("\n").map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid === 0) return null;
  const status = lines[7] ?? "";
  return {
    // Negative: a single-user server, which is as alive as a postmaster.
    pid: Math.abs(pid),
    port: Number(lines[3]) || 0,
    socketDirectory: lines[4] ?? "",
    status: isStatus(status) ? status : "",
  };
}

function isStatus(text: string): text is PidFile["status"] {
  return ["starting", "stopping", "ready", "standby"].includes(text);
}

/** The postmaster that runs on the data directory now; null if none does. */
export async function livePostmaster(
  context: ServerPlace,
): Promise<PidFile | null> {
  const { dataDir } = context.options;
  const text = await readTextOrNull(join(dataDir, "postmaster.pid"))
    .catch(() => null);
  const file = text === null ? null : parsePidFile(text);
  if (file === null) return null;
  const isAlive = await isServerProcess(context, file.pid);
  return isAlive ? file : null;
}

/**
 * Removes a postmaster.pid whose pid now belongs to somebody else, or to a dead
 * postmaster whom nobody has reaped yet (in a container that may never happen):
 * PostgreSQL would take that process for a postmaster and refuse to start. The
 * caller has ended the orphans before, because PostgreSQL finds those by this file.
 */
export async function removeStalePidFile(
  context: PostgresContext,
): Promise<void> {
  const path = join(context.options.dataDir, "postmaster.pid");
  const file = parsePidFile(await readTextOrNull(path) ?? "");
  if (file === null || !await isPidTaken(file.pid)) return;
  if (await isServerProcess(context, file.pid)) return;
  context.log.warning(
    "Removing a postmaster.pid that names no running postmaster",
    { pid: file.pid },
  );
  await removeIfPresent(path);
  await removeSocketLock(file);
}

/** The same pid keeps the socket, whose lock file is made with it. */
async function removeSocketLock(file: PidFile): Promise<void> {
  if (!file.socketDirectory.startsWith("/")) return;
  const path = join(file.socketDirectory, `.s.PGSQL.${file.port}.lock`);
  const text = await readTextOrNull(path).catch(() => null);
  if (Number(text?.split("\n")[0]) === file.pid) await removeIfPresent(path);
}

/**
 * Server processes of this data directory whose postmaster is gone. They still
 * hold the shared memory and may still write.
 */
export async function orphanedBackends(
  context: ServerPlace,
): Promise<readonly number[]> {
  if (await livePostmaster(context) !== null) return [];
  const pids: number[] = [];
  for (const pid of await allPids()) {
    if (await isServerProcess(context, pid)) pids.push(pid);
  }
  return pids;
}

async function isServerProcess(
  context: ServerPlace,
  pid: number,
): Promise<boolean> {
  const { dataDir, binName } = context.options;
  const facts = await processFacts(pid);
  // A configured wrapper either stays or becomes `postgres` by exec.
  const programs = ["postgres", binName["postgres"] ?? ""].map((name) =>
    name.slice(0, PROGRAM_LENGTH_MAX)
  );
  if (facts === null || !programs.includes(facts.program)) return false;
  const directory = await workingDirectory(pid);
  if (directory === null) return false;
  const wanted = await Deno.realPath(dataDir).catch(() => dataDir);
  return directory === wanted && await isSameDirectory(pid, wanted);
}

/** In a container of this host the same path may be another directory. */
async function isSameDirectory(pid: number, path: string): Promise<boolean> {
  try {
    const theirs = await Deno.stat(`/proc/${pid}/cwd`);
    const ours = await Deno.stat(path);
    return theirs.dev === ours.dev && theirs.ino === ours.ino;
  } catch {
    return false;
  }
}
