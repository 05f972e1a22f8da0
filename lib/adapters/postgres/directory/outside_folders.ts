/**
 * Parts of the instance that lie outside of its data directory: a WAL directory
 * of its own, and tablespaces. Others may use such a folder too (a server of
 * another version, a copy of this directory beside it), so a folder is touched
 * only if this instance was seen to run in it.
 *
 * Source: PostgreSQL 17 manual, "Tablespaces" and "Database File Layout".
 */
import { join } from "node:path";
import { asObject, readText } from "../../../core/codec/json.ts";
import {
  type FileIdentity,
  identityOf,
  isSameFile,
  readIdentity,
} from "./file_identity.ts";
import { isMissing, readTextOrNull, removeIfPresent } from "./files.ts";
import { type OutsideFolder, readFolder } from "./fill_marker.ts";
import {
  allPids,
  processFacts,
  workingDirectory,
} from "../process/processes.ts";

/** A folder that the data directory leads to. */
export interface LinkedFolder extends OutsideFolder {
  /** The link from the data directory, which has to follow the folder. */
  readonly link: string;
}

/** Names in a folder that are the instance's, each with what it was. */
export interface KnownFolder extends OutsideFolder {
  readonly entries: Readonly<Record<string, FileIdentity>>;
}

/** Stands for the folder itself. */
const ITSELF = ".";
const WAL_LINKS = ["pg_wal"] as const;

/** Where the links of a data directory lead, also those that its backup only names. */
export async function linkedFolders(
  dataDir: string,
): Promise<readonly LinkedFolder[]> {
  const found: LinkedFolder[] = [];
  for (const name of WAL_LINKS) {
    const link = join(dataDir, name);
    const path = await targetOf(link);
    if (path !== null) found.push({ kind: "wal", path, link });
  }
  const spaces = join(dataDir, "pg_tblspc");
  for (const name of await namesIn(spaces)) {
    const link = join(spaces, name);
    const path = await targetOf(link);
    if (path !== null) found.push({ kind: "tablespace", path, link });
  }
  const map = await readTextOrNull(join(dataDir, "tablespace_map"));
  for (const { id, path } of parseTablespaceMap(map ?? "")) {
    if (found.some((folder) => folder.path === path)) continue;
    const link = join(spaces, id);
    const isThere = await Deno.stat(path).then(
      (s) => s.isDirectory,
      () => false,
    );
    if (isThere) found.push({ kind: "tablespace", path, link });
  }
  return found;
}

/**
 * Reads the file `tablespace_map` of a base backup.
 *
 * Source: PostgreSQL 17 `xlogrecovery.c`, read_tablespace_map.
 */
function parseTablespaceMap(
  text: string,
): readonly { readonly id: string; readonly path: string }[] {
  // A line break or a backslash within a path has a backslash before it.
  const lines = text.match(/(?:\\[\s\S]|[^\n\r\\])+/g) ?? [];
  return lines.flatMap((line) => {
    const match = /^(\d+) ([\s\S]+)$/.exec(line);
    const [, id, path] = match ?? [];
    return id === undefined || path === undefined
      ? []
      : [{ id, path: path.replace(/\\([\s\S])/g, "$1") }];
  });
}

/** Null: no link, or one that leads nowhere. */
async function targetOf(link: string): Promise<string | null> {
  try {
    if (!(await Deno.lstat(link)).isSymlink) return null;
    return await Deno.realPath(link);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Names in a folder, none if it is not there. */
export async function namesIn(path: string): Promise<readonly string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(path));
    return entries.map(({ name }) => name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Names in a folder that a server of the folder's kind makes. */
export async function serverNames(
  { kind, path }: OutsideFolder,
): Promise<readonly string[]> {
  const names = await namesIn(path);
  return kind === "wal"
    ? names.filter((name) => name !== "lost+found")
    : names.filter((name) => name.startsWith("PG_"));
}

/** Whether a program that wants an empty folder would take it. */
export async function isFolderEmpty({ path }: OutsideFolder): Promise<boolean> {
  return (await namesIn(path)).length === 0;
}

/** Removes these entries. */
export async function removeEntries(
  { path }: OutsideFolder,
  names: readonly string[],
): Promise<void> {
  for (const name of names) await removeIfPresent(join(path, name));
}

/** What the instance that runs in `dataDir` now has outside. */
export async function knownFolders(
  dataDir: string,
): Promise<readonly KnownFolder[]> {
  const version = await readTextOrNull(join(dataDir, "PG_VERSION"));
  const start = `PG_${version?.trim() ?? ""}_`;
  const known: KnownFolder[] = [];
  for (const { kind, path } of await linkedFolders(dataDir)) {
    const names = kind === "wal"
      ? [ITSELF]
      : (await namesIn(path)).filter((name) => name.startsWith(start));
    const entries: Record<string, FileIdentity> = {};
    for (const name of names) {
      const identity = await identityOf(join(path, name));
      if (identity !== null) entries[name] = identity;
    }
    known.push({ kind, path, entries });
  }
  return known;
}

/** The entries of a folder that are still the instance's own. */
export async function ownEntries(
  folder: OutsideFolder,
  known: readonly KnownFolder[],
): Promise<readonly string[]> {
  const record = known.find(({ path }) => path === folder.path);
  if (record === undefined) return [];
  const own: string[] = [];
  for (const [name, identity] of Object.entries(record.entries)) {
    const now = await identityOf(join(folder.path, name));
    if (isSameFile(now, identity)) own.push(name);
  }
  return own.includes(ITSELF) ? await serverNames(folder) : own;
}

/** Text for a file; the same folders give the same text. */
export function formatKnownFolders(known: readonly KnownFolder[]): string {
  return `${JSON.stringify(known)}\n`;
}

/** Reads what {@link formatKnownFolders} wrote; what cannot be read is not known. */
export function parseKnownFolders(text: string): readonly KnownFolder[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(list)) return [];
  return list.flatMap((item) =>
    readFolder(item).map((folder) => ({
      ...folder,
      entries: readEntries(asObject(item)?.["entries"]),
    }))
  );
}

function readEntries(value: unknown): Readonly<Record<string, FileIdentity>> {
  const entries: Record<string, FileIdentity> = {};
  for (const [name, item] of Object.entries(asObject(value) ?? {})) {
    const identity = readIdentity(item);
    if (identity !== null && readText(name) !== null) entries[name] = identity;
  }
  return entries;
}

/**
 * Folders that servers running in other data directories of this host use; those
 * of other users cannot be asked.
 */
export async function foldersOfOthers(
  dataDir: string,
): Promise<ReadonlySet<string>> {
  const directories = new Set<string>();
  for (const pid of await allPids()) {
    if ((await processFacts(pid))?.program !== "postgres") continue;
    const directory = await workingDirectory(pid);
    if (directory !== null && directory !== dataDir) directories.add(directory);
  }
  const paths = new Set<string>();
  for (const directory of directories) {
    const linked = await linkedFolders(directory).catch(() => []);
    for (const { path } of linked) paths.add(path);
  }
  return paths;
}
