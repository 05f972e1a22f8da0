/**
 * Settings that depend on the role of the instance: `parameters`, `pg_hba` and
 * `pg_ident` with the role's name appended. Parameters are laid over the common
 * ones, one by one; lines replace the common ones as a whole.
 *
 * Source: Patroni after 4.1 (pull request 3530), observed behavior.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import type { InstanceRole } from "../core/model/member.ts";
import { controlledParameter } from "./controlled_parameters.ts";

/** Every role that has settings of its own. */
export const INSTANCE_ROLES = [
  "primary",
  "replica",
  "standby_leader",
] as const satisfies readonly InstanceRole[];

/** The keys of all roles for `base`, such as `pg_hba_replica`. */
export function roleKeys(base: string): readonly string[] {
  return INSTANCE_ROLES.map((role) => `${base}_${role}`);
}

/** The keys of maps of parameters, the common one first. */
export const PARAMETER_KEYS: readonly string[] = [
  "parameters",
  ...roleKeys("parameters"),
];

/**
 * Paths of parameters that are the scope's, so that no role may have its own.
 *
 * @param postgresql A section `postgresql` of either layer.
 */
export function controlledByRole(postgresql: ConfigMap): readonly string[] {
  return roleKeys("parameters").flatMap((key) => {
    const map = ownValue(postgresql, key);
    return Object.keys(isConfigMap(map) ? map : {})
      .filter((name) => controlledParameter(name) !== null)
      .map((name) => `postgresql.${key}.${name}`);
  });
}
