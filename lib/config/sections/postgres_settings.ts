/**
 * The keys of `postgresql` that the dynamic document may set too. The same
 * schema checks the local file at start and the layered result later.
 *
 * Source: docs/contract/configuration.md 3.11.1, 3.11.4, 3.11.5.
 */
import type * as z from "zod";
import { isTruthyFlag, parseBool, parseReal } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import {
  command,
  flag,
  isAbsent,
  map,
  optional,
  optionalText,
  required,
  scalarMap,
  section,
  text,
  textList,
  textMap,
  Wanted,
} from "../fields.ts";
import {
  BASEBACKUP_FORBIDDEN,
  optionArguments,
  REWIND_FORBIDDEN,
  splitCommand,
} from "../options.ts";

/** One way to copy a data directory. */
export type CloneMethod =
  /** `options` are ready arguments of pg_basebackup. */
  | { readonly kind: "basebackup"; readonly options: readonly string[] }
  | {
    readonly kind: "custom";
    readonly name: string;
    readonly command: readonly string[];
    /** May run without a source. */
    readonly hasNoLeader: boolean;
    readonly isDataKept: boolean;
    readonly hasNoParams: boolean;
    /** `--key=value` of the keys that are passed, in file order. */
    readonly options: readonly string[];
  };

/** Events that a callback can be configured for. */
export const CALLBACK_ACTIONS = [
  "on_start",
  "on_stop",
  "on_restart",
  "on_reload",
  "on_role_change",
] as const;

/** Programs whose names can be changed by `bin_name`. */
export const PROGRAMS = [
  "pg_ctl",
  "initdb",
  "pg_controldata",
  "pg_basebackup",
  "postgres",
  "pg_isready",
  "pg_rewind",
] as const;

/** The settings, read from one layered `postgresql` map. */
export type PostgresSettings = z.output<typeof postgresSettings>;

const NO_TEXTS: Readonly<Record<string, string>> = {};
const PG_CTL_TIMEOUT_S = 60;
const DEFAULT_METHODS: readonly string[] = ["basebackup"];

/** Schema of the keys that may come from either layer. */
export const postgresSettings = section({
  config_base_name: optional(text, "postgresql"),
  custom_conf: optionalText(),
  bin_dir: optionalText(),
  bin_name: optional(textMap, NO_TEXTS),
  database: optional(text, "postgres"),
  krbsrvname: optionalText(),
  use_unix_socket: flag(),
  use_unix_socket_repl: flag(),
  parameters: optional(map, {}),
  parameters_primary: optional(map, {}),
  parameters_replica: optional(map, {}),
  parameters_standby_leader: optional(map, {}),
  pg_hba: optional(textList, null),
  pg_hba_primary: optional(textList, null),
  pg_hba_replica: optional(textList, null),
  pg_hba_standby_leader: optional(textList, null),
  pg_ident: optional(textList, null),
  pg_ident_primary: optional(textList, null),
  pg_ident_replica: optional(textList, null),
  pg_ident_standby_leader: optional(textList, null),
  recovery_conf: optional(scalarMap, null),
  use_slots: optional<boolean, boolean>(
    (value) => parseBool(value) ?? false,
    true,
  ),
  use_pg_rewind: flag(),
  remove_data_directory_on_rewind_failure: flag(),
  remove_data_directory_on_diverged_timelines: flag(),
  pg_ctl_timeout: required(readTimeout),
  create_replica_methods: optional(textList, null),
  create_replica_method: optional(textList, null),
  basebackup: optional<unknown, null>((value) => value, null),
  rewind: optional<unknown, null>((value) => value, null),
  callbacks: optional(readCallbacks, {}),
  pre_promote: optional(command, null),
  before_stop: optional(command, null),
});

/** Clone methods in the order in which they are tried. */
export function cloneMethods(
  settings: PostgresSettings,
  postgresql: ConfigMap,
): readonly CloneMethod[] {
  const names = settings.create_replica_methods ??
    settings.create_replica_method ?? DEFAULT_METHODS;
  return names.map((name): CloneMethod => {
    if (name !== "basebackup") return customMethod(name, postgresql);
    const { args } = optionArguments(settings.basebackup, BASEBACKUP_FORBIDDEN);
    return { kind: "basebackup", options: args };
  });
}

/** Arguments of pg_rewind. */
export function rewindOptions(settings: PostgresSettings): readonly string[] {
  return optionArguments(settings.rewind, REWIND_FORBIDDEN).args;
}

/** What options of programs are skipped, and why, for the log. */
export function refusedOptions(settings: PostgresSettings): readonly string[] {
  const { basebackup, rewind } = settings;
  const refused = [
    ["pg_basebackup", optionArguments(basebackup, BASEBACKUP_FORBIDDEN)],
    ["pg_rewind", optionArguments(rewind, REWIND_FORBIDDEN)],
  ] as const;
  return refused.flatMap(([program, options]) =>
    options.refused.map((reason) => `${program} ${reason}, it is skipped`)
  );
}

function customMethod(name: string, postgresql: ConfigMap): CloneMethod {
  const given = ownValue(postgresql, name);
  const keys = isConfigMap(given) ? given : {};
  const hasNoParams = isTruthyFlag(ownValue(keys, "no_params"));
  const line = ownValue(keys, "command");
  return {
    kind: "custom",
    name,
    command: splitCommand(typeof line === "string" ? line : name) ?? [name],
    hasNoLeader: isTruthyFlag(ownValue(keys, "no_leader")),
    isDataKept: isTruthyFlag(ownValue(keys, "keep_data")),
    hasNoParams,
    options: passedOptions(keys, hasNoParams),
  };
}

/** Scripts rely on getting the special keys too, unless no_params is set. */
function passedOptions(keys: ConfigMap, hasNoParams: boolean): string[] {
  const special = ["no_leader", "keep_data", "no_params"];
  return Object.entries(keys)
    .filter(([key]) => key !== "command")
    .filter(([key]) => !hasNoParams || !special.includes(key))
    .map(([key, value]) => `--${key}=${textForm(value)}`);
}

/** An explicit null means 0; what is no number means the default. */
function readTimeout(value: unknown): number {
  const timeout = value === null ? 0 : parseReal(value);
  return timeout === null || timeout < 0 ? PG_CTL_TIMEOUT_S : timeout;
}

function readCallbacks(
  value: unknown,
): Readonly<Record<string, readonly string[]>> | Wanted {
  if (!isConfigMap(value)) return new Wanted("a map of commands");
  const commands: [string, readonly string[]][] = [];
  for (const action of CALLBACK_ACTIONS) {
    const given = ownValue(value, action);
    if (isAbsent(given) || given === "") continue;
    const words = command(given);
    if (words instanceof Wanted) {
      return new Wanted(
        `a map of commands, but ${action} is not ${words.text}`,
      );
    }
    commands.push([action, words]);
  }
  return Object.fromEntries(commands);
}
