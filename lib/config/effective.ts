/**
 * Layers the PostgreSQL settings: built-in defaults, then the dynamic
 * document, then the local file (spec 1.4), and separates the parameters that
 * the scope controls (spec 6.1).
 *
 * The result only depends on its input, so the caller may compare two results
 * to know whether anything changed.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../core/calc/config_merge.ts";
import {
  CONTROLLED_PARAMETERS,
  controlledParameter,
  walKeep,
  walLevelFor,
} from "./controlled_parameters.ts";
import type { LocalConfig } from "./local_config.ts";
import type { ConfigProblem } from "./problems.ts";
import {
  type CloneMethod,
  cloneMethods,
  type PostgresSettings,
  postgresSettings,
  refusedBasebackupOptions,
} from "./sections/postgres_settings.ts";

/** Everything about PostgreSQL that may come from either layer. */
export interface EffectivePostgresConfig {
  /** Controlled parameters for the command line, by name. */
  readonly commandLine: Readonly<Record<string, string>>;
  /** All parameters for postgresql.conf, the controlled ones too. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Recovery settings of the user's, without those that the agent makes. */
  readonly recoveryConf: Readonly<Record<string, string>>;
  /** Complete file content; null: the file is left alone. */
  readonly pgHba: readonly string[] | null;
  readonly pgIdent: readonly string[] | null;
  readonly hasSlots: boolean;
  readonly isRewindAllowed: boolean;
  readonly isDataRemovedOnRewindFailure: boolean;
  readonly isDataRemovedOnDivergedTimelines: boolean;
  readonly pgCtlTimeoutS: number;
  readonly cloneMethods: readonly CloneMethod[];
  /** Words of the command by action, such as `on_role_change`. */
  readonly callbacks: Readonly<Record<string, readonly string[]>>;
  readonly prePromote: readonly string[] | null;
  readonly beforeStop: readonly string[] | null;
  readonly isUnixSocketUsed: boolean;
  readonly isUnixSocketUsedForReplication: boolean;
  readonly configBaseName: string;
  readonly customConf: string | null;
  /** Null: programs are searched in PATH. */
  readonly binDir: string | null;
  /** File name by program, where it differs. */
  readonly binName: Readonly<Record<string, string>>;
  readonly database: string;
  readonly krbsrvname: string | null;
}

/** What is layered. */
export interface EffectiveInput {
  /** The dynamic document, `{}` when there is none. */
  readonly dynamic: ConfigMap;
  readonly local: Pick<LocalConfig, "scope" | "postgresql" | "document">;
  /** As in `server_version_num`, 150008 for 15.8. */
  readonly serverVersion: number;
}

/** The layered settings, or why the dynamic document can not be used. */
export type EffectiveResult =
  | {
    readonly kind: "ok";
    readonly config: EffectivePostgresConfig;
    /** Sentences for the log. */
    readonly warnings: readonly string[];
  }
  | { readonly kind: "rejected"; readonly problems: readonly ConfigProblem[] };

const LOCAL_ONLY: ReadonlySet<string> = new Set([
  "connect_address",
  "proxy_address",
  "listen",
  "config_dir",
  "data_dir",
  "pgpass",
  "authentication",
]);

const RECOVERY_NAMES: ReadonlySet<string> = new Set([
  "archive_cleanup_command",
  "pause_at_recovery_target",
  "primary_conninfo",
  "primary_slot_name",
  "promote_trigger_file",
  "recovery_end_command",
  "recovery_min_apply_delay",
  "recovery_target",
  "recovery_target_action",
  "recovery_target_inclusive",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_timeline",
  "recovery_target_xid",
  "restore_command",
  "standby_mode",
  "trigger_file",
]);

/**
 * The PostgreSQL settings in force.
 *
 * A dynamic document with a setting of a wrong type is rejected as a whole:
 * the caller keeps what was in force.
 *
 * Source: Patroni 4.1.4 `config.py`, _build_effective_configuration.
 */
export function effectivePostgres(input: EffectiveInput): EffectiveResult {
  const given = ownValue(input.dynamic, "postgresql") ?? {};
  if (!isConfigMap(given)) return rejectedSection(given);
  const dynamic = given;
  const local = sectionOf(input.local.document, "postgresql");
  const shared = Object.entries(dynamic)
    .filter(([key]) => !LOCAL_ONLY.has(key));
  const layered: ConfigMap = {
    ...Object.fromEntries(shared),
    ...presentEntries(local),
    use_slots: ownValue(dynamic, "use_slots"),
  };
  const settings = postgresSettings.safeParse(layered);
  const problems = [
    ...(settings.success ? [] : settings.error.issues).map((issue) => ({
      path: ["postgresql", ...issue.path].map(String).join("."),
      value: undefined,
      wanted: issue.message,
    })),
    ...checkedParameters(dynamic),
  ];
  if (!settings.success || problems.length > 0) {
    return { kind: "rejected", problems };
  }
  const warnings: string[] = [];
  const controlled = controlledValues(input, dynamic, warnings);
  const others = otherParameters(dynamic, local);
  const skipped = refusedBasebackupOptions(settings.data)
    .map((reason) => `pg_basebackup ${reason}, it is skipped`);
  const config = configOf(settings.data, layered, { controlled, others });
  return { kind: "ok", config, warnings: [...warnings, ...skipped] };
}

/**
 * Problems of `parameters` in a `postgresql` section: values that are no text,
 * number or boolean.
 */
export function checkedParameters(postgresql: ConfigMap): ConfigProblem[] {
  const parameters = ownValue(postgresql, "parameters");
  if (parameters === undefined || parameters === null) return [];
  const path = "postgresql.parameters";
  if (!isConfigMap(parameters)) {
    return [{ path, value: parameters, wanted: "a map" }];
  }
  return Object.entries(parameters)
    .filter(([, value]) => typeof value === "object" && value !== null)
    .map(([name, value]) => ({
      path: `${path}.${name}`,
      value,
      wanted: "a text, number or boolean",
    }));
}

/**
 * Text of a parameter's value as PostgreSQL reads it: booleans as `on` and
 * `off`, everything else as written.
 */
export function renderParameter(value: unknown): string {
  return typeof value === "boolean" ? (value ? "on" : "off") : String(value);
}

/** Value by parameter name; the spelling of the name is kept. */
type ParameterMap = Readonly<Record<string, string>>;

interface ParameterLayers {
  readonly controlled: ParameterMap;
  readonly others: ParameterMap;
}

function rejectedSection(value: unknown): EffectiveResult {
  const problem = { path: "postgresql", value, wanted: "a map" };
  return { kind: "rejected", problems: [problem] };
}

function controlledValues(
  input: EffectiveInput,
  dynamic: ConfigMap,
  warnings: string[],
): ParameterMap {
  const version = input.serverVersion;
  const accepted = acceptedParameters(dynamic, warnings);
  const { hosts, port } = input.local.postgresql.listen;
  const segments = accepted.get("wal_keep_segments") ?? null;
  const size = accepted.get("wal_keep_size") ?? null;
  const keep = walKeep(segments, size, version);
  const level = accepted.get("wal_level") ?? "hot_standby";
  const derived: ReadonlyMap<string, string> = new Map([
    ["listen_addresses", hosts.join(",")],
    ["port", String(port)],
    ["cluster_name", input.local.scope],
    ["wal_keep_segments", keep],
    ["wal_keep_size", keep],
    ["wal_level", walLevelFor(level, version)],
  ]);
  const known = CONTROLLED_PARAMETERS.filter(({ since, until }) =>
    version >= since && version < until
  );
  return Object.fromEntries(known.map(({ name, fallback }) => [
    name,
    derived.get(name) ?? accepted.get(name) ?? fallback ?? "",
  ]));
}

function acceptedParameters(
  dynamic: ConfigMap,
  warnings: string[],
): ReadonlyMap<string, string> {
  const accepted = new Map<string, string>();
  const parameters = sectionOf(dynamic, "parameters");
  for (const [name, value] of Object.entries(parameters)) {
    const parameter = controlledParameter(name);
    if (parameter === null || value === null) continue;
    const text = parameter.accept(value);
    if (text !== null) accepted.set(parameter.name, text);
    else {
      warnings.push(
        `postgresql parameter ${name}=${textForm(value)} failed validation, ` +
          `defaulting to ${textForm(parameter.fallback)}`,
      );
    }
  }
  return accepted;
}

/** Names are matched in any case; the local spelling wins. */
function otherParameters(dynamic: ConfigMap, local: ConfigMap): ParameterMap {
  const byName = new Map<string, readonly [string, string]>();
  for (const layer of [dynamic, local]) {
    for (
      const [name, value] of Object.entries(sectionOf(layer, "parameters"))
    ) {
      if (controlledParameter(name) !== null) continue;
      if (value === null || value === undefined) continue;
      byName.set(name.toLowerCase(), [name, renderParameter(value)]);
    }
  }
  return Object.fromEntries(byName.values());
}

/** Recovery names among the parameters replace `recovery_conf` as a set. */
function recoveryConfOf(
  settings: PostgresSettings,
  others: ParameterMap,
): ParameterMap {
  const inParameters = Object.entries(others)
    .filter(([name]) => isRecoveryName(name));
  if (inParameters.length > 0) return Object.fromEntries(inParameters);
  return Object.fromEntries(
    Object.entries(settings.recovery_conf ?? {})
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [name, renderParameter(value)]),
  );
}

function configOf(
  settings: PostgresSettings,
  layered: ConfigMap,
  { controlled, others }: ParameterLayers,
): EffectivePostgresConfig {
  const commandLine = Object.entries(controlled)
    .filter(([name]) => controlledParameter(name)?.isOnCommandLine);
  const ordinary = Object.entries(others)
    .filter(([name]) => !isRecoveryName(name));
  return {
    commandLine: Object.fromEntries(commandLine),
    parameters: { ...Object.fromEntries(ordinary), ...controlled },
    recoveryConf: recoveryConfOf(settings, others),
    pgHba: settings.pg_hba,
    pgIdent: settings.pg_ident,
    hasSlots: settings.use_slots,
    isRewindAllowed: settings.use_pg_rewind,
    isDataRemovedOnRewindFailure:
      settings.remove_data_directory_on_rewind_failure,
    isDataRemovedOnDivergedTimelines:
      settings.remove_data_directory_on_diverged_timelines,
    pgCtlTimeoutS: settings.pg_ctl_timeout,
    cloneMethods: cloneMethods(settings, layered),
    callbacks: settings.callbacks,
    prePromote: settings.pre_promote,
    beforeStop: settings.before_stop,
    isUnixSocketUsed: settings.use_unix_socket,
    isUnixSocketUsedForReplication: settings.use_unix_socket_repl,
    configBaseName: settings.config_base_name,
    customConf: settings.custom_conf,
    binDir: settings.bin_dir,
    binName: settings.bin_name,
    database: settings.database,
    krbsrvname: settings.krbsrvname,
  };
}

function isRecoveryName(name: string): boolean {
  return RECOVERY_NAMES.has(name.toLowerCase());
}

function presentEntries(map: ConfigMap): ConfigMap {
  return Object.fromEntries(
    Object.entries(map).filter(([, value]) => value !== null),
  );
}

function sectionOf(map: ConfigMap, key: string): ConfigMap {
  const section = ownValue(map, key);
  return isConfigMap(section) ? section : {};
}
