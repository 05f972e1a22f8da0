/** Pauses and resumes PgBouncers by their admin consoles. */
import type { Log } from "../../ports/log.ts";
import type { Poolers } from "../../ports/poolers.ts";
import { callConsole, type ConsoleAnswer } from "./admin_console.ts";
import { PauseMark } from "./pause_mark.ts";

/** A console answers at once, but for PAUSE. */
const CALL_MS = 2_000;
/** Who has nothing to resume says so. Source: PgBouncer 1.18 and 1.24, `admin.c`. */
const NOT_PAUSED = /not (?:paused|suspended)/;

/** Which PgBouncers, and for how long. */
export interface PgbouncerOptions {
  /** URLs of the admin consoles. */
  readonly admins: readonly string[];
  /** Databases of theirs that lead to this cluster; empty: all. */
  readonly databases: readonly string[];
  readonly pauseTimeoutMs: number;
  readonly pauseMsMax: number;
}

/** What it is made of. */
interface PgbouncerParts {
  readonly log: Pick<Log, "info" | "warning">;
  readonly dataDir: string;
  /** In force; replaced by a reload. */
  readonly options: () => PgbouncerOptions;
}

/** The PgBouncers of a configuration. */
export class PgbouncerPoolers implements Poolers {
  readonly #log: Pick<Log, "info" | "warning">;
  readonly #mark: PauseMark;
  readonly #options: () => PgbouncerOptions;

  constructor({ log, dataDir, options }: PgbouncerParts) {
    this.#log = log;
    this.#mark = new PauseMark(dataDir);
    this.#options = options;
  }

  get pauseMsMax(): number {
    return this.#options().pauseMsMax;
  }

  async pause(signal: AbortSignal): Promise<void> {
    const { admins } = this.#options();
    if (admins.length === 0) return;
    try {
      await this.#mark.set();
    } catch (error) {
      this.#log.warning(
        `PgBouncer is not paused, because nobody would know it after a crash: ${
          String(error)
        }`,
      );
      return;
    }
    await Promise.all(admins.map((admin) => this.#pauseOne(admin, signal)));
  }

  async resume(): Promise<boolean> {
    const { admins } = this.#options();
    const results = await Promise.all(
      admins.map((admin) => this.#resumeOne(admin)),
    );
    const isEach = results.every((isResumed) => isResumed);
    if (isEach) await this.#mark.clear();
    return isEach;
  }

  wasLeftPaused(): Promise<boolean> {
    return this.#mark.isSet();
  }

  async #pauseOne(admin: string, signal: AbortSignal): Promise<void> {
    const { pauseTimeoutMs } = this.#options();
    const answers = await this.#callEach(admin, "PAUSE", {
      limitMs: pauseTimeoutMs,
      signal,
    });
    const failed = answers.find(({ kind }) => kind !== "done");
    if (failed === undefined || failed.kind === "done") {
      this.#log.info(`PgBouncer at ${placeOf(admin)} is paused`);
      return;
    }
    this.#log.warning(
      `PgBouncer at ${placeOf(admin)} was not paused within ` +
        `${pauseTimeoutMs / 1000} s, its clients may see errors: ` +
        failed.detail,
    );
    await this.#resumeOne(admin);
    // Sessions that did not end go on; their connections are not used again.
    await this.#callEach(admin, "RECONNECT", { limitMs: CALL_MS });
  }

  async #resumeOne(admin: string): Promise<boolean> {
    const answers = await this.#callEach(admin, "RESUME", { limitMs: CALL_MS });
    const isDone = (one: ConsoleAnswer): boolean =>
      one.kind === "done" || NOT_PAUSED.test(one.detail);
    const failed = answers.find((one) => !isDone(one));
    const place = placeOf(admin);
    if (failed !== undefined && failed.kind !== "done") {
      this.#log.warning(
        `Cannot resume PgBouncer at ${place}: ${failed.detail}`,
      );
    } else if (answers.some(({ kind }) => kind === "done")) {
      this.#log.info(`PgBouncer at ${place} goes on`);
    }
    return failed === undefined;
  }

  #callEach(
    admin: string,
    verb: "PAUSE" | "RESUME" | "RECONNECT",
    limits: { readonly limitMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly ConsoleAnswer[]> {
    const { databases } = this.#options();
    const commands = databases.length === 0
      ? [verb]
      : databases.map((name) => `${verb} "${name.replaceAll('"', '""')}"`);
    return Promise.all(
      commands.map((command) => callConsole({ admin, command, ...limits })),
    );
  }
}

/** Without user and password. */
function placeOf(admin: string): string {
  return URL.parse(admin)?.host ?? "an unreadable address";
}
