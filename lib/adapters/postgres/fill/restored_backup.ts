/**
 * Finds a recovery that somebody prepared in the data directory: a signal file
 * that is not the agent's, and a target. The settings may stand in any file that
 * PostgreSQL reads, so PostgreSQL is asked for them.
 *
 * Source: PostgreSQL 17 manual, "Archive Recovery" and "Recovery Target".
 */
import { join } from "node:path";
import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";
import type { RestoreView } from "../../../core/model/restore.ts";
import { PostgresError } from "../../../ports/errors.ts";
import { exists } from "../directory/files.ts";
import type { PostgresContext } from "../options.ts";
import { livePostmaster } from "../process/pid_file.ts";
import { programPath, run } from "../process/programs.ts";
import {
  knownRecoverySettings,
  type RecoverySettings,
} from "../settings/recovery.ts";
import { configPath } from "../settings/config_paths.ts";
import { majorVersion } from "../process/version.ts";

const STOPS = [
  "recovery_target",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_xid",
];
const READ_LIMIT_MS = 5_000;

/** Finds a recovery that somebody else prepared in the data directory. */
export class RestoredBackup {
  readonly #context: PostgresContext;
  #read: { readonly key: string; readonly settings: RecoverySettings | null } =
    { key: "", settings: null };

  constructor(context: PostgresContext) {
    this.#context = context;
  }

  /** Null: none waits, as nearly always; that takes a look at two files. */
  async look(): Promise<RestoreView | null> {
    if (!await this.#hasForeignSignal()) return null;
    const settings = await this.settings();
    if (settings === null) {
      return { target: "", action: "pause", problem: "settings_unreadable" };
    }
    const target = targetOf(settings);
    if (target === null) return null;
    const hasCommand = Boolean(settings["restore_command"]);
    return {
      target,
      action: actionOf(settings),
      problem: hasCommand ? null : "no_restore_command",
    };
  }

  /**
   * `recovery.signal` is never left by the agent in a finished directory. Its own
   * `standby.signal` comes with settings without a target, but somebody else's,
   * in a backup that was not started yet, may have one.
   */
  async #hasForeignSignal(): Promise<boolean> {
    const there = (name: string) =>
      exists(join(this.#context.options.dataDir, name));
    if (await there("standby.signal")) return await there("backup_label");
    return await there("recovery.signal");
  }

  /**
   * The last line before its settings would be lost.
   *
   * @throws {PostgresError} If one waits: such data never starts like any other.
   */
  async mustNotWait(): Promise<void> {
    const restore = await this.look();
    if (restore === null || await livePostmaster(this.#context) !== null) {
      return;
    }
    throw new PostgresError(
      `A restored backup waits for its recovery: ${restore.target}`,
    );
  }

  /** The recovery settings that PostgreSQL would start with; null: it cannot read them. */
  async settings(): Promise<RecoverySettings | null> {
    const paths = this.#paths();
    const stamps = await Promise.all(paths.map(stampOf));
    const key = JSON.stringify([paths, stamps]);
    if (this.#read.key !== key) {
      this.#read = { key, settings: await this.#ask() };
    }
    return this.#read.settings;
  }

  #paths(): readonly string[] {
    return [
      configPath(this.#context.options, "settings"),
      configPath(this.#context.options, "base"),
      join(this.#context.options.dataDir, "postgresql.auto.conf"),
    ];
  }

  async #ask(): Promise<RecoverySettings | null> {
    const names = Object.fromEntries(
      [...RECOVERY_NAMES].map((name) => [name, ""]),
    );
    const major = await majorVersion(this.#context);
    const known = Object.keys(knownRecoverySettings(names, major));
    const values = await Promise.all(known.map((name) => this.#value(name)));
    if (values.includes(null)) return null;
    return Object.fromEntries(
      known.map((name, i) => [name, values[i] ?? ""] as const)
        .filter(([, value]) => value !== ""),
    );
  }

  async #value(name: string): Promise<string | null> {
    const { dataDir } = this.#context.options;
    const [own = "", base = ""] = this.#paths();
    const file = await exists(own)
      ? own
      : await exists(base)
      ? base
      : "/dev/null";
    const { code, stdout } = await run({
      command: programPath(this.#context, "postgres"),
      output: "parsed",
      args: ["-D", dataDir, `--config-file=${file}`, "-C", name],
      signal: AbortSignal.timeout(READ_LIMIT_MS),
    });
    return code === 0 ? stdout.replace(/\n$/, "") : null;
  }
}

async function stampOf(path: string): Promise<string> {
  try {
    const { mtime, size, ino } = await Deno.stat(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "";
  }
}

/** Where the recovery ends; null: with the WAL, on the latest timeline. */
function targetOf(settings: RecoverySettings): string | null {
  const timeline = settings["recovery_target_timeline"] ?? "latest";
  const name = STOPS.find((each) => Boolean(settings[each])) ??
    (timeline === "latest" ? null : "recovery_target_timeline");
  return name === null ? null : `${name} = ${settings[name]}`;
}

/** At the end of the WAL of a timeline there is nothing to wait for. */
function actionOf(settings: RecoverySettings): RestoreView["action"] {
  const hasStop = STOPS.some((name) => Boolean(settings[name]));
  const action = settings["recovery_target_action"];
  if (!hasStop || action === "promote") return "promote";
  return action === "shutdown" ? "shutdown" : "pause";
}
