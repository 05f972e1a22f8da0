/**
 * What the agent makes of the settings that are options of programs: ways to
 * copy a data directory, and arguments of pg_rewind.
 */
import { isTruthyFlag } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import {
  BASEBACKUP_FORBIDDEN,
  optionArguments,
  REWIND_FORBIDDEN,
  splitCommand,
} from "../options.ts";
import type { PostgresSettings } from "./postgres_settings.ts";

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

/** Clone methods in the order in which they are tried. */
export function cloneMethods(
  settings: PostgresSettings,
  postgresql: ConfigMap,
): readonly CloneMethod[] {
  return settings.createReplicaMethods.map((name): CloneMethod => {
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
