/**
 * Files that must never be seen half-written: written beside, flushed, renamed.
 */

/** Text of a file; null if it does not exist. */
export async function readTextOrNull(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Whether an error says that a file, or a folder on its way, is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}

/**
 * Replaces a file atomically. Mode defaults to 0600. The text is written beside
 * it, to a new file whose name nobody can guess: in a folder that others may
 * write to, nothing of theirs is opened or followed.
 */
export async function writeAtomically(
  path: string,
  text: string,
  mode = 0o600,
): Promise<void> {
  const beside = `${path}.${crypto.randomUUID()}.new`;
  try {
    using file = await Deno.open(beside, {
      write: true,
      createNew: true,
      mode,
    });
    const bytes = new TextEncoder().encode(text);
    let written = 0;
    while (written < bytes.length) {
      written += await file.write(bytes.subarray(written));
    }
    await file.sync();
    await Deno.rename(beside, path);
  } catch (error) {
    await removeIfPresent(beside).catch(() => {});
    throw error;
  }
}

/** Replaces a file unless it has that text already; tells whether it wrote. */
export async function writeIfDifferent(
  path: string,
  text: string,
): Promise<boolean> {
  if (await readTextOrNull(path) === text) return false;
  await writeAtomically(path, text);
  return true;
}

/** Removes a file or folder with its content; no error if it is not there. */
export async function removeIfPresent(path: string): Promise<boolean> {
  try {
    await Deno.remove(path, { recursive: true });
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Whether something of that name is there. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
