/**
 * Layers the PostgreSQL settings: built-in defaults, then the dynamic
 * document, then the local file (docs/contract/configuration.md 1.4), and separates the parameters that
 * the scope controls (docs/contract/configuration.md 6.1).
 *
 * The result only depends on its input, so the caller may compare two results
 * to know whether anything changed.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import type { InstanceRole } from "../core/model/member.ts";
import { controlledParameter } from "./controlled_parameters.ts";
import { misfitsOf, Wanted } from "./fields.ts";
import type { LocalConfig } from "./local_config.ts";
import {
  bareNames,
  checkedParameters,
  controlledValues,
  isRecoveryName,
  otherParameters,
  type ParameterMap,
  renderParameters,
} from "./parameters.ts";
import { type ConfigProblem, formatProblem } from "./problems.ts";
import { controlledByRole } from "./role_settings.ts";
import { agentUsers, sealedLines } from "./seal.ts";
import {
  type CloneMethod,
  cloneMethods,
  refusedOptions,
  rewindOptions,
} from "./sections/clone_methods.ts";
import {
  type PlainSettings,
  type PostgresSettings,
  readPlainSettings,
  readSettings,
} from "./sections/postgres_settings.ts";

/** Everything about PostgreSQL that may come from either layer. */
export interface EffectivePostgresConfig extends PlainSettings {
  /** Controlled parameters for the command line, by name. */
  readonly commandLine: Readonly<Record<string, string>>;
  /** All parameters for postgresql.conf, the controlled ones too. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Recovery settings of the user's, without those that the agent makes. */
  readonly recoveryConf: Readonly<Record<string, string>>;
  /** Complete file content; null: the file is left alone. */
  readonly pgHba: readonly string[] | null;
  readonly pgIdent: readonly string[] | null;
  readonly cloneMethods: readonly CloneMethod[];
  /** Ready arguments of pg_rewind. */
  readonly rewindOptions: readonly string[];
}

/** What is layered. */
export interface EffectiveInput {
  /** The dynamic document, `{}` when there is none. */
  readonly dynamic: ConfigMap;
  readonly local: Pick<
    LocalConfig,
    "scope" | "postgresql" | "document" | "proxy"
  >;
  /** As in `server_version_num`, 150008 for 15.8. */
  readonly serverVersion: number;
  /** What the instance is, or is about to become. */
  readonly role: InstanceRole;
}

/** The layered settings, or why the dynamic document cannot be used. */
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
  const settings = readSettings(layered);
  const plain = readPlainSettings(layered);
  const misfits = [settings, plain].flatMap(misfitsOf);
  const problems = [
    ...misfits.map(({ path, wanted }) => ({
      path: ["postgresql", ...path].join("."),
      value: undefined,
      wanted,
    })),
    ...checkedParameters(dynamic),
  ];
  const isUsable = !(settings instanceof Wanted) && !(plain instanceof Wanted);
  if (!isUsable || problems.length > 0) return { kind: "rejected", problems };
  const { values: controlled, warnings } = controlledValues(dynamic, {
    scope: input.local.scope,
    listen: input.local.postgresql.listen,
    serverVersion: input.serverVersion,
  });
  const { kept: others, warnings: misnamed } = bareNames(
    otherParameters(dynamic, local, input.role),
  );
  const skipped = [
    ...refusedOptions(settings),
    ...controlledByRole(dynamic).map((path) =>
      `${path} sets nothing: it must be the same for all roles`
    ),
  ];
  const config: EffectivePostgresConfig = {
    ...plain,
    ...parametersOf(settings, { controlled, others }),
    cloneMethods: cloneMethods(settings, layered),
    rewindOptions: rewindOptions(settings),
    ...linesOf(settings, input.role),
  };
  const open = openLines(config.pgHba ?? [], input.local);
  return {
    kind: "ok",
    config: open.length === 0 ? config : { ...config, pgHba: null },
    warnings: [...warnings, ...misnamed, ...skipped, ...open],
  };
}

interface ParameterLayers {
  readonly controlled: ParameterMap;
  readonly others: ParameterMap;
}

/** Lines that would break the seal keep all lines out, because their order matters. */
function openLines(
  lines: readonly string[],
  { proxy, postgresql }: EffectiveInput["local"],
): readonly string[] {
  if (proxy === null || !proxy.isSealed) return [];
  const agents = agentUsers(postgresql.authentication);
  return sealedLines(lines, "postgresql.pg_hba", agents)
    .map((problem) =>
      `${formatProblem(problem)}; pg_hba.conf is left as it is`
    );
}

function rejectedSection(value: unknown): EffectiveResult {
  const problem = { path: "postgresql", value, wanted: "a map" };
  return { kind: "rejected", problems: [problem] };
}

/** Recovery names among the parameters replace `recovery_conf` as a set. */
function recoveryConfOf(
  settings: PostgresSettings,
  others: ParameterMap,
): ParameterMap {
  const inParameters = Object.entries(others)
    .filter(([name]) => isRecoveryName(name));
  if (inParameters.length > 0) return Object.fromEntries(inParameters);
  return renderParameters(settings.recoveryConf);
}

/** Lines for a role stand in place of the common ones. */
function linesOf(
  settings: PostgresSettings,
  role: InstanceRole,
): Pick<EffectivePostgresConfig, "pgHba" | "pgIdent"> {
  const { hba, ident } = ROLE_LINES[role];
  return {
    pgHba: settings[hba] ?? settings.pgHba,
    pgIdent: settings[ident] ?? settings.pgIdent,
  };
}

const ROLE_LINES = {
  primary: { hba: "pgHbaPrimary", ident: "pgIdentPrimary" },
  replica: { hba: "pgHbaReplica", ident: "pgIdentReplica" },
  standby_leader: {
    hba: "pgHbaStandbyLeader",
    ident: "pgIdentStandbyLeader",
  },
} as const satisfies Record<InstanceRole, unknown>;

function parametersOf(
  settings: PostgresSettings,
  { controlled, others }: ParameterLayers,
): Pick<
  EffectivePostgresConfig,
  "commandLine" | "parameters" | "recoveryConf"
> {
  const commandLine = Object.entries(controlled)
    .filter(([name]) => controlledParameter(name)?.isOnCommandLine);
  const ordinary = Object.entries(others)
    .filter(([name]) => !isRecoveryName(name));
  return {
    commandLine: Object.fromEntries(commandLine),
    parameters: { ...Object.fromEntries(ordinary), ...controlled },
    recoveryConf: recoveryConfOf(settings, others),
  };
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
