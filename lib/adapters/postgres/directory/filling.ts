/**
 * Work that fills or changes the data directory (initdb, pg_basebackup,
 * pg_rewind, users' programs): it begins in an empty directory, is marked while
 * it lasts, because a crash in the middle can leave a directory that PostgreSQL
 * would start and that is wrong all the same, and what a failed one left is
 * removed. Only that: what was there before is never touched.
 */
import { join, resolve } from "node:path";
import { PostgresError } from "../../../ports/errors.ts";
import { identityOf, isSameFile } from "./file_identity.ts";
import { isMissing, removeIfPresent } from "./files.ts";
import type { Filling, FillMarker, OutsideFolder } from "./fill_marker.ts";
import {
  type FillMarks,
  isInsignificant,
  type JudgedMarker,
  MARK_INSIDE,
  realDirectory,
} from "./fill_marks.ts";
import type { PostgresContext } from "../options.ts";
import { endLeftoverProgram, fillerEnv } from "./leftover_program.ts";
import type { OutsideContent } from "./outside_content.ts";
import { namesIn, serverNames } from "./outside_folders.ts";
import { processFacts } from "../process/processes.ts";
import { freeName, moveEntries } from "./set_aside.ts";

const LOOK_AGAIN_MS = 10;
/** For a program that takes its time before it writes. */
const LOOK_AGAIN_LATER_MS = 100;
const SOON_MS = 2_000;
/** Enough to see whose data it is. */
const NAMES_SHOWN_MAX = 5;

/** One piece of work. */
export interface FillWork {
  readonly what: Filling;
  readonly isOwnProgram: boolean;
  /** What it may fill outside of the directory. */
  readonly folders: readonly OutsideFolder[];
  /** Data that is there: an error, or what the program is to start from. */
  readonly existing: "refused" | "kept";
}

/** What the work needs to know of its directory. */
interface FillingParts {
  readonly marks: FillMarks;
  readonly outside: OutsideContent;
}

/** Runs work that fills or changes the data directory, and marks the directory while it lasts. */
export class FillingWork {
  readonly #context: PostgresContext;
  readonly #marks: FillMarks;
  readonly #outside: OutsideContent;
  /** Null: nothing is under way in this process. */
  #marker: FillMarker | null = null;
  /** The directory was not there before. */
  #isMade = false;

  constructor(context: PostgresContext, { marks, outside }: FillingParts) {
    this.#context = context;
    this.#marks = marks;
    this.#outside = outside;
  }

  get #path(): string {
    return this.#context.options.dataDir;
  }

  /** What programs that fill the directory must have in their environment. */
  get env(): Readonly<Record<string, string>> {
    return fillerEnv(this.#path);
  }

  /** What the work under way, or what was left of one, fills outside. */
  get folders(): readonly OutsideFolder[] {
    return this.#marker?.binding?.folders ?? [];
  }

  /** Work of an earlier task is over: what is there now may be anybody's. */
  forget(): void {
    this.#marker = null;
  }

  /** Whether what is in the directory was put there since {@link begin}. */
  get isUnderWay(): boolean {
    return this.#marker !== null;
  }

  /**
   * Makes the directory ready and says on disk what is going on, before the
   * program is started: an agent may die before it knows the pid.
   *
   * @throws {PostgresError} If there is data already: somebody restored it.
   */
  async begin(work: FillWork): Promise<void> {
    this.#marker = null;
    await endLeftoverProgram(this.#context, this.#marks);
    const real = await realDirectory(this.#path);
    const names = await namesIn(real);
    this.#isMade = real === resolve(this.#path) &&
      await identityOf(real) === null;
    const data = names.filter((name) => !isInsignificant(name));
    if (data.length > 0 && work.existing === "refused") {
      const some = data.sort().slice(0, NAMES_SHOWN_MAX).join(", ");
      throw new PostgresError(
        `${this.#path} is not empty any more: what is in it stays (${some})`,
      );
    }
    await this.#clearLeftFolders(await this.#marks.read(), real);
    await this.#marks.removeInside();
    if (work.isOwnProgram) await this.#makeReady(real, names);
    else await this.#makeTarget(real);
    const folders = await this.#outside.free(work.folders);
    this.#marker = {
      what: work.what,
      pid: 0,
      startTicks: 0,
      binding: {
        token: crypto.randomUUID(),
        directory: await identityOf(real),
        anchor: null,
        isOwnProgram: work.isOwnProgram,
        isAlone: false,
        folders,
      },
    };
    await this.#marks.write(this.#marker);
  }

  /** The same for a program that changes a directory as a whole. */
  async beginChange(
    what: "rewind" | "removal",
    folders: readonly OutsideFolder[] = [],
  ): Promise<void> {
    const real = await realDirectory(this.#path);
    this.#marker = {
      what,
      pid: 0,
      startTicks: 0,
      binding: {
        token: crypto.randomUUID(),
        directory: await identityOf(real),
        anchor: await identityOf(join(real, "global")),
        isOwnProgram: true,
        isAlone: false,
        folders,
      },
    };
    await this.#marks.write(this.#marker);
    if (what === "removal") await this.#markInside();
  }

  /** The program runs: binds the marker to what it fills. */
  async started(pid: number): Promise<void> {
    const facts = await processFacts(pid);
    await this.#note({
      pid: facts?.pid ?? 0,
      startTicks: facts?.startTicks ?? 0,
    });
    if (this.#marker === null || this.#marker.what === "rewind") return;
    const { clock } = this.#context;
    const begin = clock.now();
    for (;;) {
      const real = await realDirectory(this.#path);
      if ((await namesIn(real)).length > 0 && await this.#bind()) return;
      if (await processFacts(pid) === null) return;
      const isSoon = clock.now() - begin < SOON_MS;
      await clock.sleep(isSoon ? LOOK_AGAIN_MS : LOOK_AGAIN_LATER_MS);
    }
  }

  /**
   * False: a program that fails soon (pg_basebackup, whose slot is not there yet)
   * has already taken away again what was seen; it says itself why.
   */
  async #bind(): Promise<boolean> {
    const binding = this.#marker?.binding ?? null;
    if (this.#marker === null || binding === null) return true;
    const directory = await identityOf(await realDirectory(this.#path));
    this.#marker = { ...this.#marker, binding: { ...binding, directory } };
    // In this order: a token that nobody knows proves nothing.
    await this.#marks.write(this.#marker);
    try {
      await this.#markInside();
      return true;
    } catch (error) {
      if (!isMissing(error)) throw error;
      return false;
    }
  }

  async #markInside(): Promise<void> {
    if (this.#marker === null) return;
    const how = await this.#marks.isAlone() ? "alone" : "both";
    await this.#marks.writeInside(this.#marker, how);
  }

  async #note(change: Partial<FillMarker>): Promise<void> {
    if (this.#marker === null) return;
    this.#marker = { ...this.#marker, ...change };
    await this.#marks.write(this.#marker);
  }

  /** The program has ended well, but the instance is not set up yet. */
  async settle(): Promise<void> {
    const binding = this.#marker?.binding ?? null;
    if (binding === null) return;
    const real = await realDirectory(this.#path);
    const directory = await identityOf(real);
    const anchor = await identityOf(join(real, "global"));
    await this.#note({ binding: { ...binding, directory, anchor } });
    // A backup that post_bootstrap makes must not have it.
    if (!await this.#marks.isAlone()) await this.#marks.removeInside();
  }

  /** The directory is whole. */
  async done(): Promise<void> {
    this.#marker = null;
    await this.#marks.remove();
  }

  /** Removes what the program that just failed had written. */
  async discard(): Promise<void> {
    if (this.#marker === null) return;
    await endLeftoverProgram(this.#context, this.#marks);
    const real = await realDirectory(this.#path);
    await removeContent(real);
    // A link's target stays, and so does what is not empty.
    if (this.#isMade) await Deno.remove(this.#path).catch(() => {});
    await this.#outside.remove(this.folders);
    await this.done();
  }

  /**
   * The directory is empty, but a copy that was cut may have filled folders
   * outside. In the very directory that it began in they are surely its own;
   * if that was taken away, somebody may want them.
   */
  async #clearLeftFolders(
    left: JudgedMarker | null,
    real: string,
  ): Promise<void> {
    const binding = left?.marker.binding ?? null;
    if (binding === null || left?.verdict === "other") return;
    const { directory, folders } = binding;
    if (isSameFile(directory, await identityOf(real))) {
      return await this.#outside.remove(folders);
    }
    for (const folder of folders) {
      await this.#outside.move(folder, await serverNames(folder));
    }
  }

  /** initdb and pg_basebackup want it really empty, and to be there if it is a link's target. */
  async #makeReady(real: string, names: readonly string[]): Promise<void> {
    const foreign = names.filter((name) =>
      name !== "lost+found" && isInsignificant(name) && name !== MARK_INSIDE
    ).filter((name) => !name.startsWith(".matriarch-incomplete"));
    if (foreign.length > 0) {
      const to = await freeName(real, "aside");
      try {
        await moveEntries(real, foreign, to);
        this.#context.log.warning(
          `Moved ${foreign.join(", ")} of ${this.#path} to ${to}`,
        );
      } catch {
        // The program will say that it is not empty.
        await Deno.remove(to).catch(() => {});
      }
    }
    if (real !== this.#path) await this.#makeTarget(real);
    try {
      await Deno.mkdir(real, { recursive: true, mode: 0o700 });
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    }
  }

  /** Of a link; its parent has to be there: it may be a disk that is not mounted. */
  async #makeTarget(real: string): Promise<void> {
    const link = await Deno.lstat(this.#path).catch(() => null);
    if (link?.isSymlink !== true || await identityOf(real) !== null) return;
    await Deno.mkdir(real, { mode: 0o700 });
  }
}

/** The mark inside goes last: what is left until then is known to be ours. */
export async function removeContent(path: string): Promise<void> {
  for (const name of await namesIn(path)) {
    if (name === "lost+found" || name === MARK_INSIDE) continue;
    await removeIfPresent(join(path, name));
  }
  await removeIfPresent(join(path, MARK_INSIDE));
}
