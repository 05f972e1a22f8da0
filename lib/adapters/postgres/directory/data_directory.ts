/**
 * The data directory as a whole: whether it is empty, usable or half-made, and
 * how it is emptied or moved out of the way. What fills it is in filling.ts.
 *
 * Nothing is removed here that neither an operator or a setting gave away nor
 * surely was this program's own unfinished work; what is in doubt is moved.
 */
import { join } from "node:path";
import { PostgresError } from "../../../ports/errors.ts";
import { identityOf } from "./file_identity.ts";
import {
  FillMarks,
  isInsignificant,
  MARK_INSIDE,
  realDirectory,
} from "./fill_marks.ts";
import { exists, writeAtomically } from "./files.ts";
import { FillingWork, removeContent } from "./filling.ts";
import { formatMarker } from "./fill_marker.ts";
import { endLeftoverProgram } from "./leftover_program.ts";
import { OutsideContent } from "./outside_content.ts";
import { FolderRecord } from "./folder_record.ts";
import type { PostgresContext } from "../options.ts";
import {
  foldersOfOthers,
  type LinkedFolder,
  linkedFolders,
  namesIn,
  ownEntries,
  removeEntries,
  serverNames,
} from "./outside_folders.ts";
import { failedName, freeName, relink } from "./set_aside.ts";

/** What a look at the directory shows. */
export type DirectoryState =
  | { readonly kind: "empty" }
  | { readonly kind: "not_accessible"; readonly detail: string }
  /** Filled by us, but not to the end: may be thrown away. */
  | { readonly kind: "half_made"; readonly detail: string }
  /** A pg_rewind did not end: may be thrown away for a new copy. */
  | { readonly kind: "half_rewound"; readonly detail: string }
  /** Something did not end, but nothing shows that it was in this directory. */
  | { readonly kind: "doubtful"; readonly detail: string }
  /** Not PostgreSQL's, or damaged: only its owner may throw it away. */
  | { readonly kind: "invalid_system_id"; readonly detail: string }
  | { readonly kind: "filled" };

/** Writing by the group, anything by others. */
const FORBIDDEN_RIGHTS = 0o027;

/** The data directory of one instance. */
export class DataDirectory {
  readonly filling: FillingWork;
  readonly #context: PostgresContext;
  readonly #marks: FillMarks;
  readonly #record: FolderRecord;
  readonly #outside: OutsideContent;
  #remembering: Promise<void> | null = null;

  constructor(context: PostgresContext) {
    this.#context = context;
    this.#marks = new FillMarks(() => this.#path);
    this.#record = new FolderRecord(() => this.#path);
    this.#outside = new OutsideContent(context, this.#record);
    this.filling = new FillingWork(context, {
      marks: this.#marks,
      outside: this.#outside,
    });
  }

  get #path(): string {
    return this.#context.options.dataDir;
  }

  /** A few system calls; called every cycle. */
  async look(): Promise<DirectoryState> {
    try {
      if (await this.#isEmpty()) return { kind: "empty" };
      const unfinished = await this.#unfinished();
      if (unfinished !== null) return unfinished;
      if (!await exists(join(this.#path, "global", "pg_control"))) {
        return {
          kind: "invalid_system_id",
          detail: `there is no global/pg_control in ${this.#path}`,
        };
      }
      return { kind: "filled" };
    } catch (error) {
      return { kind: "not_accessible", detail: String(error) };
    }
  }

  async #unfinished(): Promise<DirectoryState | null> {
    const found = await this.#marks.read();
    if (found === null) return null;
    const { marker: { what }, path, verdict } = found;
    switch (verdict) {
      case "ours": {
        const kind = what === "rewind" ? "half_rewound" : "half_made";
        return { kind, detail: `unfinished: ${what}` };
      }
      case "doubtful":
        return {
          kind: "doubtful",
          detail: `${path} says that a ${what} did not end, and nothing ` +
            `shows that it was in this directory: remove that file if the ` +
            `directory is whole, else move the directory away`,
        };
      case "other":
        this.#context.log.warning(
          `${path} is removed: it speaks of a ${what} in a directory that ` +
            `is not there any more, and ${this.#path} is another one`,
        );
        await this.#marks.remove();
        return null;
    }
  }

  /** Absent, or nothing but dot-files, lost+found and our own mark. */
  async #isEmpty(): Promise<boolean> {
    return (await namesIn(this.#path)).every(isInsignificant);
  }

  /** A server runs in it: writes down which folders outside are its own. */
  async remember(): Promise<void> {
    this.#remembering ??= this.#record.update().catch((error) =>
      this.#context.log.debug(
        `Cannot note the folders outside of ${this.#path}: ${error}`,
      )
    ).finally(() => this.#remembering = null);
    await this.#remembering;
  }

  /**
   * Removes all content: the directory itself stays (it may be a mount point).
   * What is this instance's outside goes too; what may be another's is moved.
   * Only for data that is known to be worthless, or given away.
   */
  async clear(): Promise<void> {
    const { filling } = this;
    await endLeftoverProgram(this.#context, this.#marks);
    try {
      const left = await this.#marks.read();
      const real = await realDirectory(this.#path);
      if ((await namesIn(real)).every(isInsignificant)) {
        // The next work looks after what the last one left outside.
        return left === null ? undefined : await this.#marks.removeInside();
      }
      const own = left?.verdict === "ours"
        ? left.marker.binding?.folders ?? []
        : [];
      const linked = (await linkedFolders(real)).filter(({ path }) =>
        !own.some((folder) => folder.path === path)
      );
      await filling.beginChange("removal", own);
      await this.#outside.remove(own);
      for (const folder of linked) await this.#clearFolder(folder);
      await removeContent(real);
      await filling.done();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PostgresError(`Cannot empty ${this.#path}: ${why}`, { cause });
    }
  }

  async #clearFolder(folder: LinkedFolder): Promise<void> {
    const own = await ownEntries(folder, await this.#record.read());
    if (own.length === 0) {
      await this.#outside.move(folder, await serverNames(folder));
      return;
    }
    const others = await foldersOfOthers(await realDirectory(this.#path));
    if (!others.has(folder.path)) return await removeEntries(folder, own);
    this.#context.log.error(
      `Another server uses ${folder.path}: it is left alone`,
    );
  }

  /**
   * Moves the directory to `<dir>.aside`, or the next name that is free, with
   * what is surely its own outside.
   *
   * @returns Where it is.
   * @throws {PostgresError} If it cannot be moved; it is as it was then.
   */
  async setAside(): Promise<string> {
    await endLeftoverProgram(this.#context, this.#marks);
    const real = await realDirectory(this.#path);
    const target = await freeName(real, "aside");
    try {
      await Deno.rename(real, target);
    } catch (cause) {
      throw new PostgresError(
        `Cannot move ${real} to ${target}; move its content away, or reinit ` +
          `this member: ${cause instanceof Error ? cause.message : cause}`,
        { cause },
      );
    }
    // Whoever moves it back knows that it is whole.
    await new FillMarks(() => target).removeInside();
    const known = await this.#record.read();
    for (const folder of await linkedFolders(target)) {
      const own = await ownEntries(folder, known);
      const moved = await this.#outside.move(folder, own);
      if (moved !== null) await relink(folder, moved);
    }
    await this.#replaceTarget(real);
    await this.filling.done();
    return target;
  }

  /**
   * Moves what a failed bootstrap made to `<dir>.failed` (or the next name that
   * is free), with all that it made outside.
   *
   * @returns Where it is; null if there was none, or if it had to be removed.
   */
  async moveFailed(): Promise<string | null> {
    const { filling } = this;
    await endLeftoverProgram(this.#context, this.#marks);
    const real = await realDirectory(this.#path);
    if (await this.#isEmpty()) {
      await filling.discard();
      return null;
    }
    const target = await failedName(real);
    try {
      await Deno.rename(real, target);
    } catch {
      // A mount point, or a parent that is not ours: nothing to move it to.
      await filling.discard();
      return null;
    }
    await this.#moveFailedFolders(target);
    await this.#replaceTarget(real);
    await filling.done();
    return target;
  }

  /** The mark that stays inside says that the directory may be replaced by a later failure. */
  async #moveFailedFolders(target: string): Promise<void> {
    const { filling } = this;
    const made = filling.folders;
    const known = await this.#record.read();
    const folders = [];
    for (const folder of await linkedFolders(target)) {
      const { kind, path } = folder;
      const isMade = made.some((one) => one.path === path);
      const names = isMade
        ? await serverNames(folder)
        : await ownEntries(folder, known);
      const moved = await this.#outside.move(folder, names, "failed");
      if (moved === null) continue;
      await relink(folder, moved);
      folders.push({ kind, path: moved });
    }
    // What could not be moved, or has no link yet.
    await this.#outside.remove(made);
    const binding = {
      token: crypto.randomUUID(),
      directory: await identityOf(target),
      anchor: null,
      isOwnProgram: true,
      isAlone: false,
      folders,
    };
    await writeAtomically(
      join(target, MARK_INSIDE),
      formatMarker({ what: "bootstrap", pid: 0, startTicks: 0, binding }),
    );
  }

  /** A link must not lead nowhere: programs take it for a file in their way. */
  async #replaceTarget(real: string): Promise<void> {
    const link = await Deno.lstat(this.#path).catch(() => null);
    if (link?.isSymlink === true) await Deno.mkdir(real, { mode: 0o700 });
  }

  /** Takes rights away with which PostgreSQL would not start; programs of users leave any. */
  async restrict(): Promise<void> {
    const { mode } = await Deno.stat(this.#path);
    if (mode !== null && (mode & FORBIDDEN_RIGHTS) !== 0) {
      await Deno.chmod(this.#path, 0o700);
    }
  }

  /** Makes the directory if it is missing, for programs that do not. */
  async ensure(): Promise<void> {
    await Deno.mkdir(this.#path, { recursive: true, mode: 0o700 });
  }
}
