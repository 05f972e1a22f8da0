/**
 * Reads the `parameters` maps: which values are possible, how they are written
 * for PostgreSQL, which ones the scope controls and what those become.
 *
 * Source: docs/contract/configuration.md 6.1, 6.4, 6.5; Patroni 4.1.4 `postgresql/config.py`.
 */
import { RECOVERY_NAMES } from "../core/base/recovery_names.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../core/calc/documents/config_merge.ts";
import {
  CONTROLLED_PARAMETERS,
  controlledParameter,
  walKeep,
  walLevelFor,
} from "./controlled_parameters.ts";
import type { InstanceRole } from "../core/model/member.ts";
import type { ListenAddress } from "./addresses.ts";
import { PARAMETER_KEYS } from "./role_settings.ts";
import type { ConfigProblem } from "./problems.ts";

/** Value by parameter name; the spelling of the name is kept. */
export type ParameterMap = Readonly<Record<string, string>>;

/** Texts of a map of scalars; keys with null are left out. */
export function renderParameters(map: ConfigMap): ParameterMap {
  return Object.fromEntries(
    Object.entries(map)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [name, renderParameter(value)]),
  );
}

/** What controlled parameters follow from, besides the dynamic document. */
export interface ControlledFacts {
  readonly scope: string;
  readonly listen: ListenAddress;
  /** As in `server_version_num`. */
  readonly serverVersion: number;
}

/** Controlled parameters, and a sentence for each refused value. */
export interface ControlledValues {
  readonly values: ParameterMap;
  readonly warnings: readonly string[];
}

interface AcceptedParameters {
  readonly accepted: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * Problems of `parameters`, and of those of a role, in a `postgresql` section: values that are no text,
 * number or boolean.
 */
export function checkedParameters(postgresql: ConfigMap): ConfigProblem[] {
  return PARAMETER_KEYS.flatMap((key) => checkedMap(postgresql, key));
}

function checkedMap(postgresql: ConfigMap, key: string): ConfigProblem[] {
  const parameters = ownValue(postgresql, key);
  if (parameters === undefined || parameters === null) return [];
  const path = `postgresql.${key}`;
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

/**
 * The controlled parameters that the server's version knows, with defaults.
 *
 * @param dynamic The `postgresql` section of the dynamic document.
 */
export function controlledValues(
  dynamic: ConfigMap,
  facts: ControlledFacts,
): ControlledValues {
  const version = facts.serverVersion;
  const { accepted, warnings } = acceptedParameters(dynamic);
  const { hosts, port } = facts.listen;
  const segments = accepted.get("wal_keep_segments") ?? null;
  const size = accepted.get("wal_keep_size") ?? null;
  const keep = walKeep(segments, size, version);
  const level = accepted.get("wal_level") ?? "hot_standby";
  const derived: ReadonlyMap<string, string> = new Map([
    ["listen_addresses", hosts.join(",")],
    ["port", String(port)],
    ["cluster_name", facts.scope],
    ["wal_keep_segments", keep],
    ["wal_keep_size", keep],
    ["wal_level", walLevelFor(level, version)],
  ]);
  const known = CONTROLLED_PARAMETERS.filter(({ since, until }) =>
    version >= since && version < until
  );
  const values = known.map(({ name, fallback }) => [
    name,
    derived.get(name) ?? accepted.get(name) ?? fallback ?? "",
  ]);
  return { values: Object.fromEntries(values), warnings };
}

function acceptedParameters(dynamic: ConfigMap): AcceptedParameters {
  const accepted = new Map<string, string>();
  const warnings: string[] = [];
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
  return { accepted, warnings };
}

/**
 * The parameters that are not controlled, the local layer over the dynamic one,
 * and the role's over both. Names are matched in any case; the later spelling is
 * kept.
 */
export function otherParameters(
  dynamic: ConfigMap,
  local: ConfigMap,
  role: InstanceRole,
): ParameterMap {
  const byName = new Map<string, readonly [string, string]>();
  const layers = ["parameters", `parameters_${role}`].flatMap((key) => [
    sectionOf(dynamic, key),
    sectionOf(local, key),
  ]);
  for (const layer of layers) {
    for (const [name, value] of Object.entries(layer)) {
      if (controlledParameter(name) !== null) continue;
      if (value === null || value === undefined) continue;
      byName.set(name.toLowerCase(), [name, renderParameter(value)]);
    }
  }
  return Object.fromEntries(byName.values());
}

/**
 * The names that PostgreSQL reads as such, and a sentence for each other one. In
 * its file a name stands bare: another would be a line of its own, end the reading,
 * or include a file.
 *
 * Source: PostgreSQL 17 `guc-file.l`, ID and QUALIFIED_ID.
 */
export function bareNames(
  parameters: ParameterMap,
): { readonly kept: ParameterMap; readonly warnings: readonly string[] } {
  const isBare = (name: string): boolean =>
    NAME.test(name) && !INCLUDES.has(name.toLowerCase());
  const entries = Object.entries(parameters);
  return {
    kept: Object.fromEntries(entries.filter(([name]) => isBare(name))),
    warnings: entries.filter(([name]) => !isBare(name)).map(([name]) =>
      `postgresql parameter ${JSON.stringify(name)} is no name of a ` +
      "parameter, it is skipped"
    ),
  };
}

const NAME =
  /^[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]{0,62}(?:\.[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]{0,62})?$/;
const INCLUDES: ReadonlySet<string> = new Set([
  "include",
  "include_dir",
  "include_if_exists",
]);

/** Whether the parameter belongs to recovery, in any case. */
export function isRecoveryName(name: string): boolean {
  return RECOVERY_NAMES.has(name.toLowerCase());
}

function sectionOf(map: ConfigMap, key: string): ConfigMap {
  const section = ownValue(map, key);
  return isConfigMap(section) ? section : {};
}
