/**
 * Owns the instance's configuration files: knows what they should say (dynamic
 * document, recovery settings, synchronous standbys) and writes them when that
 * differs from what they say. Reloading the server is the caller's.
 *
 * What an earlier agent decided is read back from the files, so that a restart
 * of the agent changes nothing.
 */
import { isAbsolute, join } from "node:path";

import { decodeStandbyCluster } from "../../../core/codec/settings_codec.ts";
import type { InstanceRole } from "../../../core/model/member.ts";
import type { StandbyCluster } from "../../../core/model/standby_cluster.ts";
import {
  exists,
  readTextOrNull,
  removeIfPresent,
  writeAtomically,
  writeIfDifferent,
} from "../directory/files.ts";
import type { EffectivePostgresConfig, MutableContext } from "../options.ts";
import { loadDynamicDocument } from "./dynamic_document.ts";
import { roleInFiles } from "./instance_role.ts";
import { majorVersion } from "../process/version.ts";
import { acceptedParameters } from "./parameter_check.ts";
import { RECOVERY_NAMES } from "../../../core/base/recovery_names.ts";
import { type RecoverySettings, withClusterCommands } from "./recovery.ts";
import { type Standbys, standbysIn } from "./managed_standbys.ts";
import {
  parseSettings,
  renderLines,
  renderSettings,
  withoutSettings,
} from "./settings_file.ts";

/** What the files are made from. */
interface Wanted {
  readonly config: EffectivePostgresConfig;
  /** The role that `config` is for. */
  readonly role: InstanceRole;
  /** Null: primary. */
  readonly recovery: RecoverySettings | null;
  readonly standbys: Standbys;
  /** hot_standby_feedback is on, whatever the user configured. */
  readonly isFeedbackForced: boolean;
  /** Sessions that rest for that long outside a transaction end by themselves; null: as configured. */
  readonly idleLimitMs: number | null;
}

const FEEDBACK = "hot_standby_feedback";
const SIGNALS = ["standby.signal", "recovery.signal"] as const;

/** What a restored standby must not keep of its own recovery settings. */
const WITHOUT_RESTORE: ReadonlySet<string> = new Set(
  [...RECOVERY_NAMES].filter((name) => name !== "restore_command"),
);

/** Controlled parameters that stand in the file only. */
const FILE_ONLY: ReadonlySet<string> = new Set([
  "wal_keep_segments",
  "wal_keep_size",
]);

/** Knows what the instance's configuration files should say, and writes them. */
export class SettingsKeeper {
  readonly #context: MutableContext;
  #document: Readonly<Record<string, unknown>> | null = null;
  #wanted: Wanted | null = null;
  #hasStreamed = false;
  #checked: { readonly key: string; readonly accepted: RecoverySettings } = {
    key: "",
    accepted: {},
  };

  constructor(context: MutableContext) {
    this.#context = context;
  }

  /** Path of a configuration file: `.conf`, `.base.conf`, `pg_hba.conf` ... */
  path(name: "settings" | "base" | "pg_hba.conf" | "pg_ident.conf"): string {
    const { configDir, configBaseName } = this.#context.options;
    switch (name) {
      case "settings":
        return join(configDir, `${configBaseName}.conf`);
      case "base":
        return join(configDir, `${configBaseName}.base.conf`);
      case "pg_hba.conf":
      case "pg_ident.conf":
        return join(configDir, name);
    }
  }

  /** The settings in force after all layers. */
  async config(): Promise<EffectivePostgresConfig> {
    return (await this.#load()).config;
  }

  /** The section of the dynamic document; null: there is none. */
  standbyCluster(): StandbyCluster | null {
    return decodeStandbyCluster(this.#document ?? {});
  }

  async standbys(): Promise<Standbys> {
    return (await this.#load()).standbys;
  }

  /** Takes the layers from a new dynamic document; null: the same, local ones changed. */
  async setDocument(
    document: Readonly<Record<string, unknown>> | null,
  ): Promise<void> {
    const wanted = await this.#load();
    this.#document = document ?? this.#document;
    const config = await this.#effective(wanted.role);
    const recovery = wanted.recovery === null
      ? null
      : withClusterCommands(wanted.recovery, config, this.standbyCluster());
    this.#wanted = { ...wanted, config, recovery };
  }

  /** Takes the settings of another role; tells whether they differ. `write` puts them into the files. */
  async setRole(role: InstanceRole): Promise<boolean> {
    const wanted = await this.#load();
    if (wanted.role === role) return false;
    const config = await this.#effective(role);
    this.#wanted = { ...wanted, role, config };
    return JSON.stringify(config) !== JSON.stringify(wanted.config);
  }

  /** Null: a primary's files. */
  async setRecovery(recovery: RecoverySettings | null): Promise<void> {
    this.#wanted = { ...await this.#load(), recovery };
  }

  async setStandbys(standbys: Standbys): Promise<void> {
    this.#wanted = { ...await this.#load(), standbys };
  }

  /** Tells whether that changes anything; `write` puts it into the file. */
  async setFeedback(feedback: "forced" | "configured"): Promise<boolean> {
    const wanted = await this.#load();
    const isFeedbackForced = feedback === "forced";
    this.#wanted = { ...wanted, isFeedbackForced };
    return wanted.isFeedbackForced !== isFeedbackForced;
  }

  /** Before a planned stop; a start undoes it, and so does the next agent. */
  async setIdleLimit(idleLimitMs: number | null): Promise<void> {
    this.#wanted = { ...await this.#load(), idleLimitMs };
  }

  /** Forgets what the files said: the data directory is another one now. */
  forget(): void {
    this.#wanted = null;
  }

  /** Controlled parameters for the command line. */
  async commandLine(): Promise<Readonly<Record<string, string>>> {
    const all = this.#controlled(await this.config());
    return Object.fromEntries(
      Object.entries(all).filter(([name]) => !FILE_ONLY.has(name)),
    );
  }

  /** Writes what differs; tells whether anything did. */
  async write(): Promise<boolean> {
    const isWritten = await this.writeOwn();
    const { recovery } = await this.#load();
    const isRestoreKept = !recovery?.["restore_command"] &&
      !this.#hasStreamed && await this.isStandby();
    const names = isRestoreKept ? WITHOUT_RESTORE : RECOVERY_NAMES;
    return await this.#withoutAutoConf(names) || isWritten;
  }

  /** The same without touching what a restore left in postgresql.auto.conf. */
  async writeOwn(): Promise<boolean> {
    const wanted = await this.#load();
    await this.#keepBase();
    await this.#restoreMissing();
    if (wanted.config.customConf === null && !await exists(this.path("base"))) {
      await writeAtomically(this.path("base"), "");
    }
    let isWritten = false;
    for (const [path, text] of await this.#files(wanted)) {
      if (await writeIfDifferent(path, text)) isWritten = true;
    }
    return isWritten;
  }

  /** Whether the files say what a standby with these recovery settings must have. */
  async isWritten(recovery: RecoverySettings): Promise<boolean> {
    const wanted = await this.#load();
    for (const [path, text] of await this.#files({ ...wanted, recovery })) {
      if (await readTextOrNull(path) !== text) return false;
    }
    return true;
  }

  /** Signal files for a start as primary, as standby, or from a backup. */
  async writeSignal(kind: "none" | "standby" | "recovery"): Promise<void> {
    const { dataDir } = this.#context.options;
    for (const name of SIGNALS) {
      const path = join(dataDir, name);
      if (name !== `${kind}.signal`) await removeIfPresent(path);
      else if (!await exists(path)) await writeAtomically(path, "");
    }
  }

  /** Whether the data directory would start in recovery on purpose. */
  async isStandby(): Promise<boolean> {
    const { dataDir } = this.#context.options;
    for (const name of SIGNALS) {
      if (await exists(join(dataDir, name))) return true;
    }
    return false;
  }

  /**
   * Takes over what a program of the user copied or restored for a replica: no
   * target, but its restore_command, because the WAL of its backup may be nowhere
   * else.
   */
  async adoptCopy(): Promise<void> {
    const { dataDir } = this.#context.options;
    if (await exists(join(dataDir, "recovery.signal"))) {
      await this.writeSignal("standby");
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
    await this.setIdleLimit(null);
  }

  /** Copies of the four files, for a clone that comes without them. */
  async backup(): Promise<void> {
    for (const [path, copy] of this.#copies()) {
      const text = await readTextOrNull(path);
      if (text !== null) await writeIfDifferent(copy, text);
    }
  }

  async #restoreMissing(): Promise<void> {
    for (const [path, copy] of this.#copies()) {
      if (await exists(path)) continue;
      const text = await readTextOrNull(copy);
      if (text !== null) await writeAtomically(path, text);
    }
  }

  #copies(): readonly (readonly [string, string])[] {
    const { dataDir } = this.#context.options;
    const names = ["settings", "base", "pg_hba.conf", "pg_ident.conf"] as const;
    return names.map((name) => {
      const path = this.path(name);
      const file = path.slice(path.lastIndexOf("/") + 1);
      return [path, join(dataDir, `${file}.backup`)] as const;
    });
  }

  async #load(): Promise<Wanted> {
    if (this.#wanted !== null) return this.#wanted;
    this.#document ??= await loadDynamicDocument(this.#context);
    const text = await readTextOrNull(this.path("settings")) ?? "";
    const isStandby = await this.isStandby();
    const recovery = isStandby ? parseSettings(text)?.recovery ?? null : null;
    const role = roleInFiles(
      isStandby ? recovery ?? {} : null,
      this.standbyCluster(),
    );
    const config = await this.#effective(role);
    const wanted: Wanted = {
      config,
      role,
      recovery,
      standbys: standbysIn(text, config, this.#context.options.memberName),
      isFeedbackForced: config.parameters[FEEDBACK] !== "on" &&
        parseSettings(text)?.parameters[FEEDBACK] === "on",
      idleLimitMs: null,
    };
    this.#wanted = wanted;
    return wanted;
  }

  async #effective(role: InstanceRole): Promise<EffectivePostgresConfig> {
    const { effective } = this.#context.options;
    const version = await majorVersion(this.#context) * 10_000;
    const config = effective(this.#document ?? {}, version, role);
    this.#context.config = config;
    this.#context.major = version / 10_000;
    return config;
  }

  /** The user's own file is renamed once and included from then on. */
  async #keepBase(): Promise<void> {
    const [base, settings] = [this.path("base"), this.path("settings")];
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
      [this.path("settings"), await this.#settingsText(wanted)],
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
      hba_file: this.path("pg_hba.conf"),
      ident_file: this.path("pg_ident.conf"),
      ...this.#checked.accepted,
      ...managed,
      ...(isFeedbackForced ? { [FEEDBACK]: "on" } : {}),
      ...(idleLimitMs === null
        ? {}
        : { idle_session_timeout: String(idleLimitMs) }),
    };
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
    const { parameters } = await this.config();
    const own = parameters[name.replace("pg_", "").replace(".conf", "_file")];
    const isElsewhere = own !== undefined && isAbsolute(own) &&
      own !== this.path(name);
    return isElsewhere ? [] : [[this.path(name), renderLines(lines)]];
  }

  async #withoutAutoConf(names: ReadonlySet<string>): Promise<boolean> {
    const path = join(this.#context.options.dataDir, "postgresql.auto.conf");
    const text = await readTextOrNull(path);
    if (text === null) return false;
    return await writeIfDifferent(path, withoutSettings(text, names));
  }
}
