/**
 * The instance on this host: builds the port's parts and connects them. What
 * each does stands in its own file.
 */
import type { PostgresView } from "../../core/model/postgres_view.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type { Postgres } from "../../ports/postgres.ts";
import { ControlFile } from "./directory/control_data.ts";
import { DataDirectory } from "./directory/data_directory.ts";
import { type HistoryFile, readHistory } from "./directory/history_file.ts";
import { LocalData } from "./fill/local_data.ts";
import { RestoredBackup } from "./fill/restored_backup.ts";
import { Observer, Shared } from "./observer.ts";
import type { MutableContext, PostgresOptions } from "./options.ts";
import { LocalPledge } from "./pledge/local_pledge.ts";
import { PledgeFile } from "./pledge/record_file.ts";
import { LocalServer } from "./process/local_server.ts";
import { Postmaster } from "./process/postmaster.ts";
import { IdleSessions } from "./session/idle_sessions.ts";
import { LocalSession } from "./session/local_session.ts";
import { LocalSettings } from "./settings/local_settings.ts";
import { ConfigFiles } from "./settings/config_files.ts";
import { SynchronousNames } from "./settings/synchronous_names.ts";
import { WantedSettings } from "./settings/wanted_settings.ts";
import { LocalSlots } from "./slots/local_slots.ts";
import { Standby } from "./standby.ts";
import { LocalUpstream } from "./upstream.ts";

/** What the adapter gets besides its options. */
interface PostgresDeps {
  readonly clock: Clock;
  readonly log: Log;
}

/** The instance on this host, as the port's parts. */
export class PostgresLocal implements Postgres {
  readonly server: LocalServer;
  readonly data: LocalData;
  readonly upstream: LocalUpstream;
  readonly settings: LocalSettings;
  readonly slots: LocalSlots;
  /** For a voter of a lost leader. */
  readonly pledge: LocalPledge;
  /** The clients' sessions, for the proxy beside the agent. */
  readonly sessions: IdleSessions;
  readonly #context: MutableContext;
  readonly #postmaster: Postmaster;
  readonly #observer: Observer;
  readonly #shared: Shared<PostgresView>;

  constructor(options: PostgresOptions, deps: PostgresDeps) {
    const context: MutableContext = { options, config: null, ...deps };
    const session = new LocalSession(context);
    const reload = async (): Promise<void> => {
      await session.reload();
      this.#observer.forgetPending();
    };
    const wanted = new WantedSettings(context);
    const files = new ConfigFiles(context, wanted);
    const control = new ControlFile(context);
    const directory = new DataDirectory(context);
    const backup = new RestoredBackup(context);
    const names = new SynchronousNames(context, {
      ...{ files, wanted, session, reload },
      isFilled: () => this.settings.isOurs(),
    });
    const found = { backup, control, directory, files, names, wanted };
    const observer = new Observer(context, found);
    const postmaster = new Postmaster(context, control);
    const shared = { ...found, observer, postmaster, reload, session };
    const standby = new Standby(context, shared);
    const record = new PledgeFile(() => context.options.dataDir);
    this.#context = context;
    this.#postmaster = postmaster;
    this.#observer = observer;
    this.#shared = new Shared(() => observer.observe());
    this.server = new LocalServer(context, { ...shared, standby });
    this.data = new LocalData(context, {
      ...{ ...shared, record, standby },
      server: this.server,
    });
    this.upstream = new LocalUpstream(context, {
      standby,
      observe: () => this.observe(),
    });
    this.settings = new LocalSettings(context, shared);
    this.slots = new LocalSlots(context, {
      ...{ files, wanted, session },
      applyFiles: () => this.settings.apply(),
    });
    this.pledge = new LocalPledge(context, { record, session, standby });
    this.sessions = new IdleSessions(context, shared);
  }

  /** The local configuration was reloaded; call it before `settings.reload`. */
  updateOptions(options: PostgresOptions): void {
    this.#context.options = options;
  }

  observe(): Promise<PostgresView> {
    return this.#shared.run();
  }

  streaming(): Promise<readonly string[]> {
    return this.#observer.streaming();
  }

  endedTransaction(): Promise<bigint | null> {
    return this.#observer.endedTransaction();
  }

  async untilPostmasterEnds(signal: AbortSignal): Promise<void> {
    await this.#postmaster.untilEnd(signal);
  }

  async readHistoryFile(timeline: number): Promise<HistoryFile | null> {
    return await readHistory(this.#context.options.dataDir, timeline);
  }

  async close(): Promise<void> {
    await this.#observer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
