/**
 * The local instance's settings: brings what was decided into the files and has
 * a running server read them. What the files should say is known elsewhere
 * (`wanted_settings.ts`).
 */
import type { InstanceRole } from "../../../core/model/member.ts";
import type {
  DynamicPostgresSettings,
  PostgresSettings,
} from "../../../ports/postgres.ts";
import type { DataDirectory } from "../directory/data_directory.ts";
import type { RestoredBackup } from "../fill/restored_backup.ts";
import type { PostgresContext } from "../options.ts";
import { warnWithoutRewind } from "../process/programs.ts";
import {
  loadDynamicDocument,
  saveDynamicDocument,
} from "./dynamic_document.ts";
import type { ConfigFiles } from "./config_files.ts";
import type { WantedSettings } from "./wanted_settings.ts";
import type { SynchronousNames } from "./synchronous_names.ts";

/** What changes of settings work with. */
interface SettingsTools {
  readonly backup: RestoredBackup;
  readonly directory: DataDirectory;
  readonly names: SynchronousNames;
  readonly files: ConfigFiles;
  readonly wanted: WantedSettings;
  /** Lets a running server read its files again. */
  readonly reload: () => Promise<void>;
}

/** Puts settings in force on the local instance. */
export class LocalSettings implements PostgresSettings {
  readonly #context: PostgresContext;
  readonly #tools: SettingsTools;
  /** The files or the server may still have another role's settings. */
  #isRoleNew = false;

  constructor(context: PostgresContext, tools: SettingsTools) {
    this.#context = context;
    this.#tools = tools;
  }

  async configure(
    { document }: DynamicPostgresSettings,
  ): Promise<"reloaded" | "unchanged"> {
    await this.#tools.wanted.setDocument(document);
    await warnWithoutRewind(this.#context);
    return await this.apply() ? "reloaded" : "unchanged";
  }

  async takeRole(role: InstanceRole): Promise<void> {
    const { reload, files, wanted } = this.#tools;
    if (await wanted.setRole(role)) this.#isRoleNew = true;
    if (!this.#isRoleNew) return;
    this.#context.log.info(`Applying the settings of role ${role}`);
    if (await this.isOurs()) await files.write();
    await reload();
    this.#isRoleNew = false;
  }

  async setSynchronousStandbys(value: string | null): Promise<void> {
    await this.#tools.names.set(value);
  }

  async reload(): Promise<void> {
    const { reload, files, wanted } = this.#tools;
    await wanted.setDocument(null);
    if (await this.isOurs()) await files.write();
    await reload();
  }

  async saveDynamicConfig(
    document: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    if (!await this.isOurs()) return;
    await saveDynamicDocument(this.#context, document);
  }

  async loadDynamicConfig(): Promise<
    Readonly<Record<string, unknown>> | null
  > {
    return await loadDynamicDocument(this.#context);
  }

  /** Writes what differs and lets a running server read it; tells whether anything did. */
  async apply(): Promise<boolean> {
    const { reload, files } = this.#tools;
    if (!await this.isOurs()) return false;
    if (!await files.write()) return false;
    await reload();
    return true;
  }

  /** Whether there is a data directory to configure. */
  async isOurs(): Promise<boolean> {
    const { backup, directory } = this.#tools;
    // What a restored backup is to be recovered with stays as it is until then.
    return (await directory.look()).kind === "filled" &&
      await backup.look() === null;
  }
}
