/** The major version of the data directory and of the programs. */
import { join } from "node:path";
import { PostgresError } from "../../../ports/errors.ts";
import { readTextOrNull } from "../directory/files.ts";
import type { PostgresContext } from "../options.ts";
import { programPath, runOrThrow } from "./programs.ts";

/** Servers of that version end sessions that rest, if told to. Source: PostgreSQL 14 manual, "idle_session_timeout". */
export const IDLE_LIMIT_SINCE = 14;

/** Major version of the data directory, from PG_VERSION; null without one. */
async function dataMajor(
  context: PostgresContext,
): Promise<number | null> {
  const text = await readTextOrNull(
    join(context.options.dataDir, "PG_VERSION"),
  );
  const major = parseInt(text ?? "", 10);
  return Number.isInteger(major) ? major : null;
}

/**
 * Major version of the `postgres` program.
 *
 * @throws {PostgresError} If it cannot be run.
 */
export async function binaryMajor(context: PostgresContext): Promise<number> {
  const { stdout } = await runOrThrow({
    command: programPath(context, "postgres"),
    output: "parsed",
    args: ["--version"],
  });
  const match = /(\d+)(?:\.|\w|$)/.exec(stdout.replace(/^\D*/, ""));
  if (match === null) throw new PostgresError(`Unknown version: ${stdout}`);
  return Number(match[1]);
}

/** Major version of the data directory, else of the programs. */
export async function majorVersion(context: PostgresContext): Promise<number> {
  return await dataMajor(context) ?? await binaryMajor(context);
}
