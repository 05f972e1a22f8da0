/**
 * Section `bootstrap`: how the first data directory and the first dynamic
 * document are made. Source: docs/contract/configuration.md 3.3.
 */
import * as z from "zod";
import { isTruthyFlag } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../../core/calc/documents/config_merge.ts";
import {
  command,
  isAbsent,
  map,
  mapped,
  optional,
  required,
  requiredSection,
  scalarMap,
  text,
  textList,
  unless,
  Wanted,
} from "../fields.ts";
import type {
  BootstrapConfig,
  BootstrapMethod,
  BootstrapUser,
} from "../local_config.ts";
import { bootstrapUsers } from "./bootstrap_users.ts";
import { renderParameters } from "../parameters.ts";
import { INITDB_FORBIDDEN, optionArguments } from "../options.ts";

const NO_LINES: readonly string[] = [];
const NO_USERS: readonly BootstrapUser[] = [];
const CUSTOM_KEYS: ReadonlySet<string> = new Set([
  "command",
  "no_params",
  "keep_existing_recovery_conf",
  "recovery_conf",
]);

const fixedKeys: z.ZodType<FixedKeys> = requiredSection({
  dcs: optional(map, null),
  method: optional(text, "initdb"),
  initdb: optional(readInitdb, NO_LINES),
  pg_hba: optional(textList, NO_LINES),
  post_bootstrap: optional(command, null),
  post_init: optional(command, null),
  users: optional(bootstrapUsers, NO_USERS),
});

const customKeys = requiredSection({
  command: required(command),
  recovery_conf: optional(mapped(scalarMap, renderParameters), null),
});

interface FixedKeys {
  readonly dcs: ConfigMap | null;
  readonly method: string;
  readonly initdb: readonly string[];
  readonly pg_hba: readonly string[];
  readonly post_bootstrap: readonly string[] | null;
  readonly post_init: readonly string[] | null;
  readonly users: readonly BootstrapUser[];
}

/** Schema of the section `bootstrap`; null when it is absent. */
export const bootstrapSection: z.ZodType<BootstrapConfig | null> = unless(
  isAbsent,
  z.unknown().transform((section, context): BootstrapConfig => {
    const fixed = fixedKeys.safeParse(section);
    const method = customMethod(section);
    for (const issue of [...issuesOf(fixed), ...method.issues]) {
      context.issues.push({ code: "custom", input: section, ...issue });
    }
    if (!fixed.success) return z.NEVER;
    const { data } = fixed;
    return {
      dcs: data.dcs,
      method: method.value ?? { kind: "initdb", options: data.initdb },
      pgHba: data.pg_hba,
      postBootstrap: data.post_bootstrap ?? data.post_init,
      users: data.users,
    };
  }),
);

/**
 * Whether a custom method is named that can not be run, so that initdb takes
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

interface Issue {
  readonly path: PropertyKey[];
  readonly message: string;
}

interface CustomMethod {
  readonly value: BootstrapMethod | null;
  readonly issues: readonly Issue[];
}

function customMethod(bootstrap: unknown): CustomMethod {
  const name = isConfigMap(bootstrap) ? ownValue(bootstrap, "method") : null;
  const section = methodSection(bootstrap);
  if (section === null || typeof name !== "string") {
    return { value: null, issues: [] };
  }
  const result = customKeys.safeParse(section);
  const issues = issuesOf(result).map((issue) => ({
    ...issue,
    path: [name, ...issue.path],
  }));
  if (!result.success) return { value: null, issues };
  const value: BootstrapMethod = {
    kind: "custom",
    name,
    command: result.data.command,
    hasNoParams: isTruthyFlag(ownValue(section, "no_params")),
    isRecoveryConfKept: isTruthyFlag(
      ownValue(section, "keep_existing_recovery_conf"),
    ),
    recoveryConf: result.data.recovery_conf,
    options: otherOptions(section),
  };
  return { value, issues: [] };
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

function issuesOf(result: z.ZodSafeParseResult<unknown>): Issue[] {
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({ path, message }));
}
