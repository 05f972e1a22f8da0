/**
 * Crash recovery without a server that anybody can connect to: what a killed
 * primary replays before pg_rewind may look at it. pg_rewind can do that too, but
 * only with the settings that stand in the data directory, and without a word.
 *
 * Source: docs/contract/ha.md 4.6 and 16.3; PostgreSQL 17 manual, "postgres", single-user
 * mode.
 */
import { join } from "node:path";
import type { ControlState } from "../../../core/model/postgres_view.ts";
import { PostgresError } from "../../../ports/errors.ts";
import type { ControlFile } from "../directory/control_data.ts";
import { exists } from "../directory/files.ts";
import type { PostgresContext } from "../options.ts";
import { lastLines, programPath, run } from "../process/programs.ts";
import { configPath } from "../settings/config_paths.ts";
import type { ConfigFiles } from "../settings/config_files.ts";

const CRASHED: readonly (ControlState | undefined)[] = [
  "in production",
  "in crash recovery",
  "shutting down",
];

/** What it works with. */
export interface CrashRecoveryTools {
  readonly control: ControlFile;
  readonly files: ConfigFiles;
}

/**
 * Replays what a crash left, and shuts down in order. Does nothing to an
 * instance that was shut down, was a standby, or is a restored backup. No signal
 * file may be there.
 *
 * @throws {PostgresError} If the server refused.
 */
export async function recoverAlone(
  context: PostgresContext,
  { control, files }: CrashRecoveryTools,
  signal: AbortSignal,
): Promise<void> {
  const { dataDir } = context.options;
  const state = (await control.readNow())?.state;
  if (!CRASHED.includes(state)) return;
  if (await exists(join(dataDir, "backup_label"))) return;
  context.log.info("doing crash recovery in a single user mode", { state });
  const parameters = {
    ...await files.commandLine(),
    // pg_rewind reads the WAL from the fork on: nothing of it may be recycled.
    archive_mode: "on",
    archive_command: "false",
  };
  const { code, stderr } = await run({
    command: programPath(context, "postgres"),
    args: [
      "--single",
      "-D",
      dataDir,
      `--config-file=${configPath(context.options, "settings")}`,
      ...Object.entries(parameters).map(([name, value]) =>
        `--${name}=${value}`
      ),
      "template1",
    ],
    signal,
  });
  if (code === 0) return;
  throw new PostgresError(`Crash recovery failed: ${lastLines(stderr)}`);
}
