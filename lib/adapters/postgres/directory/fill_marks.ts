/**
 * Where the marker of unfinished work lies: beside the data directory, because
 * initdb and pg_basebackup want that empty, and as a mark with the same token
 * inside, as soon as there is something. Without rights beside it (a mount point
 * in a folder of somebody else) the mark inside is all there is.
 */
import { basename, dirname, join, resolve } from "node:path";
import { identityOf } from "./file_identity.ts";
import {
  type FillMarker,
  formatMarker,
  judgeMarker,
  parseMarker,
} from "./fill_marker.ts";
import {
  isMissing,
  readTextOrNull,
  removeIfPresent,
  writeAtomically,
} from "./files.ts";
import { namesIn } from "./outside_folders.ts";
import { withoutTrailing } from "../../../core/base/trailing.ts";

/** A plain name: who empties a directory by hand does not leave it behind. */
export const MARK_INSIDE = "matriarch.unfinished";
const MARKER_SUFFIX = ".matriarch-incomplete";
const FOLDERS_SUFFIX = ".matriarch-folders";
const PLEDGE_SUFFIX = ".matriarch-pledge";

/** A marker and what it is worth. */
export interface JudgedMarker {
  readonly marker: FillMarker;
  readonly path: string;
  readonly verdict: ReturnType<typeof judgeMarker>;
}

/** The directory that `path` is or leads to, also if that does not exist. */
export async function realDirectory(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    return resolve(dirname(path), await Deno.readLink(path));
  } catch {
    return resolve(path);
  }
}

/** Whether a name in a data directory is only ours, or nobody's. */
export function isInsignificant(name: string): boolean {
  return name.startsWith(".") || name === "lost+found" || name === MARK_INSIDE;
}

/** Where the folders outside are written down. */
export function foldersPath(directory: string): string {
  return beside(directory, FOLDERS_SUFFIX);
}

/** Where the member writes down what it has promised. */
export function pledgePath(directory: string): string {
  return beside(directory, PLEDGE_SUFFIX);
}

function beside(directory: string, suffix: string): string {
  return join(dirname(directory), `.${basename(directory)}${suffix}`);
}

/** The marks of one data directory. */
export class FillMarks {
  readonly #path: () => string;

  constructor(path: () => string) {
    this.#path = path;
  }

  /** The marker, wherever it lies; null: nothing is unfinished. */
  async read(): Promise<JudgedMarker | null> {
    const real = await realDirectory(this.#path());
    const inside = await readTextOrNull(join(real, MARK_INSIDE));
    for (const path of this.#places(real)) {
      const text = await readTextOrNull(path);
      if (text !== null) return await judged(real, { path, text, inside });
    }
    if (inside === null) return null;
    // Beside nothing lies: it came with a copy of an unfinished directory.
    if (parseMarker(inside).binding?.isAlone !== true) return null;
    const path = join(real, MARK_INSIDE);
    return await judged(real, { path, text: inside, inside });
  }

  /**
   * Writes the marker. Where that is only possible inside, and nothing is there
   * yet, it writes nothing: the directory has to be empty.
   */
  async write(marker: FillMarker): Promise<void> {
    const real = await realDirectory(this.#path());
    const path = beside(real, MARKER_SUFFIX);
    try {
      // PostgreSQL's programs make missing parents too.
      await Deno.mkdir(dirname(path), { recursive: true });
      await writeAtomically(path, formatMarker(marker));
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
      if ((await namesIn(real)).length > 0) {
        await this.writeInside(marker, "alone");
      }
    }
  }

  /** Whether nothing can be written beside the directory. */
  async isAlone(): Promise<boolean> {
    const path = beside(await realDirectory(this.#path()), MARKER_SUFFIX);
    return await readTextOrNull(path) === null;
  }

  async writeInside(marker: FillMarker, how: "alone" | "both"): Promise<void> {
    const real = await realDirectory(this.#path());
    const { binding } = marker;
    const isAlone = how === "alone";
    await writeAtomically(
      join(real, MARK_INSIDE),
      formatMarker({
        ...marker,
        binding: binding === null ? null : { ...binding, isAlone },
      }),
    );
  }

  async removeInside(): Promise<void> {
    const real = await realDirectory(this.#path());
    await removeWithDrafts(join(real, MARK_INSIDE));
    await removeWithDrafts(join(real, MARKER_SUFFIX));
  }

  /** Nothing is unfinished any more. */
  async remove(): Promise<void> {
    await this.removeInside();
    const real = await realDirectory(this.#path());
    for (const path of this.#places(real)) await removeWithDrafts(path);
  }

  /** Older versions wrote beside a link, and under another name inside. */
  #places(real: string): readonly string[] {
    const link = withoutTrailing(this.#path(), "/");
    return [...new Set([real, link])]
      .map((path) => beside(path, MARKER_SUFFIX))
      .concat(join(real, MARKER_SUFFIX));
  }
}

async function judged(
  real: string,
  found: {
    readonly path: string;
    readonly text: string;
    readonly inside: string | null;
  },
): Promise<JudgedMarker> {
  const marker = parseMarker(found.text);
  const verdict = judgeMarker(marker, {
    directory: await identityOf(real),
    anchor: await identityOf(join(real, "global")),
    token: found.inside === null
      ? null
      : parseMarker(found.inside).binding?.token ?? null,
  });
  return { marker, path: found.path, verdict };
}

/** An agent that died while it wrote a marker left its draft. */
async function removeWithDrafts(marker: string): Promise<void> {
  await removeIfPresent(marker);
  const start = `${basename(marker)}.`;
  const isDraft = (name: string): boolean =>
    name.startsWith(start) &&
    /^[0-9a-f-]{1,36}\.new$/.test(name.slice(start.length));
  try {
    for (const name of await namesIn(dirname(marker))) {
      if (isDraft(name)) await removeIfPresent(join(dirname(marker), name));
    }
  } catch (error) {
    // Where nobody may look, nobody could write one.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}
