/**
 * The local instance as a process: its start with the files and the command line
 * that its role needs, its stop with all that has to come before, its promotion.
 */
import type {
  PostgresServer,
  StartMode,
  StartResult,
  StopOptions,
  StopResult,
} from "../../../ports/postgres.ts";
import type { ControlFile } from "../directory/control_data.ts";
import { runBeforeStop, runPrePromote } from "../fill/hooks.ts";
import type { RestoredBackup } from "../fill/restored_backup.ts";
import type { Observer } from "../observer.ts";
import type { PostgresContext } from "../options.ts";
import type { LocalSession } from "../session/local_session.ts";
import { withMinimums } from "../settings/hot_standby.ts";
import { copyConfig } from "../settings/config_copies.ts";
import { configPath } from "../settings/config_paths.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { writeSignal } from "../directory/signal_files.ts";
import type { Standby } from "../standby.ts";
import { livePostmaster } from "./pid_file.ts";
import type { Postmaster } from "./postmaster.ts";
import { receiversBeforeStop } from "./wal_receivers.ts";

/** What a start and a stop work with. */
interface ServerTools {
  readonly backup: RestoredBackup;
  readonly control: ControlFile;
  readonly observer: Observer;
  readonly postmaster: Postmaster;
  readonly session: LocalSession;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  readonly standby: Standby;
}

type CommandLine = Readonly<Record<string, string>>;

/** Starts, stops and promotes the local instance. */
export class LocalServer implements PostgresServer {
  readonly #context: PostgresContext;
  readonly #tools: ServerTools;

  constructor(context: PostgresContext, tools: ServerTools) {
    this.#context = context;
    this.#tools = tools;
  }

  async start(
    mode: StartMode,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<StartResult> {
    const { backup, control, observer, postmaster, files, wanted, standby } =
      this.#tools;
    await backup.mustNotWait();
    await postmaster.endOrphans();
    if (mode.kind === "primary") {
      await wanted.setRole("primary");
      await wanted.change({ recovery: null });
    } else await standby.setUpstream(mode.upstream);
    await files.beginStart();
    await files.write();
    await writeSignal(
      this.#context,
      mode.kind === "primary" ? "none" : "standby",
    );
    const commandLine = await files.commandLine();
    const minimums = mode.kind === "primary"
      ? { commandLine, pending: {} }
      : withMinimums(commandLine, await control.read(), this.#context.log);
    const { pgCtlTimeoutS } = await wanted.config();
    const result = await this.launch(minimums.commandLine, {
      timeoutMs: timeoutMs || pgCtlTimeoutS * 1000,
      signal,
    });
    observer.setStartReasons(minimums.pending);
    return result;
  }

  /** Starts with the files as they are and the given settings besides; for the bootstrap. */
  async startAsIs(
    extra: CommandLine,
    signal: AbortSignal,
  ): Promise<StartResult> {
    const { files, wanted } = this.#tools;
    const commandLine = { ...await files.commandLine(), ...extra };
    const timeoutMs = (await wanted.config()).pgCtlTimeoutS * 1000;
    return await this.launch(commandLine, { timeoutMs, signal });
  }

  /** Starts with the files as they are and this command line. */
  async launch(
    commandLine: CommandLine,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<StartResult> {
    const { postmaster } = this.#tools;
    const result = await postmaster.start({
      ...limits,
      args: [
        `--config-file=${configPath(this.#context.options, "settings")}`,
        ...Object.entries(commandLine).map(([name, value]) =>
          `--${name}=${value}`
        ),
      ],
    });
    if (result.kind === "running") await copyConfig(this.#context);
    return result;
  }

  async stop(options: StopOptions): Promise<StopResult> {
    const { observer, postmaster } = this.#tools;
    const file = await livePostmaster(this.#context);
    const escalateAfterMs = file === null
      ? options.escalateAfterMs
      : await runBeforeStop(this.#context, options);
    const patient = { ...options, escalateAfterMs };
    if (file?.status === "ready" && options.isCheckpointFirst) {
      await this.#tools.session.checkpointBeforeStop(escalateAfterMs);
    }
    const session = file === null ? null : this.#tools.session;
    const receivers = await receiversBeforeStop(session, patient);
    await observer.close();
    return await postmaster.stop(patient, receivers);
  }

  async prePromote(signal: AbortSignal): Promise<boolean> {
    return await runPrePromote(this.#context, signal);
  }

  async promote(timeoutMs: number, signal: AbortSignal): Promise<void> {
    // The recovery settings stay in the file until the next start, unused.
    await this.#tools.session.promote(timeoutMs, signal);
  }

  async checkpoint(signal: AbortSignal): Promise<void> {
    await this.#tools.session.checkpoint(signal);
  }
}
