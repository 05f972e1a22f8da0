/**
 * What the options of `edit-config` make of a dynamic configuration. Pure: no
 * files, no DCS. Source: docs/contract/cli.md A7, "edit-config".
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import { CliError, messageOf } from "./errors.ts";

const PARAMETERS = ["postgresql", "parameters"];

/**
 * The document after one `-s PATH=VALUE`. A null value removes the key and the
 * maps that it leaves empty.
 *
 * @throws {CliError} If the setting has no `=` or its value is no YAML.
 */
export function withSetting(document: ConfigMap, setting: string): ConfigMap {
  const at = setting.indexOf("=");
  if (at === -1) throw new CliError(`Invalid parameter setting ${setting}`);
  const path = settingPath(setting.slice(0, at).trim());
  const value = settingValue(setting.slice(at + 1), setting);
  return withValue(document, path, value) ?? {};
}

/** The setting that `-p NAME=VALUE` is short for. */
export function parameterSetting(setting: string): string {
  return `${PARAMETERS.join(".")}.${setting}`;
}

/** A whole new document: keys that are null on its first level are dropped. */
export function withoutNulls(document: ConfigMap): ConfigMap {
  return Object.fromEntries(
    Object.entries(document).filter(([, value]) => value !== null),
  );
}

/**
 * The document in the text of a file or of the editor.
 *
 * @param source How to call it in an error.
 * @throws {CliError} If it is no YAML, or no map.
 */
export function parseDocument(text: string, source: string): ConfigMap {
  const value = readYaml(text, source);
  if (value === null) return {};
  if (isConfigMap(value)) return value;
  throw new CliError(`${source} does not contain a map`);
}

/** A parameter's name may hold dots itself. */
function settingPath(text: string): readonly string[] {
  const parts = text.split(".");
  const isParameter = parts.length > PARAMETERS.length &&
    PARAMETERS.every((part, index) => parts[index] === part);
  if (!isParameter) return parts;
  return [...PARAMETERS, parts.slice(PARAMETERS.length).join(".")];
}

function settingValue(text: string, setting: string): unknown {
  return readYaml(text, `Value of setting ${setting}`);
}

function readYaml(text: string, source: string): unknown {
  let value: unknown;
  try {
    value = parseYaml11(text);
  } catch (error) {
    throw new CliError(`${source} is no YAML: ${messageOf(error)}`);
  }
  if (isStorable(value)) return value;
  throw new CliError(`${source} has a number that JSON cannot hold`);
}

/** JSON knows no infinity: it would become null, which removes the key. */
function isStorable(value: unknown): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (Array.isArray(value)) return value.every(isStorable);
  return !isConfigMap(value) || Object.values(value).every(isStorable);
}

/** Null if nothing is left of the map. */
function withValue(
  map: ConfigMap,
  path: readonly string[],
  value: unknown,
): ConfigMap | null {
  const [key = "", ...rest] = path;
  const earlier = ownValue(map, key);
  const inner = isConfigMap(earlier) ? earlier : {};
  const changed = rest.length === 0 ? value : withValue(inner, rest, value);
  const others = Object.entries(map).filter(([name]) => name !== key);
  if (changed === null) {
    return others.length === 0 ? null : Object.fromEntries(others);
  }
  const isNew = !Object.hasOwn(map, key);
  const entries = Object.entries(map).map(([name, item]) =>
    [name, name === key ? changed : item] as const
  );
  return Object.fromEntries(isNew ? [...entries, [key, changed]] : entries);
}
