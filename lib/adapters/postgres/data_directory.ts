/**
 * The data directory as a whole: whether it is empty, usable or half-made, and
 * how it is emptied or moved out of the way.
 *
 * Whoever fills it (initdb, pg_basebackup, pg_rewind) first leaves a marker
 * beside it, because a crash in the middle can leave a directory that PostgreSQL
 * would start and that is wrong all the same.
 */
import { basename, dirname, join } from "node:path";
import { PostgresError } from "../../ports/errors.ts";
import {
  exists,
  isMissing,
  readTextOrNull,
  removeIfPresent,
  writeAtomically,
} from "./files.ts";
import type { PostgresContext } from "./options.ts";
import { pidsWithEnvironment, processFacts, sendSignal } from "./processes.ts";

/** What a look at the directory shows. */
export type DirectoryState =
  | { readonly kind: "empty" }
  | { readonly kind: "not_accessible"; readonly detail: string }
  /** Filled by us, but not to the end: may be thrown away. */
  | { readonly kind: "half_made"; readonly detail: string }
  /** A pg_rewind did not end: may be thrown away for a new copy. */
  | { readonly kind: "half_rewound"; readonly detail: string }
  /** Not PostgreSQL's, or damaged: only its owner may throw it away. */
  | { readonly kind: "invalid_system_id"; readonly detail: string }
  | { readonly kind: "filled" };

/** Writing by the group, anything by others. */
const FORBIDDEN_RIGHTS = 0o027;
const MARKER_INSIDE = ".matriarch-incomplete";
/** By this its programs are found, however long their parents are dead. */
const FILLER_VARIABLE = "MATRIARCH_FILLS";

/** The data directory of one instance. */
export class DataDirectory {
  readonly #context: PostgresContext;

  constructor(context: PostgresContext) {
    this.#context = context;
  }

  get #path(): string {
    return this.#context.options.dataDir;
  }

  /** What programs that fill the directory must have in their environment. */
  get fillerEnv(): Readonly<Record<string, string>> {
    return { [FILLER_VARIABLE]: this.#path };
  }

  /** Beside the directory, because initdb and pg_basebackup want it empty. */
  get #markerPath(): string {
    const path = this.#path.replace(/(?<!\/)\/+$/, "");
    return join(dirname(path), `.${basename(path)}${MARKER_INSIDE}`);
  }

  /** A few system calls; called every cycle. */
  async look(): Promise<DirectoryState> {
    try {
      const marker = await readTextOrNull(this.#markerPath) ??
        await readTextOrNull(join(this.#path, MARKER_INSIDE));
      if (await this.#isEmpty()) return { kind: "empty" };
      if (marker !== null) {
        const what = firstLine(marker);
        const kind = what === "rewind" ? "half_rewound" : "half_made";
        return { kind, detail: `unfinished: ${what}` };
      }
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

  /** Absent, or nothing but dot-files and lost+found. */
  async #isEmpty(): Promise<boolean> {
    try {
      for await (const { name } of Deno.readDir(this.#path)) {
        if (!name.startsWith(".") && name !== "lost+found") return false;
      }
      return true;
    } catch (error) {
      if (isMissing(error)) return true;
      throw error;
    }
  }

  /**
   * Says on disk that `what` is going on in the directory. Call it before the
   * program is started as well: an agent may die before it knows the pid.
   */
  async mark(what: string, pid: number | null = null): Promise<void> {
    const facts = pid === null ? null : await processFacts(pid);
    const text = `${what}\n${facts?.pid ?? 0} ${facts?.startTicks ?? 0}\n`;
    try {
      // PostgreSQL's programs make missing parents too.
      await Deno.mkdir(dirname(this.#markerPath), { recursive: true });
      await writeAtomically(this.#markerPath, text);
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
      // The parent is not ours (a mount point): the marker has to go inside,
      // as soon as the program that wanted it empty has begun to fill it.
      await this.#markInside(text, pid);
    }
  }

  async #markInside(text: string, pid: number | null): Promise<void> {
    const { clock } = this.#context;
    while (
      pid !== null && await this.#isEmpty() && await processFacts(pid) !== null
    ) {
      await clock.sleep(10);
    }
    if (await this.#isEmpty()) return;
    await writeAtomically(join(this.#path, MARKER_INSIDE), text);
  }

  /** The directory is whole. */
  async unmark(): Promise<void> {
    for (const path of [join(this.#path, MARKER_INSIDE), this.#markerPath]) {
      await removeIfPresent(path);
      await removeDrafts(path);
    }
  }

  /**
   * Ends the program that an agent before us left filling the directory, and
   * whatever that program had started.
   */
  async endLeftoverProgram(): Promise<void> {
    const marker = await readTextOrNull(this.#markerPath) ??
      await readTextOrNull(join(this.#path, MARKER_INSIDE));
    const [pid, startTicks] = (marker?.split("\n")[1] ?? "").split(" ")
      .map(Number);
    if (pid && startTicks) {
      while ((await processFacts(pid))?.startTicks === startTicks) {
        sendSignal(-pid, "SIGKILL");
        await this.#context.clock.sleep(20);
      }
    }
    const entry = `${FILLER_VARIABLE}=${this.#path}`;
    for (;;) {
      const left = await pidsWithEnvironment(entry);
      if (left.length === 0) return;
      for (const each of left) sendSignal(each, "SIGKILL");
      await this.#context.clock.sleep(20);
    }
  }

  /**
   * Removes all content: the directory itself stays (it may be a mount point).
   * What pg_wal and the tablespace links point to is emptied as well.
   */
  async clear(): Promise<void> {
    await this.endLeftoverProgram();
    try {
      if (!await this.#isEmpty()) await this.mark("removal");
      await removeContent(join(this.#path, "pg_wal"));
      for (const link of await names(join(this.#path, "pg_tblspc"))) {
        await removeTablespace(join(this.#path, "pg_tblspc", link));
      }
      await removeContent(this.#path);
      await this.unmark();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PostgresError(`Cannot empty ${this.#path}: ${why}`, { cause });
    }
  }

  /**
   * Moves the content to `<dir>.failed`, replacing what is there.
   *
   * @returns Where it is; null if there was none, or if it had to be removed.
   */
  async moveAway(): Promise<string | null> {
    await this.endLeftoverProgram();
    const target = `${this.#path.replace(/(?<!\/)\/+$/, "")}.failed`;
    if (await this.#isEmpty()) {
      await this.unmark();
      return null;
    }
    try {
      await removeIfPresent(target);
      await Deno.rename(this.#path, target);
    } catch {
      // A mount point, or a parent that is not ours: nothing to move it to.
      await this.clear();
      return null;
    }
    await this.unmark();
    return target;
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

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

async function names(path: string): Promise<readonly string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(path))).map((e) => e.name);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function removeContent(path: string): Promise<void> {
  for (const name of await names(path)) {
    if (name !== "lost+found") await removeIfPresent(join(path, name));
  }
}

/** A tablespace's location may hold other people's files: only ours go. */
async function removeTablespace(link: string): Promise<void> {
  for (const name of await names(link)) {
    if (name.startsWith("PG_")) await removeIfPresent(join(link, name));
  }
}

/** An agent that died while it wrote a marker left its draft. */
async function removeDrafts(marker: string): Promise<void> {
  const parent = dirname(marker);
  const start = `${basename(marker)}.`;
  try {
    for await (const { name } of Deno.readDir(parent)) {
      if (name.startsWith(start)) await removeIfPresent(join(parent, name));
    }
  } catch (error) {
    // Where nobody may look, nobody could write one.
    const isClosed = error instanceof Deno.errors.PermissionDenied;
    if (!isClosed && !isMissing(error)) throw error;
  }
}
