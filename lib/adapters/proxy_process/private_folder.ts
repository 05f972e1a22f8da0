/** Folders that nobody but this user can have put anything into. */

/**
 * Whether `path` is a folder (no link) of this user that no other one may enter.
 * What is found in any other folder may be a stranger's and is not believed.
 */
export async function isPrivateFolder(path: string): Promise<boolean> {
  try {
    const found = await Deno.lstat(path);
    const isClosed = ((found.mode ?? 0o777) & 0o077) === 0;
    return found.isDirectory && found.uid === Deno.uid() && isClosed;
  } catch {
    return false;
  }
}
