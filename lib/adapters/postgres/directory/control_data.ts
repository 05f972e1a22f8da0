/**
 * pg_control: what pg_controldata prints, and the one number that is read from
 * the file directly because a stop polls it.
 */
import { join } from "node:path";
import { type Lsn, parseLsn } from "../../../core/base/units.ts";
import type {
  ControlData,
  ControlState,
} from "../../../core/model/postgres_view.ts";
import type { PostgresContext } from "../options.ts";
import { lastLines, programPath, run } from "../process/programs.ts";
import { errorText } from "../session/sql.ts";

const STATES: readonly ControlState[] = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
];

/** On a machine that is overloaded or has no memory left it takes its time. */
const LOOK_MS_MAX = 3_000;

/** Offset of the field `state` (an int) in ControlFileData since version 11. */
const STATE_OFFSET = 16;

/**
 * Reads what pg_controldata says in English; null if it has no valid system
 * identifier.
 *
 * Source: PostgreSQL 17 `pg_controldata.c`, main.
 */
export function parseControlData(output: string): ControlData | null {
  const fields = new Map<string, string>();
  for (const line of output.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) {
      fields.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    }
  }
  const systemId = fields.get("Database system identifier") ?? "";
  const checkpointLsn = parseLsn(
    fields.get("Latest checkpoint location") ?? "",
  );
  if (!/^[1-9]\d*$/.test(systemId) || checkpointLsn === null) return null;
  const endTimeline = Number(
    fields.get("Min recovery ending loc's timeline") ?? 0,
  );
  return {
    systemId,
    state: controlState(fields.get("Database cluster state") ?? ""),
    timeline: Number(fields.get("Latest checkpoint's TimeLineID") ?? 0),
    checkpointLsn,
    minRecoveryEndLsn: nonZeroLsn(
      fields.get("Minimum recovery ending location"),
    ),
    minRecoveryEndTimeline: endTimeline === 0 ? null : endTimeline,
    hasChecksums: Number(fields.get("Data page checksum version") ?? 0) > 0,
    hasWalLogHints: fields.get("wal_log_hints setting") === "on",
    settings: numericSettings(fields),
  };
}

function controlState(text: string): ControlState {
  return STATES.find((state) => state === text) ?? "unrecognized";
}

function nonZeroLsn(text: string | undefined): Lsn | null {
  const value = parseLsn(text ?? "");
  return value === 0n ? null : value;
}

function numericSettings(
  fields: ReadonlyMap<string, string>,
): Readonly<Record<string, number>> {
  const settings: Record<string, number> = {};
  for (const [label, value] of fields) {
    if (/^\d+$/.test(value) && Number.isSafeInteger(Number(value))) {
      settings[label] = Number(value);
    }
  }
  return settings;
}

/** What a look at pg_control shows. */
export type ControlLook =
  | { readonly kind: "read"; readonly data: ControlData }
  /** It is damaged, or no file of PostgreSQL's. */
  | { readonly kind: "invalid" }
  /** Nothing is known of it: the program did not come to its end. */
  | { readonly kind: "silent"; readonly detail: string };

/** pg_controldata ends so when it has looked, and can make nothing of the file. */
const EXIT_UNREADABLE = 1;

/** Reads pg_control, by pg_controldata, again only when the file changed. */
export class ControlFile {
  readonly #context: PostgresContext;
  #cached: { readonly key: string; readonly look: ControlLook } | null = null;

  constructor(context: PostgresContext) {
    this.#context = context;
  }

  /** Null without a readable, valid file. */
  async read(): Promise<ControlData | null> {
    return dataOf(await this.look());
  }

  /** As `read`, but never from the cache. */
  async readNow(): Promise<ControlData | null> {
    return dataOf(await this.#lookNow());
  }

  /** Says as well why nothing was read. */
  async look(): Promise<ControlLook> {
    const key = await this.#key();
    if (key === null) return { kind: "invalid" };
    if (this.#cached?.key === key) return this.#cached.look;
    const look = await this.#lookNow();
    // A file still young may change again within the clock's granularity.
    const isLasting = look.kind !== "silent" && await this.#isSettled();
    if (isLasting) this.#cached = { key, look };
    return look;
  }

  async #lookNow(): Promise<ControlLook> {
    try {
      const { code, stdout, stderr } = await run({
        command: programPath(this.#context, "pg_controldata"),
        output: "parsed",
        args: [this.#context.options.dataDir],
        signal: AbortSignal.timeout(LOOK_MS_MAX),
      });
      if (code !== 0 && code !== EXIT_UNREADABLE) {
        const detail = `exit code ${code} ${lastLines(stderr)}`.trim();
        return { kind: "silent", detail };
      }
      const data = code === 0 ? parseControlData(stdout) : null;
      return data === null ? { kind: "invalid" } : { kind: "read", data };
    } catch (error) {
      return { kind: "silent", detail: errorText(error) };
    }
  }

  /** The state alone, read from the file itself: cheap enough to be polled. */
  async state(): Promise<ControlState> {
    try {
      const bytes = await Deno.readFile(this.#path());
      const [state] = new Int32Array(
        bytes.buffer.slice(STATE_OFFSET, STATE_OFFSET + 4),
      );
      return STATES[state ?? -1] ?? "unrecognized";
    } catch {
      return "unrecognized";
    }
  }

  #path(): string {
    return join(this.#context.options.dataDir, "global", "pg_control");
  }

  async #key(): Promise<string | null> {
    try {
      const { mtime, size, ino } = await Deno.stat(this.#path());
      return `${this.#path()} ${mtime?.getTime()} ${size} ${ino}`;
    } catch {
      return null;
    }
  }

  async #isSettled(): Promise<boolean> {
    const { mtime } = await Deno.stat(this.#path()).catch(() => ({
      mtime: null,
    }));
    const ageMs = this.#context.clock.wallTimeMs() - (mtime?.getTime() ?? 0);
    return mtime !== null && ageMs > 100;
  }
}

function dataOf(look: ControlLook): ControlData | null {
  return look.kind === "read" ? look.data : null;
}
