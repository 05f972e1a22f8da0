/**
 * Files of a host that is set up: there whole or not at all, and on the disk when
 * the call returns. A file that is made anew follows no link that lies in its way.
 */
import { constants, lstat, mkdir, open, rename, rm } from "node:fs/promises";
import type { FileOwner, SetupFile, SetupFiles } from "../../ports/setup.ts";

const ROOT = 0;
const FOLDER_MODE = 0o755;
const OWN_FOLDER_MODE = 0o700;
const SECRET_MODE = 0o600;
const MODE_BITS = 0o777;

/** {@link SetupFiles} on this host's disk. */
export class HostFiles implements SetupFiles {
  async read(path: string): Promise<string | null> {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async write({ path, mode, owner, text }: SetupFile): Promise<void> {
    const folder = path.slice(0, path.lastIndexOf("/")) || "/";
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    // Of a call that was cut short; nobody else writes here.
    const beside = `${path}.new`;
    await rm(beside, { force: true });
    try {
      const file = await open(beside, "wx", 0o600);
      try {
        await file.writeFile(text);
        const { uid, gid } = owner ?? await ownerBefore(path, folder);
        if (Deno.uid() === ROOT) await file.chown(uid, gid);
        await file.chmod(mode ?? await modeBefore(path));
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(beside, path);
    } catch (error) {
      await rm(beside, { force: true }).catch(() => {});
      throw error;
    }
    await syncFolder(folder);
  }

  async makeFolder(path: string, owner: FileOwner | null): Promise<void> {
    if (await lstat(path).catch(() => null) !== null) return;
    await mkdir(path.slice(0, path.lastIndexOf("/")) || "/", {
      recursive: true,
      mode: FOLDER_MODE,
    });
    await mkdir(path, { mode: OWN_FOLDER_MODE });
    if (owner !== null) await giveFolder(path, owner);
  }

  async remove(path: string): Promise<void> {
    await rm(path, { force: true });
  }
}

/** Who could read the file so far can do so afterwards. */
async function ownerBefore(path: string, folder: string): Promise<FileOwner> {
  const found = await lstat(path).catch(() => null) ?? await lstat(folder);
  return { uid: found.uid, gid: found.gid };
}

/** Who could read the file so far, and nobody else. */
async function modeBefore(path: string): Promise<number> {
  const found = await lstat(path).catch(() => null);
  return found?.isFile() ? found.mode & MODE_BITS : SECRET_MODE;
}

/** Whoever may write in the folder above can put a link there meanwhile. */
async function giveFolder(
  path: string,
  { uid, gid }: FileOwner,
): Promise<void> {
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
  const folder = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    await folder.chown(uid, gid);
  } finally {
    await folder.close();
  }
}

/** The new name is on the disk, too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}
