/**
 * Section `bootstrap`: how the first data directory and the first dynamic
 * document are made. Source: docs/contract/configuration.md 3.3.
 */
import { isTruthyFlag } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import { isAbsent, misfitsOf, Wanted } from "../fields.ts";
import { type KeyMap, readKeys, type ValueType } from "../keys/key.ts";
import {
  anything,
  changed,
  command,
  map,
  scalarMap,
  text,
  textList,
  unchecked,
} from "../keys/types.ts";
import { INITDB_FORBIDDEN, optionArguments } from "../options.ts";
import { renderParameters } from "../parameters.ts";
import { type BootstrapUser, bootstrapUsers } from "./bootstrap_users.ts";
import { DYNAMIC_KEYS } from "./dynamic.ts";
import { programOptions } from "./postgres_settings.ts";

/** How the first data directory is made. */
export type BootstrapMethod =
  /** `options` are ready arguments such as `--encoding=UTF8`. */
  | { readonly kind: "initdb"; readonly options: readonly string[] }
  | {
    readonly kind: "custom";
    readonly name: string;
    readonly command: readonly string[];
    readonly hasNoParams: boolean;
    readonly isRecoveryConfKept: boolean;
    readonly recoveryConf: Readonly<Record<string, string>> | null;
    /** `--key=value` of the other keys, in file order. */
    readonly options: readonly string[];
  };

/** Section `bootstrap`. */
export interface BootstrapConfig {
  /** The first dynamic document, as written; null: this member creates no cluster. */
  readonly dcs: ConfigMap | null;
  readonly method: BootstrapMethod;
  /** Lines for pg_hba.conf after bootstrap. */
  readonly pgHba: readonly string[];
  /** Words of the command; one connection string is appended. */
  readonly postBootstrap: readonly string[] | null;
  readonly users: readonly BootstrapUser[];
}

const CUSTOM_KEYS: ReadonlySet<string> = new Set([
  "command",
  "no_params",
  "keep_existing_recovery_conf",
  "recovery_conf",
]);

/** The keys of the section, in the order of Patroni's validation. */
export const BOOTSTRAP_KEYS = {
  dcs: {
    type: map,
    keys: DYNAMIC_KEYS,
    isExpected: true,
    meaning:
      "The first dynamic configuration; a member without it creates no cluster",
  },
  initdb: {
    type: { ...anything, read: readInitdb },
    fallback: [],
    check: programOptions,
    meaning: "Options of initdb",
  },
  method: {
    type: text,
    fallback: "initdb",
    meaning: "How the first data directory is made",
  },
  pg_hba: {
    type: unchecked(textList),
    fallback: [],
    meaning: "Lines added to pg_hba.conf",
  },
  post_bootstrap: {
    type: command,
    meaning: "Command run after it, with a connection string",
  },
  users: {
    type: { ...anything, read: bootstrapUsers },
    fallback: {},
    meaning: "Deprecated: roles to make, with password and options",
  },
  post_init: { type: command, meaning: "Older name of post_bootstrap" },
} as const satisfies KeyMap;

const METHOD_KEYS = {
  command: { type: command, isRequired: true },
  recovery_conf: { type: changed(scalarMap, renderParameters) },
} as const satisfies KeyMap;

const readFixed = readKeys(BOOTSTRAP_KEYS);
const readMethod = readKeys(METHOD_KEYS);

/** The section, with a method that is described in it. */
export const bootstrap: ValueType<BootstrapConfig> = {
  ...anything,
  read: (section) => {
    const fixed = readFixed(section);
    const method = customMethod(section);
    const misfits = [...misfitsOf(fixed), ...misfitsOf(method)];
    if (fixed instanceof Wanted || method instanceof Wanted) {
      return new Wanted(misfits);
    }
    return {
      dcs: fixed.dcs,
      method: method ?? { kind: "initdb", options: fixed.initdb },
      pgHba: fixed.pgHba,
      postBootstrap: fixed.postBootstrap ?? fixed.postInit,
      users: fixed.users,
    };
  },
};

/**
 * Whether a custom method is named that cannot be run, so that initdb takes
 * its place.
 */
export function isMethodMissing(bootstrap: ConfigMap): boolean {
  const name = ownValue(bootstrap, "method");
  return !isAbsent(name) && name !== "initdb" &&
    methodSection(bootstrap) === null;
}

function readInitdb(value: unknown): readonly string[] | Wanted {
  const { args, refused } = optionArguments(value, INITDB_FORBIDDEN);
  return refused.length === 0
    ? args
    : new Wanted(`options of initdb, but ${refused.join(", ")}`);
}

/** Null: initdb is used. */
function customMethod(bootstrap: unknown): BootstrapMethod | null | Wanted {
  const name = isConfigMap(bootstrap) ? ownValue(bootstrap, "method") : null;
  const section = methodSection(bootstrap);
  if (section === null || typeof name !== "string") return null;
  const keys = readMethod(section);
  if (keys instanceof Wanted) {
    return new Wanted(
      keys.misfits.map(({ path, wanted }) => ({
        path: [name, ...path],
        wanted,
      })),
    );
  }
  return {
    kind: "custom",
    name,
    ...keys,
    hasNoParams: isTruthyFlag(ownValue(section, "no_params")),
    isRecoveryConfKept: isTruthyFlag(
      ownValue(section, "keep_existing_recovery_conf"),
    ),
    options: otherOptions(section),
  };
}

function methodSection(bootstrap: unknown): ConfigMap | null {
  if (!isConfigMap(bootstrap)) return null;
  const name = ownValue(bootstrap, "method");
  if (typeof name !== "string" || name === "initdb") return null;
  const section = ownValue(bootstrap, name);
  const isUsable = isConfigMap(section) &&
    isTruthyFlag(ownValue(section, "command"));
  return isUsable ? section : null;
}

function otherOptions(section: ConfigMap): string[] {
  return Object.entries(section)
    .filter(([key]) => !CUSTOM_KEYS.has(key))
    .map(([key, value]) => `--${key}=${textForm(value)}`);
}
