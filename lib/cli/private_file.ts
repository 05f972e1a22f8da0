/**
 * Writes a file that may hold passwords, at a place that the user names: in a
 * folder that others may write to, nothing of theirs is opened, followed or kept.
 */
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const MODE = 0o600;
const ROOT = 0;

/**
 * Makes the file, or puts another in its place, with mode 0600. A link is
 * followed if it is the user's own, or root's; `/dev/stdout` and its like are
 * written to.
 *
 * @throws {Error} If it cannot be written, or the link is a stranger's.
 */
export async function writePrivate(path: string, text: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const found = await lookAt(path);
  if (found === null) return await writeNew(path, text);
  if (found.isFile) return await replace(path, text);
  if (!found.isSymlink) return await writeInto(path, text);
  if (found.uid !== Deno.uid() && found.uid !== ROOT) {
    throw new Error(`${path} is a link of another user's`);
  }
  const target = await Deno.stat(path).catch(() => null);
  if (target === null) throw new Error(`${path} is a link to nothing`);
  if (target.isFile) await replace(await Deno.realPath(path), text);
  else await writeInto(path, text);
}

/** A new file in the folder for temporary ones; nobody can guess its name. */
export async function writeTemporary(
  { prefix, suffix }: { readonly prefix: string; readonly suffix: string },
  text: string,
): Promise<string> {
  const path = join(tmpdir(), `${prefix}${crypto.randomUUID()}${suffix}`);
  await writeNew(path, text);
  return path;
}

async function lookAt(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.${crypto.randomUUID()}.new`;
  try {
    await writeNew(beside, text);
    await Deno.rename(beside, path);
  } catch (error) {
    await Deno.remove(beside).catch(() => {});
    throw error;
  }
}

function writeNew(path: string, text: string): Promise<void> {
  return Deno.writeTextFile(path, text, { createNew: true, mode: MODE });
}

/** A device or a pipe. */
function writeInto(path: string, text: string): Promise<void> {
  return Deno.writeTextFile(path, text, { create: false });
}
