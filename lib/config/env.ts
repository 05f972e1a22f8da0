/**
 * Reads the `PATRONI_*` environment variables into a configuration document.
 *
 * It changes nothing in the environment: it names the variables that it
 * consumed, and the caller deletes them before it starts other programs.
 */
import { parseBool, parseInteger } from "../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  mergePatch,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import {
  type EnvTarget,
  FIXED_NAMES,
  GENERIC_SUFFIXES,
  LEGACY_NAMES,
} from "./env_names.ts";
import type { VariableKind } from "./keys/key.ts";
import type { ConfigWarning } from "./problems.ts";
import { parseYaml11, YamlError } from "../patroni/yaml_1_1.ts";

/** Variables by name, as captured once when the process started. */
export type Environment = Readonly<Record<string, string>>;

/** What the environment says about the configuration. */
export interface EnvironmentConfig {
  readonly document: ConfigMap;
  /** etcd credentials: only used when their section exists by other means. */
  readonly credentials: ConfigMap;
  /** Full names of the variables that became configuration. */
  readonly consumed: readonly string[];
  readonly warnings: readonly ConfigWarning[];
}

const PREFIX = "PATRONI_";
const WHOLE_CONFIGURATION = "PATRONI_CONFIGURATION";
const CREDENTIAL_NAME = /^ETCD3?_(?:USERNAME|PASSWORD)$/;

/**
 * Text of `PATRONI_CONFIGURATION`, `null` when it is not set or empty.
 *
 * @param env The captured environment.
 */
export function wholeConfigurationText(env: Environment): string | null {
  return ownText(env, WHOLE_CONFIGURATION) || null;
}

/**
 * Configuration that the single variables make up.
 *
 * A variable whose text cannot be read is left out with a warning that does
 * not show the text.
 *
 * @param env The captured environment.
 *
 * Source: Patroni 4.1.4 `config.py`, _build_environment_configuration.
 */
export function readEnvironment(env: Environment): EnvironmentConfig {
  let document: ConfigMap = {};
  let credentials: ConfigMap = {};
  const consumed: string[] = [];
  const warnings: ConfigWarning[] = [];
  for (const name of Object.keys(env).sort()) {
    const target = name.startsWith(PREFIX) ? targetOf(name, env) : null;
    if (target === null) continue;
    consumed.push(name);
    const value = readValue(target, ownText(env, name));
    if (value === "unreadable") {
      warnings.push({ path: name, text: unreadableText(name, target.kind) });
    } else if (value !== null) {
      const patch = nest(target.path, value.value);
      const isCredential = CREDENTIAL_NAME.test(name.slice(PREFIX.length));
      if (isCredential) credentials = mergePatch(credentials, patch).value;
      else document = mergePatch(document, patch).value;
    }
  }
  if (Object.hasOwn(env, WHOLE_CONFIGURATION)) {
    consumed.push(WHOLE_CONFIGURATION);
  }
  return {
    document,
    credentials,
    consumed,
    warnings: [...warnings, ...unknownVariables(env, consumed)],
  };
}

/**
 * Document with the environment's etcd credentials laid over the sections of
 * it that exist.
 */
export function withCredentials(
  document: ConfigMap,
  credentials: ConfigMap,
): ConfigMap {
  const present = Object.entries(credentials)
    .filter(([section]) => isConfigMap(ownValue(document, section)));
  return mergePatch(document, Object.fromEntries(present)).value;
}

interface ResolvedTarget extends EnvTarget {
  /** Generic suffixes keep an empty text; fixed names ignore it. */
  readonly isEmptyKept: boolean;
}

interface ReadValue {
  readonly value: unknown;
}

function targetOf(name: string, env: Environment): ResolvedTarget | null {
  const given = name.slice(PREFIX.length);
  const modern = LEGACY_NAMES.get(given);
  if (modern !== undefined && ownText(env, PREFIX + modern) !== "") {
    return { path: [], kind: "text", isEmptyKept: false };
  }
  const fixed = FIXED_NAMES.get(modern ?? given);
  if (fixed !== undefined) return { ...fixed, isEmptyKept: false };
  return genericTarget(given);
}

function genericTarget(name: string): ResolvedTarget | null {
  const split = name.indexOf("_");
  if (split < 1) return null;
  const section = name.slice(0, split).toLowerCase();
  const suffix = name.slice(split + 1);
  const kind = GENERIC_SUFFIXES.get(suffix);
  if (kind === undefined) return null;
  if (section === "citus") return citusTarget(suffix);
  return { path: [section, suffix.toLowerCase()], kind, isEmptyKept: true };
}

function citusTarget(suffix: string): ResolvedTarget {
  const isUsed = suffix === "GROUP" || suffix === "DATABASE";
  return {
    path: isUsed ? ["citus", suffix.toLowerCase()] : [],
    kind: suffix === "GROUP" ? "int" : "text",
    isEmptyKept: isUsed,
  };
}

/** `null`: swallowed or empty, sets nothing. */
function readValue(
  target: ResolvedTarget,
  text: string,
): ReadValue | "unreadable" | null {
  if (target.path.length === 0) return null;
  if (text !== "") return parseKind(target.kind, text);
  if (!target.isEmptyKept) return null;
  return { value: target.kind === "map" ? {} : "" };
}

function parseKind(kind: VariableKind, text: string): ReadValue | "unreadable" {
  switch (kind) {
    case "text":
      return { value: text };
    case "int":
      return readable(parseInteger(text));
    case "bool":
      return readable(parseBool(text));
    case "list":
      return parseList(text);
    case "map":
      return parseMap(text);
    case "log_format":
      return /%\(\w+\)/.test(text) ? { value: text } : parseList(text);
  }
}

function readable(value: unknown): ReadValue | "unreadable" {
  return value === null ? "unreadable" : { value };
}

function parseList(text: string): ReadValue | "unreadable" {
  const isList = text.trim().startsWith("-") || text.includes("[");
  const value = parseStructure(isList ? text : `[${text}]`);
  return Array.isArray(value) ? { value } : "unreadable";
}

function parseMap(text: string): ReadValue | "unreadable" {
  const value = parseStructure(
    text.trim().startsWith("{") ? text : `{${text}}`,
  );
  return isConfigMap(value) ? { value } : "unreadable";
}

function parseStructure(text: string): unknown {
  try {
    return parseYaml11(text);
  } catch (error) {
    if (error instanceof YamlError) return null;
    throw error;
  }
}

function nest(path: readonly string[], value: unknown): ConfigMap {
  const [key = "", ...rest] = path;
  return { [key]: rest.length === 0 ? value : nest(rest, value) };
}

function unreadableText(name: string, kind: VariableKind): string {
  const what = {
    text: "text",
    int: "a whole number",
    bool: "a boolean",
    list: "a list",
    map: "a map",
    log_format: "a log format",
  };
  return `Environment variable ${name} is ignored: it is not ${what[kind]}`;
}

function unknownVariables(
  env: Environment,
  consumed: readonly string[],
): ConfigWarning[] {
  return Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !consumed.includes(name))
    .map((name) => ({
      path: name,
      text: `Environment variable ${name} is not known and sets nothing`,
    }));
}

function ownText(env: Environment, name: string): string {
  return Object.hasOwn(env, name) ? env[name] ?? "" : "";
}
