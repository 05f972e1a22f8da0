/**
 * Moves what may be somebody's out of the way, under a name that is free: a
 * second failure never takes the place of what the first one left.
 */
import { dirname, join } from "node:path";
import { identityOf, isSameFile } from "./file_identity.ts";
import { exists, readTextOrNull, removeIfPresent } from "./files.ts";
import { type OutsideFolder, parseMarker } from "./fill_marker.ts";
import { MARK_INSIDE } from "./fill_marks.ts";
import {
  type LinkedFolder,
  removeEntries,
  serverNames,
} from "./outside_folders.ts";

/** So many failed bootstraps are kept; the next replaces the last of them. */
const FAILED_KEPT = 3;

/** The first free one of `<path>.<word>`, `<path>.<word>.2` and so on. */
export async function freeName(path: string, word: string): Promise<string> {
  for (let number = 1;; number++) {
    const name = numbered(path, word, number);
    if (!await exists(name)) return name;
  }
}

function numbered(path: string, word: string, number: number): string {
  return number === 1 ? `${path}.${word}` : `${path}.${word}.${number}`;
}

/**
 * A name for a failed bootstrap of `path`. The first ones stay, and so does what
 * somebody else put there; a bootstrap that fails for ever does not fill the disk.
 */
export async function failedName(path: string): Promise<string> {
  for (let number = 1;; number++) {
    const name = numbered(path, "failed", number);
    if (!await exists(name)) return name;
    if (number < FAILED_KEPT) continue;
    const folders = await ownFailed(name);
    if (folders === null) continue;
    for (const folder of folders) {
      await removeEntries(folder, await serverNames(folder));
      // Only if nothing else is in it.
      await Deno.remove(folder.path).catch(() => {});
    }
    await removeIfPresent(name);
    return name;
  }
}

/** What a failed bootstrap has outside, if the directory surely is one of ours; else null. */
async function ownFailed(
  path: string,
): Promise<readonly OutsideFolder[] | null> {
  const text = await readTextOrNull(join(path, MARK_INSIDE)).catch(() => null);
  const { what, binding } = parseMarker(text ?? "");
  if (what !== "bootstrap" || binding === null) return null;
  const isIt = isSameFile(binding.directory, await identityOf(path));
  return isIt ? binding.folders : null;
}

/** Moves entries of a folder into a new one beside it; the folder itself stays. */
export async function moveEntries(
  from: string,
  names: readonly string[],
  to: string,
): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for (const name of names) await Deno.rename(join(from, name), join(to, name));
}

/** Lets a link of a directory that was moved lead to the folder's new place. */
export async function relink(
  { link }: Pick<LinkedFolder, "link">,
  path: string,
): Promise<void> {
  await Deno.mkdir(dirname(link), { recursive: true, mode: 0o700 });
  await removeIfPresent(link);
  await Deno.symlink(path, link);
}
