/**
 * The local data directory as a whole: how it is filled, repaired and thrown
 * away. Each way has a file of its own in this folder.
 */
import { PostgresError } from "../../../ports/errors.ts";
import type { PostgresData, PostgresPeer } from "../../../ports/postgres.ts";
import type { PledgeFile } from "../pledge/record_file.ts";
import type { ControlFile } from "../directory/control_data.ts";
import type { DataDirectory } from "../directory/data_directory.ts";
import type { Observer } from "../observer.ts";
import type { PostgresContext } from "../options.ts";
import type { LocalServer } from "../process/local_server.ts";
import { livePostmaster, removeStalePidFile } from "../process/pid_file.ts";
import type { Postmaster } from "../process/postmaster.ts";
import type { LocalSession } from "../session/local_session.ts";
import type { ConfigFiles } from "../settings/config_files.ts";
import type { WantedSettings } from "../settings/wanted_settings.ts";
import type { Standby } from "../standby.ts";
import { type CloneCall, cloneReplica } from "./basebackup.ts";
import { Bootstrap } from "./bootstrap.ts";
import { finishRestore } from "./finish_restore.ts";
import { archiveShutdownWal } from "./ready_wal.ts";
import type { RestoredBackup } from "./restored_backup.ts";
import { rewindInstance } from "./rewind.ts";

/** What filling and repairing work with. */
interface DataTools {
  readonly backup: RestoredBackup;
  readonly control: ControlFile;
  readonly directory: DataDirectory;
  readonly observer: Observer;
  readonly postmaster: Postmaster;
  readonly server: LocalServer;
  readonly session: LocalSession;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  readonly standby: Standby;
  /** Whoever changes the data tells it before. */
  readonly record: Pick<PledgeFile, "expectOtherData">;
  /** Lets a running server read its files again. */
  readonly reload: () => Promise<void>;
}

const CLONE = { kinds: "all", existing: "refused" } as const;
const REPLACE = { kinds: "all", existing: "replaced" } as const;

/** Fills, repairs and throws away the local data directory. */
export class LocalData implements PostgresData {
  readonly #context: PostgresContext;
  readonly #tools: DataTools;

  constructor(context: PostgresContext, tools: DataTools) {
    this.#context = context;
    this.#tools = tools;
  }

  async bootstrap(
    signal: AbortSignal,
  ): Promise<{ readonly systemId: string }> {
    const { record, server, session } = this.#tools;
    await record.expectOtherData();
    const bootstrap = new Bootstrap(this.#context, {
      ...this.#tools,
      start: (extra) => server.startAsIs(extra, signal),
      stop: (options) => server.stop(options),
      target: () => session.target(),
    }, signal);
    return { systemId: await bootstrap.run() };
  }

  async finishRestore(signal: AbortSignal): Promise<void> {
    const { record, server } = this.#tools;
    await record.expectOtherData();
    const limits = { timeoutMs: Infinity, signal };
    await finishRestore(this.#context, {
      ...this.#tools,
      signal,
      launch: (commandLine) => server.launch(commandLine, limits),
      stop: (options) => server.stop(options),
    });
  }

  readonly clone: PostgresData["clone"] = (source, slotName, signal) =>
    this.#copy({ ...CLONE, source, slotName, signal });

  readonly reinitialize: PostgresData["clone"] = (source, slotName, signal) =>
    this.#copy({ ...REPLACE, source, slotName, signal });

  readonly basebackup: PostgresData["clone"] = (source, slotName, signal) =>
    this.#copy({ ...REPLACE, kinds: "basebackup", source, slotName, signal });

  async #copy(call: CloneCall): Promise<void> {
    await this.#tools.record.expectOtherData();
    await cloneReplica(this.#context, this.#tools, call);
    this.#tools.wanted.forget();
  }

  async rewind(source: PostgresPeer, signal: AbortSignal): Promise<void> {
    const { postmaster, files, record, standby } = this.#tools;
    await record.expectOtherData();
    await postmaster.endOrphans();
    await removeStalePidFile(this.#context);
    // pg_rewind reads restore_command there; a former primary has none in it.
    await standby.setUpstream(source);
    await files.write();
    await rewindInstance(this.#context, this.#tools, { source, signal });
  }

  async archiveShutdownWal(signal: AbortSignal): Promise<void> {
    await archiveShutdownWal(this.#context, this.#tools, signal);
  }

  readonly remove: PostgresData["remove"] = () =>
    this.#withoutServer(() => this.#tools.directory.clear());

  readonly setAside: PostgresData["setAside"] = () =>
    this.#withoutServer(() => this.#tools.directory.setAside());

  async #withoutServer<T>(work: () => Promise<T>): Promise<T> {
    const { observer, postmaster, record, wanted } = this.#tools;
    const file = await livePostmaster(this.#context);
    if (file !== null) throw new PostgresError("PostgreSQL is still running");
    await record.expectOtherData();
    await postmaster.endOrphans();
    await observer.close();
    return await work().finally(() => wanted.forget());
  }
}
