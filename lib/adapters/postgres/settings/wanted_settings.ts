/**
 * What the instance's configuration files should say: the layered settings of
 * the role, recovery, synchronous standbys, and what holds for a while. Pure
 * memory; `config_files.ts` writes it.
 *
 * What an earlier agent decided is read back from the files, so that a restart
 * of the agent changes nothing.
 */
import { decodeStandbyCluster } from "../../../core/codec/settings_codec.ts";
import type { InstanceRole } from "../../../core/model/member.ts";
import type { StandbyCluster } from "../../../core/model/standby_cluster.ts";
import { readTextOrNull } from "../directory/files.ts";
import { hasSignal } from "../directory/signal_files.ts";
import type { EffectivePostgresConfig, MutableContext } from "../options.ts";
import { majorVersion } from "../process/version.ts";
import { configPath } from "./config_paths.ts";
import { loadDynamicDocument } from "./dynamic_document.ts";
import { roleInFiles } from "./instance_role.ts";
import { type Standbys, standbysIn } from "./managed_standbys.ts";
import { type RecoverySettings, withClusterCommands } from "./recovery.ts";
import { parseSettings } from "./settings_file.ts";

/** What the files are made from. */
export interface Wanted {
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

/** What is decided from case to case; the rest follows from document and role. */
type Decided = Omit<Wanted, "config" | "role">;

/** The setting that `isFeedbackForced` is about. */
export const FEEDBACK = "hot_standby_feedback";

/** Knows what the instance's configuration files should say. */
export class WantedSettings {
  readonly #context: MutableContext;
  #document: Readonly<Record<string, unknown>> | null = null;
  #wanted: Wanted | null = null;

  constructor(context: MutableContext) {
    this.#context = context;
  }

  /** What the files should say now; read back from them at first. */
  async current(): Promise<Wanted> {
    if (this.#wanted !== null) return this.#wanted;
    this.#document ??= await loadDynamicDocument(this.#context);
    const text =
      await readTextOrNull(configPath(this.#context.options, "settings")) ?? "";
    const isStandby = await hasSignal(this.#context);
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

  /** The settings in force after all layers. */
  async config(): Promise<EffectivePostgresConfig> {
    return (await this.current()).config;
  }

  /** The section of the dynamic document; null: there is none. */
  standbyCluster(): StandbyCluster | null {
    return decodeStandbyCluster(this.#document ?? {});
  }

  /** Takes the layers from a new dynamic document; null: the same, local ones changed. */
  async setDocument(
    document: Readonly<Record<string, unknown>> | null,
  ): Promise<void> {
    const wanted = await this.current();
    this.#document = document ?? this.#document;
    const config = await this.#effective(wanted.role);
    const recovery = wanted.recovery === null
      ? null
      : withClusterCommands(wanted.recovery, config, this.standbyCluster());
    this.#wanted = { ...wanted, config, recovery };
  }

  /** Takes the settings of another role; tells whether they differ. */
  async setRole(role: InstanceRole): Promise<boolean> {
    const wanted = await this.current();
    if (wanted.role === role) return false;
    const config = await this.#effective(role);
    this.#wanted = { ...wanted, role, config };
    return JSON.stringify(config) !== JSON.stringify(wanted.config);
  }

  /** Takes over what was decided. */
  async change(decided: Partial<Decided>): Promise<void> {
    this.#wanted = { ...await this.current(), ...decided };
  }

  /** Forgets what the files said: the data directory is another one now. */
  forget(): void {
    this.#wanted = null;
  }

  async #effective(role: InstanceRole): Promise<EffectivePostgresConfig> {
    const { effective } = this.#context.options;
    const version = await majorVersion(this.#context) * 10_000;
    const config = effective(this.#document ?? {}, version, role);
    this.#context.config = config;
    this.#context.major = version / 10_000;
    return config;
  }
}
