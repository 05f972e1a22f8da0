/**
 * Writes the instance's configuration files when they do not say what they
 * should (`wanted_settings.ts`). Reloading the server is the caller's.
 */
import { isAbsolute, join } from "node:path";
import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";
import {
  exists,
  readTextOrNull,
  writeAtomically,
  writeIfDifferent,
} from "../directory/files.ts";
import { hasSignal, writeSignal } from "../directory/signal_files.ts";
import type { EffectivePostgresConfig, PostgresContext } from "../options.ts";
import { restoreConfig } from "./config_copies.ts";
import { type ConfigFile, configPath } from "./config_paths.ts";
import { acceptedParameters } from "./parameter_check.ts";
import type { RecoverySettings } from "./recovery.ts";
import {
  parseSettings,
  renderLines,
  renderSettings,
  withoutSettings,
} from "./settings_file.ts";
import {
  FEEDBACK,
  type Wanted,
  type WantedSettings,
} from "./wanted_settings.ts";

/** What a restored standby must not keep of its own recovery settings. */
const WITHOUT_RESTORE: ReadonlySet<string> = new Set(
  [...RECOVERY_NAMES].filter((name) => name !== "restore_command"),
);

/** Controlled parameters that stand in the file only. */
const FILE_ONLY: ReadonlySet<string> = new Set([
  "wal_keep_segments",
  "wal_keep_size",
]);

/** Writes the instance's configuration files, and makes its command line. */
export class ConfigFiles {
  readonly #context: PostgresContext;
  readonly #wanted: WantedSettings;
  #hasStreamed = false;
  #checked: { readonly key: string; readonly accepted: RecoverySettings } = {
    key: "",
    accepted: {},
  };

  constructor(context: PostgresContext, wanted: WantedSettings) {
    this.#context = context;
    this.#wanted = wanted;
  }

  /** Controlled parameters for the command line. */
  async commandLine(): Promise<Readonly<Record<string, string>>> {
    const all = this.#controlled(await this.#wanted.config());
    return Object.fromEntries(
      Object.entries(all).filter(([name]) => !FILE_ONLY.has(name)),
    );
  }

  /** Writes what differs; tells whether anything did. */
  async write(): Promise<boolean> {
    const isWritten = await this.writeOwn();
    const { recovery } = await this.#wanted.current();
    const isRestoreKept = !recovery?.["restore_command"] &&
      !this.#hasStreamed && await hasSignal(this.#context);
    const names = isRestoreKept ? WITHOUT_RESTORE : RECOVERY_NAMES;
    return await this.#withoutAutoConf(names) || isWritten;
  }

  /** The same without touching what a restore left in postgresql.auto.conf. */
  async writeOwn(): Promise<boolean> {
    const wanted = await this.#wanted.current();
    await this.#keepBase();
    await restoreConfig(this.#context);
    if (
      wanted.config.customConf === null && !await exists(this.#path("base"))
    ) {
      await writeAtomically(this.#path("base"), "");
    }
    let isWritten = false;
    for (const [path, text] of await this.#files(wanted)) {
      if (await writeIfDifferent(path, text)) isWritten = true;
    }
    return isWritten;
  }

  /** Whether the files say what a standby with these recovery settings must have. */
  async isWritten(recovery: RecoverySettings): Promise<boolean> {
    const wanted = await this.#wanted.current();
    for (const [path, text] of await this.#files({ ...wanted, recovery })) {
      if (await readTextOrNull(path) !== text) return false;
    }
    return true;
  }

  /**
   * Takes over what a program of the user copied or restored for a replica: no
   * target, but its restore_command, because the WAL of its backup may be nowhere
   * else.
   */
  async adoptCopy(): Promise<void> {
    const { dataDir } = this.#context.options;
    if (await exists(join(dataDir, "recovery.signal"))) {
      await writeSignal(this.#context, "standby");
    }
    await this.#withoutAutoConf(WITHOUT_RESTORE);
  }

  /** Whoever streams does not need the archive to begin with. */
  noteStream(): void {
    this.#hasStreamed = true;
  }

  /** Ends what held for the last run of the server only. */
  async beginStart(): Promise<void> {
    this.#hasStreamed = false;
    await this.#wanted.change({ idleLimitMs: null });
  }

  /** The user's own file is renamed once and included from then on. */
  async #keepBase(): Promise<void> {
    const [base, settings] = [this.#path("base"), this.#path("settings")];
    if (this.#context.config?.customConf || await exists(base)) return;
    const text = await readTextOrNull(settings);
    if (text === null) return;
    // A generated file without base: a clone from a member with custom_conf.
    const isOwn = parseSettings(text) !== null;
    if (isOwn) await writeAtomically(base, "");
    else await Deno.rename(settings, base);
  }

  /** Path and text of each file that is ours. */
  async #files(
    wanted: Wanted,
  ): Promise<readonly (readonly [string, string])[]> {
    const { pgHba, pgIdent } = wanted.config;
    return [
      [this.#path("settings"), await this.#settingsText(wanted)],
      ...await this.#lines("pg_hba.conf", pgHba),
      ...await this.#lines("pg_ident.conf", pgIdent),
    ];
  }

  async #settingsText(wanted: Wanted): Promise<string> {
    const { configBaseName, memberName } = this.#context.options;
    const { customConf } = wanted.config;
    return renderSettings({
      include: customConf ?? `${configBaseName}.base.conf`,
      parameters: await this.#fileParameters(wanted),
      recovery: wanted.recovery,
      standbysManagedBy: wanted.standbys.kind === "managed" ? memberName : null,
    });
  }

  async #fileParameters(
    { config, standbys, isFeedbackForced, idleLimitMs }: Wanted,
  ): Promise<Readonly<Record<string, string>>> {
    const all = { ...config.parameters, ...this.#controlled(config) };
    const parameters = Object.fromEntries(
      Object.entries(all).filter(([name]) =>
        !RECOVERY_NAMES.has(name.toLowerCase())
      ),
    );
    const key = JSON.stringify(parameters);
    if (this.#checked.key !== key) {
      const accepted = await acceptedParameters(this.#context, parameters);
      this.#checked = { key, accepted };
    }
    const managed = standbys.kind === "managed"
      ? { synchronous_standby_names: standbys.value }
      : {};
    return {
      hba_file: this.#path("pg_hba.conf"),
      ident_file: this.#path("pg_ident.conf"),
      ...this.#checked.accepted,
      ...managed,
      ...(isFeedbackForced ? { [FEEDBACK]: "on" } : {}),
      ...(idleLimitMs === null
        ? {}
        : { idle_session_timeout: String(idleLimitMs) }),
    };
  }

  #path(file: ConfigFile): string {
    return configPath(this.#context.options, file);
  }

  #controlled(
    config: EffectivePostgresConfig,
  ): Readonly<Record<string, string>> {
    const { listen, scope } = this.#context.options;
    return {
      listen_addresses: listen.hosts.join(","),
      port: String(listen.port),
      cluster_name: scope,
      ...config.commandLine,
    };
  }

  async #lines(
    name: "pg_hba.conf" | "pg_ident.conf",
    lines: readonly string[] | null,
  ): Promise<readonly (readonly [string, string])[]> {
    if (lines === null) return [];
    const { parameters } = await this.#wanted.config();
    const own = parameters[name.replace("pg_", "").replace(".conf", "_file")];
    const isElsewhere = own !== undefined && isAbsolute(own) &&
      own !== this.#path(name);
    return isElsewhere ? [] : [[this.#path(name), renderLines(lines)]];
  }

  async #withoutAutoConf(names: ReadonlySet<string>): Promise<boolean> {
    const path = join(this.#context.options.dataDir, "postgresql.auto.conf");
    const text = await readTextOrNull(path);
    if (text === null) return false;
    return await writeIfDifferent(path, withoutSettings(text, names));
  }
}
