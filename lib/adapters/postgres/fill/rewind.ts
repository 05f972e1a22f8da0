/**
 * One run of pg_rewind.
 *
 * Source: docs/contract/ha.md 16; PostgreSQL 17 manual, "pg_rewind".
 */
import {
  CancelledError,
  PostgresError,
  RewindNotBegunError,
} from "../../../ports/errors.ts";
import type { PostgresPeer } from "../../../ports/postgres.ts";
import type { ControlFile } from "../directory/control_data.ts";
import { recoverAlone } from "./crash_recovery.ts";
import type { DataDirectory } from "../directory/data_directory.ts";
import { libpqAccess } from "../session/libpq_access.ts";
import type { PostgresContext } from "../options.ts";
import { lastLines, programPath, run } from "../process/programs.ts";
import { archiveReady } from "./ready_wal.ts";
import { configPath } from "../settings/config_paths.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { hasSignal, writeSignal } from "../directory/signal_files.ts";
import { binaryMajor } from "../process/version.ts";

/** Printed right before the first change to the target. */
const CHANGES_BEGIN = "need to copy";

/** What a run of pg_rewind works with. */
export interface RewindTools {
  readonly directory: DataDirectory;
  readonly control: ControlFile;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
}

/** One rewind. */
interface RewindCall {
  readonly source: PostgresPeer;
  readonly signal: AbortSignal;
}

/**
 * Rewinds the stopped instance to `source`, a primary. A run that fails after it
 * changed files leaves the directory marked as unfinished: it must be cloned.
 *
 * @throws {RewindNotBegunError} If pg_rewind could not be prepared.
 * @throws {PostgresError} If it failed.
 */
export async function rewindInstance(
  context: PostgresContext,
  tools: RewindTools,
  call: RewindCall,
): Promise<void> {
  // A server in single-user mode refuses to run as standby.
  const wasStandby = await hasSignal(context);
  await writeSignal(context, "none");
  try {
    await prepare(context, tools, call.signal);
    await runRewind(context, tools, call);
  } finally {
    if (wasStandby) await writeSignal(context, "standby");
  }
}

async function prepare(
  context: PostgresContext,
  tools: RewindTools,
  signal: AbortSignal,
): Promise<void> {
  const path = configPath(context.options, "settings");
  try {
    // First: its checkpoint spares only WAL that is not archived yet.
    await recoverAlone(context, tools, signal);
    await archiveReady(context, path, signal);
  } catch (cause) {
    if (cause instanceof CancelledError) throw cause;
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new RewindNotBegunError(text, { cause });
  }
}

async function runRewind(
  context: PostgresContext,
  tools: RewindTools,
  call: RewindCall,
): Promise<void> {
  const { conninfo, env } = await libpqAccess(context, "rewind", {
    address: call.source,
    more: {
      application_name: "Matriarch",
      ...(call.source.host.includes(",")
        ? { target_session_attrs: "read-write" }
        : {}),
    },
  });
  const args = await rewindArguments(context, tools, conninfo);
  const { filling } = tools.directory;
  let isSafe = true;
  try {
    await filling.beginChange("rewind");
    const { code, stdout, stderr } = await run({
      command: programPath(context, "pg_rewind"),
      output: "parsed",
      args,
      env: { ...env, ...filling.env },
      signal: call.signal,
      onStart: (pid) => {
        isSafe = false;
        return filling.started(pid);
      },
    });
    const output = `${stdout}\n${stderr}`;
    isSafe = code === 0 || !output.includes(CHANGES_BEGIN);
    if (code === 0) return;
    throw new PostgresError(`pg_rewind failed: ${lastLines(output)}`);
  } finally {
    if (isSafe) await filling.done();
  }
}

async function rewindArguments(
  context: PostgresContext,
  { wanted }: RewindTools,
  conninfo: string,
): Promise<readonly string[]> {
  const { options } = context;
  const major = await binaryMajor(context);
  const args = [
    "-D",
    options.dataDir,
    "--source-server",
    conninfo,
    "--progress",
  ];
  const { recoveryConf, rewindOptions } = await wanted.config();
  const isConfigInside = options.configDir === options.dataDir;
  if (major >= 15) {
    args.push(`--config-file=${configPath(options, "settings")}`);
  }
  const hasRestore = Boolean(recoveryConf["restore_command"]);
  if (hasRestore && (isConfigInside || major >= 15)) {
    args.push("--restore-target-wal");
  }
  return [...args, ...rewindOptions];
}
