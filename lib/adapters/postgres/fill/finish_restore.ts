/**
 * Runs a recovery that somebody prepared, by PostgreSQL's own rules. Where that
 * ends in a primary, nobody can connect to it: it is taken down at once, and
 * becomes a primary again only with the leader key in hand.
 *
 * Source: PostgreSQL 17 manual, "Recovery Target", recovery_target_action.
 */
import { CancelledError, PostgresError } from "../../../ports/errors.ts";
import type { StartResult, StopOptions } from "../../../ports/postgres.ts";
import type { RestoreView } from "../../../core/model/restore.ts";
import type { ControlFile } from "../directory/control_data.ts";
import { removeIfPresent, writeAtomically } from "../directory/files.ts";
import { withMinimums } from "../settings/hot_standby.ts";
import type { LocalSession } from "../session/local_session.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import type { RestoredBackup } from "./restored_backup.ts";
import { configPath } from "../settings/config_paths.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { writeSignal } from "../directory/signal_files.ts";

/** What it works with. */
export interface FinishRestoreTools {
  readonly backup: RestoredBackup;
  readonly control: ControlFile;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  /** Starts with the files as they are, for as long as it takes. */
  readonly launch: (
    commandLine: Readonly<Record<string, string>>,
  ) => Promise<StartResult>;
  /** Asks the running server. */
  readonly session: LocalSession;
  readonly signal: AbortSignal;
  readonly stop: (options: StopOptions) => Promise<unknown>;
}

const NOBODY = "local all all reject\nhost all all all reject\n" +
  "local replication all reject\nhost replication all all reject\n";

const POLL_MS = 250;
const ENDED = "PostgreSQL ended during the recovery";
const QUERY_LIMIT_MS = 3_000;

const STOP: Omit<StopOptions, "isCheckpointFirst"> = {
  mode: "fast",
  escalateAfterMs: null,
  onShutdownCheckpoint: null,
};

/**
 * See the port.
 *
 * @throws {PostgresError} If PostgreSQL ended before the target.
 * @throws {CancelledError} If the signal was aborted; it is down then.
 */
export async function finishRestore(
  context: PostgresContext,
  tools: FinishRestoreTools,
): Promise<void> {
  const restore = await tools.backup.look();
  const recovery = await tools.backup.settings();
  if (restore === null || recovery === null) {
    throw new PostgresError("No restored backup waits for its recovery");
  }
  // The same in the generated file: another setting of an included one would win.
  await tools.wanted.change({ recovery });
  await tools.files.writeOwn();
  context.log.info(`Recovering the restored backup: ${restore.target}`, {
    action: restore.action,
  });
  try {
    if (restore.action === "pause") await untilPaused(context, tools, restore);
    else await hidden(context, tools, restore);
  } catch (error) {
    if (error instanceof CancelledError) {
      await tools.stop({ ...STOP, isCheckpointFirst: false });
    }
    throw error;
  }
}

/** As a standby: with at least what its primary had. */
async function commandLineOf(
  context: PostgresContext,
  { files, control }: FinishRestoreTools,
): Promise<Readonly<Record<string, string>>> {
  const own = await files.commandLine();
  return withMinimums(own, await control.read(), context.log).commandLine;
}

/** Until then PostgreSQL may still find that the WAL ends before the target. */
async function untilPaused(
  context: PostgresContext,
  tools: FinishRestoreTools,
  restore: RestoreView,
): Promise<void> {
  const result = await tools.launch(await commandLineOf(context, tools));
  if (result.kind === "failed") throw failure(restore, result.detail);
  const isUp = await untilIt(context, tools, () => isPaused(tools));
  if (!isUp) throw failure(restore, ENDED);
}

/** False: PostgreSQL ended before. */
async function untilIt(
  context: PostgresContext,
  { signal }: FinishRestoreTools,
  isTrue: () => Promise<boolean>,
): Promise<boolean> {
  while (!await isTrue()) {
    if (await livePostmaster(context) === null) return await isTrue();
    await context.clock.sleep(POLL_MS, signal);
    if (signal.aborted) throw new CancelledError("Restore was cancelled");
  }
  return true;
}

/** Also if somebody resumed it meanwhile; false while the server does not answer. */
async function isPaused({ session }: FinishRestoreTools): Promise<boolean> {
  try {
    const [row] = await session.sql((query) =>
      query(
        "SELECT CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() " +
          "ELSE true END AS is_paused",
        QUERY_LIMIT_MS,
      )
    );
    return row?.["is_paused"] === true;
  } catch {
    return false;
  }
}

async function hidden(
  context: PostgresContext,
  tools: FinishRestoreTools,
  restore: RestoreView,
): Promise<void> {
  const { files, wanted, control } = tools;
  const hba = `${configPath(context.options, "pg_hba.conf")}.restore`;
  await writeAtomically(hba, NOBODY);
  try {
    const result = await tools.launch({
      ...await commandLineOf(context, tools),
      hba_file: hba,
      hot_standby: "off",
    });
    // Without hot standby it counts as started long before it is there.
    const isUp = result.kind !== "failed" && await untilIt(
      context,
      tools,
      async () => await control.state() === "in production",
    );
    const isDownInOrder = !isUp && restore.action === "shutdown" &&
      await control.state() === "shut down in recovery";
    if (isDownInOrder) {
      return context.log.info(`PostgreSQL shut down at ${restore.target}`);
    }
    if (!isUp) {
      throw failure(restore, result.kind === "failed" ? result.detail : ENDED);
    }
    await tools.stop({ ...STOP, isCheckpointFirst: false });
    context.log.info(`The recovery ended at ${restore.target}`);
    await wanted.change({ recovery: null });
    await writeSignal(context, "none");
    await files.write();
  } finally {
    await removeIfPresent(hba);
  }
}

function failure({ target }: RestoreView, detail: string): PostgresError {
  return new PostgresError(
    `The recovery of the restored backup did not reach ${target}: ${detail}. ` +
      "Either the WAL in the archive ends before that, or restore_command " +
      "fails; PostgreSQL's log says which",
  );
}
