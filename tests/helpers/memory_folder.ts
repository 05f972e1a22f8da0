/**
 * Folders for servers that wait for the disk with each write, as stores must. The
 * disk of a busy machine can take seconds for that, longer than the leases of
 * quick clusters last: then a test shows how slow the disk is. In memory it takes
 * no time. Nothing that a test does to a process (SIGKILL, SIGSTOP) loses files.
 */
import { statfsSync } from "node:fs";

const MEMORY = "/dev/shm";
/** Room for the stores of all files that run at once. */
const ROOM_MIN_BYTES = 2 ** 30;

/** A new folder, in memory if there is room; the caller removes it. */
export async function memoryFolder(prefix: string): Promise<string> {
  return await Deno.makeTempDir({
    prefix,
    ...(hasRoom() ? { dir: MEMORY } : {}),
  });
}

function hasRoom(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ROOM_MIN_BYTES;
  } catch {
    // There is none here.
    return false;
  }
}
