/**
 * WAL of a stopped instance that its archiver had no time for, or never gets.
 * pg_rewind may remove finished files; whoever restores to a point in time would
 * miss them.
 *
 * Source: docs/contract/ha.md 7 and 16.3; PostgreSQL 17 manual, "archive_command".
 */
import { join } from "node:path";
import type { PostgresContext } from "../options.ts";
import type { ControlFile } from "../directory/control_data.ts";
import { lastLines, programPath, run } from "../process/programs.ts";
import { configPath } from "../settings/config_paths.ts";
import { walFileName } from "../directory/wal_name.ts";

const READ_LIMIT_MS = 5_000;
/** For one file, when nothing else limits it. */
const ARCHIVE_LIMIT_MS = 60_000;
const SEGMENT_BYTES_DEFAULT = 16 * 1024 * 1024;

/**
 * Hands every finished WAL file to `archive_command`. What cannot be archived
 * is told and left to its fate.
 *
 * @param settingsPath The server's postgresql.conf.
 */
export async function archiveReady(
  context: PostgresContext,
  settingsPath: string,
  signal: AbortSignal,
): Promise<void> {
  const files = await readyFiles(context);
  if (files.length === 0) return;
  const command = await archiveCommand(context, settingsPath);
  if (command === null) return;
  const { log, options } = context;
  for (const file of files) {
    if (signal.aborted) return;
    const failure = await archive(context, { command, file, signal });
    if (failure !== null) {
      log.error(
        `Cannot archive ${file} before the rewind, which may remove it: ` +
          failure,
      );
      continue;
    }
    const mark = join(options.dataDir, "pg_wal", "archive_status", file);
    await Deno.rename(`${mark}.ready`, `${mark}.done`);
    log.info(`Archived ${file} before the rewind`);
  }
}

/**
 * Hands the file with the shutdown checkpoint to `archive_command`. A primary
 * archives all before it when it stops, and a standby, which this instance is
 * going to be, archives nothing: without it the archive would end one record too
 * early. What cannot be archived is told.
 */
export async function archiveShutdownWal(
  context: PostgresContext,
  { control }: { readonly control: ControlFile },
  signal: AbortSignal,
): Promise<void> {
  const data = await control.readNow();
  if (data?.state !== "shut down") return;
  const command = await archiveCommand(
    context,
    configPath(context.options, "settings"),
  );
  if (command === null) return;
  const file = walFileName(
    data.timeline,
    data.checkpointLsn,
    data.settings["Bytes per WAL segment"] ?? SEGMENT_BYTES_DEFAULT,
  );
  const limited = AbortSignal.any([
    signal,
    AbortSignal.timeout(ARCHIVE_LIMIT_MS),
  ]);
  const failure = await archive(context, { command, file, signal: limited });
  if (failure === null) context.log.info(`Archived ${file}, the last one`);
  else context.log.error(`Cannot archive ${file}, the last one: ${failure}`);
}

interface ArchiveCall {
  readonly command: string;
  readonly file: string;
  readonly signal: AbortSignal;
}

/** What the command said; null: it is done. */
async function archive(
  { options }: PostgresContext,
  { command, file, signal }: ArchiveCall,
): Promise<string | null> {
  const { code, stderr } = await run({
    command: "sh",
    args: ["-c", `cd "$0" && ${expand(command, file)}`, options.dataDir],
    signal,
  });
  return code === 0 ? null : lastLines(stderr);
}

/** Oldest first. */
async function readyFiles(
  { options }: PostgresContext,
): Promise<readonly string[]> {
  const folder = join(options.dataDir, "pg_wal", "archive_status");
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name.endsWith(".ready")) names.push(name.slice(0, -".ready".length));
  }
  return names.sort();
}

/** Null: WAL is not archived by a command. */
async function archiveCommand(
  context: PostgresContext,
  settingsPath: string,
): Promise<string | null> {
  const mode = await setting(context, settingsPath, "archive_mode");
  if (mode === null || mode === "off") return null;
  const command = await setting(context, settingsPath, "archive_command");
  return command === "" || command === "(disabled)" ? null : command;
}

/** A setting as the server would have it, were it started now; null: it does not say. */
async function setting(
  context: PostgresContext,
  settingsPath: string,
  name: string,
): Promise<string | null> {
  const { code, stdout } = await run({
    command: programPath(context, "postgres"),
    output: "parsed",
    args: [
      "-D",
      context.options.dataDir,
      `--config-file=${settingsPath}`,
      "-C",
      name,
    ],
    signal: AbortSignal.timeout(READ_LIMIT_MS),
  });
  return code === 0 ? stdout.trim() : null;
}

/**
 * `%p` is the file's path from the data directory, `%f` its name, `%%` a percent
 * sign. WAL names need no quotes.
 */
function expand(command: string, file: string): string {
  return command.replace(/%([pf%])/g, (_, letter: string) => {
    if (letter === "%") return "%";
    return letter === "f" ? file : `pg_wal/${file}`;
  });
}
