/**
 * The instance on this host: the port's operations, each put together from the
 * parts in this folder. What order the operations go in is decided above.
 */
import type { InstanceRole } from "../../core/model/member.ts";
import type { LocalEnd, UpstreamView } from "../../core/model/peer_view.ts";
import type {
  ControlData,
  PostgresView,
  StandbyChange,
} from "../../core/model/postgres_view.ts";
import { PostgresError } from "../../ports/errors.ts";
import type {
  DynamicPostgresSettings,
  FollowResult,
  Postgres,
  PostgresPeer,
  SlotPlan,
  StartMode,
  StartResult,
  StopOptions,
  StopResult,
} from "../../ports/postgres.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { type CloneCall, cloneReplica } from "./fill/basebackup.ts";
import { Bootstrap } from "./fill/bootstrap.ts";
import {
  endIdleSessions,
  type SessionLimits,
} from "./session/client_sessions.ts";
import { ControlFile } from "./directory/control_data.ts";
import { DataDirectory } from "./directory/data_directory.ts";
import { type HistoryFile, readHistory } from "./directory/history_file.ts";
import { runBeforeStop, runPrePromote } from "./fill/hooks.ts";
import { withMinimums } from "./settings/hot_standby.ts";
import { LocalSession, writeEmptyRecord } from "./session/local_session.ts";
import { Observer, type ObserverTools, Shared } from "./observer.ts";
import type { MutableContext, PostgresOptions } from "./options.ts";
import { livePostmaster, removeStalePidFile } from "./process/pid_file.ts";
import { Postmaster } from "./process/postmaster.ts";
import { warnWithoutRewind } from "./process/programs.ts";
import { archiveShutdownWal } from "./fill/ready_wal.ts";
import { receiversBeforeStop } from "./process/wal_receivers.ts";
import { RestoredBackup } from "./fill/restored_backup.ts";
import { finishRestore } from "./fill/finish_restore.ts";
import { rewindInstance } from "./fill/rewind.ts";
import {
  loadDynamicDocument,
  saveDynamicDocument,
} from "./settings/dynamic_document.ts";
import { SettingsKeeper } from "./settings/settings_keeper.ts";
import { SynchronousNames } from "./settings/synchronous_names.ts";
import { LocalSlots } from "./slots/local_slots.ts";
import { Standby } from "./standby.ts";
import { remoteTarget } from "./session/targets.ts";
import { askUpstream } from "./session/upstream.ts";
import { IDLE_LIMIT_SINCE, majorVersion } from "./process/version.ts";
import { localWalEnd } from "./fill/wal_end.ts";

/** What the adapter gets besides its options. */
interface PostgresDeps {
  readonly clock: Clock;
  readonly log: Log;
}

const CLONE = { kinds: "all", existing: "refused" } as const;
const REPLACE = { kinds: "all", existing: "replaced" } as const;

/** The instance on this host, as the port's operations. */
export class PostgresLocal implements Postgres {
  readonly slots: LocalSlots;
  readonly #context: MutableContext;
  readonly #tools: ObserverTools;
  readonly #session: LocalSession;
  readonly #postmaster: Postmaster;
  readonly #observer: Observer;
  readonly #shared: Shared<PostgresView>;
  readonly #standby: Standby;
  /** The files or the server may still have another role's settings. */
  #isRoleNew = false;

  constructor(options: PostgresOptions, deps: PostgresDeps) {
    this.#context = { options, config: null, ...deps };
    const control = new ControlFile(this.#context);
    const settings = new SettingsKeeper(this.#context);
    this.#session = new LocalSession(this.#context);
    this.#tools = {
      directory: new DataDirectory(this.#context),
      control,
      settings,
      names: new SynchronousNames(this.#context, {
        settings,
        session: this.#session,
        isFilled: () => this.#isOurs(),
        reload: () => this.#reloadServer(),
      }),
      backup: new RestoredBackup(this.#context, settings),
    };
    this.#postmaster = new Postmaster(this.#context, control);
    this.#observer = new Observer(this.#context, this.#tools);
    this.#shared = new Shared(() => this.#observer.observe());
    this.#standby = new Standby(this.#context, {
      settings: this.#tools.settings,
      session: this.#session,
      observer: this.#observer,
      reload: () => this.#reloadServer(),
    });
    this.slots = new LocalSlots(this.#context, {
      settings: this.#tools.settings,
      session: this.#session,
      applyFiles: () => this.#applyFiles(),
    });
  }

  /** The local configuration was reloaded; call it before `reload`. */
  updateOptions(options: PostgresOptions): void {
    this.#context.options = options;
  }

  observe(): Promise<PostgresView> {
    return this.#shared.run();
  }

  async control(): Promise<ControlData | null> {
    return await this.#tools.control.readNow();
  }

  async untilPostmasterEnds(signal: AbortSignal): Promise<void> {
    await this.#postmaster.untilEnd(signal);
  }

  async bootstrap(
    signal: AbortSignal,
  ): Promise<{ readonly systemId: string }> {
    const bootstrap = new Bootstrap(this.#context, {
      ...this.#tools,
      start: (extra) => this.#startServer(extra, signal),
      stop: (options) => this.stop(options),
      reload: () => this.#reloadServer(),
      target: () => this.#session.target(),
    }, signal);
    return { systemId: await bootstrap.run() };
  }

  async finishRestore(signal: AbortSignal): Promise<void> {
    const limits = { timeoutMs: Infinity, signal };
    await finishRestore(this.#context, {
      ...this.#tools,
      ...{ session: this.#session, signal },
      launch: (commandLine) => this.#launch(commandLine, limits),
      stop: (options) => this.stop(options),
    });
  }

  readonly clone: Postgres["clone"] = (source, slotName, signal) =>
    this.#copy({ ...CLONE, source, slotName, signal });

  readonly reinitialize: Postgres["clone"] = (source, slotName, signal) =>
    this.#copy({ ...REPLACE, source, slotName, signal });

  readonly basebackup: Postgres["clone"] = (source, slotName, signal) =>
    this.#copy({ ...REPLACE, kinds: "basebackup", source, slotName, signal });

  async #copy(call: CloneCall): Promise<void> {
    await cloneReplica(this.#context, this.#tools, call);
    this.#tools.settings.forget();
  }

  async start(
    mode: StartMode,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<StartResult> {
    const { settings, control } = this.#tools;
    await this.#tools.backup.mustNotWait();
    await this.#postmaster.endOrphans();
    if (mode.kind === "primary") {
      await settings.setRole("primary");
      await settings.setRecovery(null);
    } else await this.#standby.setUpstream(mode.upstream);
    await settings.beginStart();
    await settings.write();
    await settings.writeSignal(mode.kind === "primary" ? "none" : "standby");
    const commandLine = await settings.commandLine();
    const minimums = mode.kind === "primary"
      ? { commandLine, pending: {} }
      : withMinimums(commandLine, await control.read(), this.#context.log);
    const { pgCtlTimeoutS } = await settings.config();
    const result = await this.#launch(minimums.commandLine, {
      timeoutMs: timeoutMs || pgCtlTimeoutS * 1000,
      signal,
    });
    this.#observer.setStartReasons(minimums.pending);
    return result;
  }

  /** Start with the files as they are; for the bootstrap. */
  async #startServer(
    extra: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<StartResult> {
    const { settings } = this.#tools;
    const commandLine = { ...await settings.commandLine(), ...extra };
    const timeoutMs = (await settings.config()).pgCtlTimeoutS * 1000;
    return await this.#launch(commandLine, { timeoutMs, signal });
  }

  async #launch(
    commandLine: Readonly<Record<string, string>>,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<StartResult> {
    const { settings } = this.#tools;
    const result = await this.#postmaster.start({
      ...limits,
      args: [
        `--config-file=${settings.path("settings")}`,
        ...Object.entries(commandLine).map(([name, value]) =>
          `--${name}=${value}`
        ),
      ],
    });
    if (result.kind === "running") await settings.backup();
    return result;
  }

  async stop(options: StopOptions): Promise<StopResult> {
    const file = await livePostmaster(this.#context);
    const escalateAfterMs = file === null
      ? options.escalateAfterMs
      : await runBeforeStop(this.#context, options);
    const patient = { ...options, escalateAfterMs };
    if (file?.status === "ready" && options.isCheckpointFirst) {
      await this.#session.checkpointBeforeStop(escalateAfterMs);
    }
    const session = file === null ? null : this.#session;
    const receivers = await receiversBeforeStop(session, patient);
    await this.#observer.close();
    return await this.#postmaster.stop(patient, receivers);
  }

  async prePromote(signal: AbortSignal): Promise<boolean> {
    return await runPrePromote(this.#context, signal);
  }

  async promote(timeoutMs: number, signal: AbortSignal): Promise<void> {
    // The recovery settings stay in the file until the next start, unused.
    await this.#session.promote(timeoutMs, signal);
  }

  async follow(upstream: PostgresPeer | null): Promise<FollowResult> {
    return await this.#standby.follow(upstream);
  }

  async standbyChange(upstream: PostgresPeer | null): Promise<StandbyChange> {
    return await this.#standby.change(upstream);
  }

  /**
   * Makes the server itself end sessions that rest for that long outside a
   * transaction; null takes that back. Only the server never hits a transaction
   * that begins in that moment. It holds for sessions that do something once more.
   *
   * @returns False if the server is too old for it.
   *
   * Source: PostgreSQL 14 manual, "idle_session_timeout".
   */
  async limitIdle(limitMs: number | null): Promise<boolean> {
    const { settings } = this.#tools;
    if (await majorVersion(this.#context) < IDLE_LIMIT_SINCE) return false;
    await settings.setIdleLimit(limitMs);
    if (await settings.writeOwn()) await this.#reloadServer();
    return true;
  }

  /** Ends clients' idle sessions; how many are left. */
  async endIdleSessions(limits: SessionLimits): Promise<number> {
    return await this.#session.sql((query) => endIdleSessions(query, limits));
  }

  async checkpoint(signal: AbortSignal): Promise<void> {
    await this.#session.checkpoint(signal);
  }

  async askUpstream(upstream: PostgresPeer): Promise<UpstreamView> {
    return await askUpstream(this.#context, upstream, () => this.localEnd());
  }

  async writeRecord(primary: PostgresPeer): Promise<void> {
    await writeEmptyRecord(remoteTarget(this.#context, "rewind", primary));
  }

  async localEnd(): Promise<LocalEnd | null> {
    return await localWalEnd(this.#context, await this.observe());
  }

  async archiveShutdownWal(signal: AbortSignal): Promise<void> {
    await archiveShutdownWal(this.#context, this.#tools, signal);
  }

  async rewind(source: PostgresPeer, signal: AbortSignal): Promise<void> {
    await this.#postmaster.endOrphans();
    await removeStalePidFile(this.#context);
    // pg_rewind reads restore_command there; a former primary has none in it.
    await this.#standby.setUpstream(source);
    await this.#tools.settings.write();
    await rewindInstance(this.#context, this.#tools, { source, signal });
  }

  readonly removeData: Postgres["removeData"] = () =>
    this.#withoutServer(() => this.#tools.directory.clear());

  readonly setDataAside: Postgres["setDataAside"] = () =>
    this.#withoutServer(() => this.#tools.directory.setAside());

  async #withoutServer<T>(work: () => Promise<T>): Promise<T> {
    const file = await livePostmaster(this.#context);
    if (file !== null) throw new PostgresError("PostgreSQL is still running");
    await this.#postmaster.endOrphans();
    await this.#observer.close();
    return await work().finally(() => this.#tools.settings.forget());
  }

  async setSynchronousStandbys(value: string | null): Promise<void> {
    await this.#tools.names.set(value);
  }

  async applySlots(plan: SlotPlan): Promise<void> {
    await this.slots.apply(plan);
  }

  async configure(
    settings: DynamicPostgresSettings,
  ): Promise<"reloaded" | "unchanged"> {
    await this.#tools.settings.setDocument(settings.document);
    await warnWithoutRewind(this.#context);
    return await this.#applyFiles() ? "reloaded" : "unchanged";
  }

  async takeRole(role: InstanceRole): Promise<void> {
    if (await this.#tools.settings.setRole(role)) this.#isRoleNew = true;
    if (!this.#isRoleNew) return;
    this.#context.log.info(`Applying the settings of role ${role}`);
    if (await this.#isOurs()) await this.#tools.settings.write();
    await this.#reloadServer();
    this.#isRoleNew = false;
  }

  async reload(): Promise<void> {
    await this.#tools.settings.setDocument(null);
    if (await this.#isOurs()) await this.#tools.settings.write();
    await this.#reloadServer();
  }

  /** Writes what differs and lets a running server read it. */
  async #applyFiles(): Promise<boolean> {
    if (!await this.#isOurs()) return false;
    if (!await this.#tools.settings.write()) return false;
    await this.#reloadServer();
    return true;
  }

  async #isOurs(): Promise<boolean> {
    // What a restored backup is to be recovered with stays as it is until then.
    return (await this.#tools.directory.look()).kind === "filled" &&
      await this.#tools.backup.look() === null;
  }

  async #reloadServer(): Promise<void> {
    await this.#session.reload();
    this.#observer.forgetPending();
  }

  async readHistoryFile(timeline: number): Promise<HistoryFile | null> {
    return await readHistory(this.#context.options.dataDir, timeline);
  }

  async saveDynamicConfig(
    document: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (!await this.#isOurs()) return;
    await saveDynamicDocument(this.#context, document);
  }

  async loadDynamicConfig(): Promise<
    Readonly<Record<string, unknown>> | null
  > {
    return await loadDynamicDocument(this.#context);
  }

  async close(): Promise<void> {
    await this.#observer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
