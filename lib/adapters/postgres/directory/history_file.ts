/** Timeline history files in the WAL directory. */
import { join } from "node:path";
import { isoFormat } from "../../../patroni/python_time.ts";
import { PostgresError } from "../../../ports/errors.ts";
import { isMissing } from "./files.ts";

/** One history file. */
export interface HistoryFile {
  readonly text: string;
  /** ISO 8601 with the local zone's offset. */
  readonly modifiedAt: string;
}

/**
 * The history of `timeline`; null if there is no such file.
 *
 * @throws {PostgresError} If it cannot be read.
 */
export async function readHistory(
  dataDir: string,
  timeline: number,
): Promise<HistoryFile | null> {
  const name = timeline.toString(16).toUpperCase().padStart(8, "0");
  const path = join(dataDir, "pg_wal", `${name}.history`);
  try {
    const text = await Deno.readTextFile(path);
    const { mtime } = await Deno.stat(path);
    return { text, modifiedAt: isoFormat(mtime ?? new Date(0)) };
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw new PostgresError(`Cannot read ${path}`, { cause });
  }
}
