/**
 * Which folders outside of the data directory this instance runs in, written
 * down beside it: when the directory is gone, nothing else says what was its.
 */
import { readTextOrNull, removeIfPresent, writeIfDifferent } from "./files.ts";
import { foldersPath, realDirectory } from "./fill_marks.ts";
import {
  formatKnownFolders,
  type KnownFolder,
  knownFolders,
  parseKnownFolders,
} from "./outside_folders.ts";

/** The record of one data directory. */
export class FolderRecord {
  readonly #path: () => string;

  constructor(path: () => string) {
    this.#path = path;
  }

  async read(): Promise<readonly KnownFolder[]> {
    const real = await realDirectory(this.#path());
    const text = await readTextOrNull(foldersPath(real)).catch(() => null);
    return parseKnownFolders(text ?? "");
  }

  /** To be called only while a server runs in the directory. */
  async update(): Promise<void> {
    const real = await realDirectory(this.#path());
    const known = await knownFolders(real);
    const path = foldersPath(real);
    try {
      if (known.length === 0) await removeIfPresent(path);
      else await writeIfDifferent(path, formatKnownFolders(known));
    } catch (error) {
      // Beside a mount point it may not be possible: then nothing is known.
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    }
  }
}
