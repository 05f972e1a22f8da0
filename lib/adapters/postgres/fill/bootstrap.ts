/**
 * The first data directory of a scope: filled, started as primary, given its
 * roles and the user's own set-up. Whatever fails, the directory is moved away.
 *
 * Source: docs/contract/ha.md 17.1, docs/contract/configuration.md 3.3.
 */
import { CancelledError, PostgresError } from "../../../ports/errors.ts";
import type { StartResult, StopOptions } from "../../../ports/postgres.ts";
import { formatConninfo } from "../session/conninfo.ts";
import type { ControlFile } from "../directory/control_data.ts";
import type { DataDirectory } from "../directory/data_directory.ts";
import { readTextOrNull, writeAtomically } from "../directory/files.ts";
import { fillDataDirectory } from "./initdb.ts";
import type { PostgresContext } from "../options.ts";
import { allowPassword } from "../session/pgpass.ts";
import { livePostmaster } from "../process/pid_file.ts";
import { runOrThrow } from "../process/programs.ts";
import { knownRecoverySettings } from "../settings/recovery.ts";
import {
  createAgentRoles,
  createSuperuser,
  createUsers,
} from "../session/roles.ts";
import { configPath } from "../settings/config_paths.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import { writeSignal } from "../directory/signal_files.ts";
import { type Query, type SqlTarget, withConnection } from "../session/sql.ts";
import { localTcp } from "../session/targets.ts";
import { majorVersion } from "../process/version.ts";

/** What a bootstrap uses of the instance. */
interface BootstrapTools {
  readonly directory: DataDirectory;
  readonly control: ControlFile;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  /** Starts with the files as they are and the given additional settings. */
  readonly start: (
    extra: Readonly<Record<string, string>>,
  ) => Promise<StartResult>;
  readonly stop: (options: StopOptions) => Promise<unknown>;
  readonly reload: () => Promise<void>;
  readonly target: () => Promise<SqlTarget>;
}

const POLL_MS = 50;
const POLL_LIMIT_MS = 3_000;
const ANSWER_LIMIT_MS = 60_000;

/** Creates the first data directory of a scope. */
export class Bootstrap {
  readonly #context: PostgresContext;
  readonly #tools: BootstrapTools;
  readonly #signal: AbortSignal;

  constructor(
    context: PostgresContext,
    tools: BootstrapTools,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#tools = tools;
    this.#signal = signal;
  }

  /**
   * Does all of it.
   *
   * @returns The system identifier of the new data directory.
   * @throws {PostgresError} If a step failed; the directory was moved away.
   */
  async run(): Promise<string> {
    const { directory, control } = this.#tools;
    directory.filling.forget();
    try {
      await fillDataDirectory(this.#context, directory.filling, this.#signal);
      await directory.restrict();
      await directory.filling.settle();
      this.#tools.wanted.forget();
      if (this.#context.options.bootstrap?.method.kind === "initdb") {
        await this.#startNew();
      } else await this.#startRestored();
      const systemId = (await control.readNow())?.systemId;
      if (systemId === undefined) {
        throw new PostgresError("The new data directory has no pg_control");
      }
      await directory.filling.done();
      return systemId;
    } catch (error) {
      await this.#giveUp();
      if (error instanceof CancelledError) throw error;
      throw new PostgresError(
        `Failed to bootstrap: ${
          error instanceof Error ? error.message : String(error)
        }`,
        { cause: error },
      );
    }
  }

  async #giveUp(): Promise<void> {
    // It never began: what is there is somebody else's.
    const { directory } = this.#tools;
    if (!directory.filling.isUnderWay) return;
    if (await livePostmaster(this.#context) !== null) {
      await directory.remember();
    }
    await this.#tools.stop({
      mode: "immediate",
      isCheckpointFirst: false,
      escalateAfterMs: 10_000,
      onShutdownCheckpoint: null,
    });
    const target = await directory.moveFailed();
    this.#tools.wanted.forget();
    if (target === null) return;
    this.#context.log.error(`The data directory was moved to ${target}`);
  }

  /** After initdb: an ordinary primary from its first moment on. */
  async #startNew(): Promise<void> {
    const { files, wanted } = this.#tools;
    await files.write();
    await this.#appendHba();
    await wanted.change({ recovery: null });
    await files.write();
    await writeSignal(this.#context, "none");
    await this.#mustStart({});
    await this.#setUp();
  }

  async #appendHba(): Promise<void> {
    const { bootstrap } = this.#context.options;
    const config = await this.#tools.wanted.config();
    const lines = bootstrap?.pgHba ?? [];
    const isOurs = config.pgHba === null &&
      config.parameters["hba_file"] === undefined;
    if (!isOurs || lines.length === 0) return;
    const path = configPath(this.#context.options, "pg_hba.conf");
    const text = await readTextOrNull(path) ?? "";
    await writeAtomically(path, `${text}\n${lines.join("\n")}\n`);
  }

  /** After a restore: recovery first, behind a temporary pg_hba.conf. */
  async #startRestored(): Promise<void> {
    const { files, wanted, directory } = this.#tools;
    const custom = this.#context.options.bootstrap?.method;
    if (custom?.kind !== "custom") return;
    const recovery = await this.#recoveryOf(custom.recoveryConf);
    if (custom.isRecoveryConfKept) await files.writeOwn();
    else {
      await wanted.change({ recovery });
      const isStandby = /^(on|true|yes|1)$/i.test(
        custom.recoveryConf?.["standby_mode"] ?? "",
      );
      await writeSignal(
        this.#context,
        recovery === null ? "none" : isStandby ? "standby" : "recovery",
      );
      await files.write();
    }
    await directory.ensure();
    const hba = `${configPath(this.#context.options, "pg_hba.conf")}.bootstrap`;
    await writeAtomically(hba, this.#temporaryHba());
    const isRecovering = recovery !== null || custom.isRecoveryConfKept;
    // A new scope begins with a primary: PostgreSQL's default would pause for ever.
    await this.#mustStart({
      hba_file: hba,
      ...(isRecovering
        ? { hot_standby: "off", recovery_target_action: "promote" }
        : {}),
    }, "starting");
    await this.#untilPrimary();
    await this.#untilAnswering();
    await this.#setUp();
    // The temporary file was given on the command line: only a restart ends it.
    await this.#tools.stop({
      mode: "fast",
      isCheckpointFirst: true,
      escalateAfterMs: null,
      onShutdownCheckpoint: null,
    });
    await Deno.remove(hba);
    await wanted.change({ recovery: null });
    await writeSignal(this.#context, "none");
    await files.write();
    await this.#mustStart({});
  }

  async #recoveryOf(
    conf: Readonly<Record<string, string>> | null,
  ): Promise<Record<string, string> | null> {
    if (conf === null) return null;
    const action = conf["recovery_target_action"] ?? "promote";
    if (action !== "promote") {
      this.#context.log.warning(
        `recovery_target_action ${action} is ignored: a bootstrap promotes`,
      );
    }
    return knownRecoverySettings(conf, await majorVersion(this.#context));
  }

  /** Trusts the two accounts on this host until they have their passwords. */
  #temporaryHba(): string {
    const { superuser, replication } = this.#context.options.authentication;
    const names = [superuser.username ?? "all", replication.username];
    const lines = names.filter((name) => name !== null).flatMap((name) => [
      `local all ${name} trust`,
      `host all ${name} 127.0.0.1/32 trust`,
      `host all ${name} ::1/128 trust`,
      `host all ${name} samehost trust`,
    ]);
    const user = replication.username ?? "all";
    return [
      ...lines,
      `local replication ${user} trust`,
      `host replication ${user} 127.0.0.1/32 trust`,
      `host replication ${user} ::1/128 trust`,
      `host replication ${user} samehost trust`,
      "",
    ].join("\n");
  }

  /** A restore replays for as long as it takes, unless the server gives up. */
  async #untilPrimary(): Promise<void> {
    while (await this.#tools.control.state() !== "in production") {
      await this.#pollAgain();
    }
  }

  /** Between the end of recovery and the first session there is a moment. */
  async #untilAnswering(): Promise<void> {
    const end = this.#context.clock.now() + ANSWER_LIMIT_MS;
    for (;;) {
      try {
        const target = await this.#tools.target();
        await withConnection(target, (query) => query("SELECT", POLL_LIMIT_MS));
        return;
      } catch (error) {
        if (this.#context.clock.now() >= end) throw error;
        await this.#pollAgain();
      }
    }
  }

  async #pollAgain(): Promise<void> {
    if (this.#signal.aborted) throw new CancelledError("Bootstrap cancelled");
    if (await livePostmaster(this.#context) === null) {
      throw new PostgresError("PostgreSQL ended during the recovery");
    }
    await this.#context.clock.sleep(POLL_MS, this.#signal);
  }

  async #mustStart(
    extra: Readonly<Record<string, string>>,
    enough: "running" | "starting" = "running",
  ): Promise<void> {
    const result = await this.#tools.start(extra);
    if (result.kind === "running" || result.kind === enough) return;
    const detail = result.kind === "failed" ? result.detail : "time is up";
    throw new PostgresError(`The first start failed: ${detail}`);
  }

  async #setUp(): Promise<void> {
    const target = await this.#tools.target();
    await withConnection(target, (query) => this.#roles(query, "superuser"));
    await this.#postBootstrap(target);
    await withConnection(target, (query) => this.#roles(query, "agent"));
  }

  async #roles(query: Query, kind: "superuser" | "agent"): Promise<void> {
    if (kind === "superuser") await createSuperuser(this.#context, query);
    else {
      await createAgentRoles(this.#context, query);
      await createUsers(this.#context, query);
    }
  }

  async #postBootstrap(target: SqlTarget): Promise<void> {
    const { options } = this.#context;
    const [command, ...words] = options.bootstrap?.postBootstrap ?? [];
    if (command === undefined) return;
    const address = { host: target.host, port: target.port };
    await allowPassword(this.#context, "superuser", [
      address,
      localTcp(this.#context),
    ]);
    const conninfo = formatConninfo({
      dbname: options.database,
      host: target.host,
      port: String(target.port),
      ...(target.credentials.username
        ? { user: target.credentials.username }
        : {}),
    }, await majorVersion(this.#context));
    await runOrThrow({
      command,
      args: [...words, conninfo],
      env: {
        PGPASSFILE: options.pgpass,
        PGOPTIONS: "-c synchronous_commit=local -c statement_timeout=0",
      },
      signal: this.#signal,
    });
  }
}
