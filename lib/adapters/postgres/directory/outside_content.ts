/**
 * What a member has outside of its data directory (tablespaces, WAL): freed for
 * new work, removed, or moved beside. What another server uses is left alone.
 */
import type { PostgresContext } from "../options.ts";
import type { OutsideFolder } from "./fill_marker.ts";
import { realDirectory } from "./fill_marks.ts";
import type { FolderRecord } from "./folder_record.ts";
import {
  foldersOfOthers,
  isFolderEmpty,
  ownEntries,
  removeEntries,
  serverNames,
} from "./outside_folders.ts";
import { freeName, moveEntries } from "./set_aside.ts";

/** The content of folders outside of one data directory. */
export class OutsideContent {
  readonly #context: PostgresContext;
  readonly #record: FolderRecord;

  constructor(context: PostgresContext, record: FolderRecord) {
    this.#context = context;
    this.#record = record;
  }

  /** Those of the folders that are empty, after this member's own old content was moved out. */
  async free(
    planned: readonly OutsideFolder[],
  ): Promise<readonly OutsideFolder[]> {
    const known = await this.#record.read();
    const all = [
      ...planned,
      ...known.map(({ kind, path }) => ({ kind, path })),
    ];
    const unique = all.filter(({ path }, at) =>
      all.findIndex((other) => other.path === path) === at
    );
    const free: OutsideFolder[] = [];
    for (const folder of unique) {
      const own = await ownEntries(folder, known);
      if (own.length > 0) await this.move(folder, own);
      if (await isFolderEmpty(folder)) free.push(folder);
      else if (planned.some(({ path }) => path === folder.path)) {
        this.#context.log.error(
          `${folder.path} is not empty, and nothing shows that this member ` +
            `filled it: it is left alone`,
        );
      }
    }
    return free;
  }

  /** Removes what unfinished work put into folders that were empty before it. */
  async remove(folders: readonly OutsideFolder[]): Promise<void> {
    if (folders.length === 0) return;
    const real = await realDirectory(this.#context.options.dataDir);
    const others = await foldersOfOthers(real);
    for (const folder of folders) {
      if (others.has(folder.path)) {
        this.#context.log.error(
          `Another server uses ${folder.path}: it is left alone`,
        );
      } else await removeEntries(folder, await serverNames(folder));
    }
  }

  /** Moves entries of a folder beside it; null if that is not possible or not allowed. */
  async move(
    folder: OutsideFolder,
    names: readonly string[],
    word: "aside" | "failed" = "aside",
  ): Promise<string | null> {
    if (names.length === 0) return null;
    const { log } = this.#context;
    const others = await foldersOfOthers(
      await realDirectory(this.#context.options.dataDir),
    );
    if (others.has(folder.path)) {
      log.error(`Another server uses ${folder.path}: it is left alone`);
      return null;
    }
    const to = await freeName(folder.path, word);
    try {
      await moveEntries(folder.path, names, to);
    } catch (error) {
      await Deno.remove(to).catch(() => {});
      log.error(`Cannot move ${folder.path} to ${to}: ${error}`);
      return null;
    }
    log.warning(`What was in ${folder.path} was moved to ${to}`);
    return to;
  }
}
