/**
 * What a usable configuration should tell its author: misspelt keys, settings
 * without effect, and values that are replaced by a default.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { tagConflicts, tagConflictText } from "../core/codec/tags_codec.ts";
import { timeProblems } from "../core/codec/settings_codec.ts";
import { controlledParameter } from "./controlled_parameters.ts";
import { isAbsent } from "./fields.ts";
import { LOCAL_PLACES } from "./keys/all.ts";
import { unknownKeys } from "./known_keys.ts";
import type { ConfigWarning } from "./problems.ts";
import { controlledByRole } from "./role_settings.ts";
import { isMethodMissing } from "./sections/bootstrap.ts";
import { STORES, usableStore } from "./stores/all.ts";

/** All warnings for a document that has been decoded without problems. */
export function configWarnings(document: ConfigMap): readonly ConfigWarning[] {
  return [
    ...unknownKeys(document),
    ...withoutEffect(document),
    ...doubtfulValues(document),
    ...bootstrapWarnings(document),
    ...tagConflicts(ownValue(document, "tags"))
      .map((conflict) => ({ path: "tags", text: tagConflictText(conflict) })),
    ...timingWarnings(sectionOf(sectionOf(document, "bootstrap"), "dcs")),
  ];
}

/** Times are repaired in memory; who wrote them should know what is in force. */
function timingWarnings(dynamic: ConfigMap): ConfigWarning[] {
  return timeProblems(dynamic)
    .map((text) => ({ path: "bootstrap.dcs", text }));
}

function withoutEffect(document: ConfigMap): ConfigWarning[] {
  const postgresql = sectionOf(document, "postgresql");
  const dynamicOnly = LOCAL_PLACES
    .filter(({ path, layer }) =>
      layer === "dynamic" && valueAt(document, path) !== undefined
    )
    .map(({ path }) => path);
  const controlled = Object.keys(sectionOf(postgresql, "parameters"))
    .filter((name) => controlledParameter(name) !== null)
    .map((name) => `postgresql.parameters.${name}`)
    .concat(controlledByRole(postgresql));
  const ignored = [...dynamicOnly, ...controlled].map((path) => ({
    path,
    text: `${path} is ignored here: it is set for the whole scope in the ` +
      "dynamic configuration",
  }));
  return [...ignored, ...unusedSections(document)];
}

function unusedSections(document: ConfigMap): ConfigWarning[] {
  const present = STORES.map(({ name }) => name)
    .filter((name) => Object.hasOwn(document, name));
  const store = usableStore(document);
  const used = store?.name;
  const unused = present.filter((name) => used !== undefined && name !== used)
    .map((path) => ({ path, text: `Section ${path} is not used: ${used} is` }));
  if (store?.doubt !== undefined) {
    unused.push({ path: store.name, text: store.doubt });
  }
  if (!isAbsent(ownValue(document, "clusters"))) {
    const text = "clusters is ignored here: it is for a proxy without a member";
    unused.push({ path: "clusters", text });
  }
  if (!Object.hasOwn(document, "citus")) return unused;
  const text = "Section citus is ignored: Citus is not supported";
  return [...unused, { path: "citus", text }];
}

/** Values that are taken for others than they seem, or replaced. */
function doubtfulValues(document: ConfigMap): ConfigWarning[] {
  return LOCAL_PLACES.flatMap(({ path, key: { type } }) => {
    const value = type.doubt === undefined ? null : valueAt(document, path);
    const text = isAbsent(value) ? null : type.doubt?.(value, path) ?? null;
    return text === null ? [] : [{ path, text }];
  });
}

function bootstrapWarnings(document: ConfigMap): ConfigWarning[] {
  const warnings: ConfigWarning[] = [];
  const bootstrap = sectionOf(document, "bootstrap");
  if (
    isConfigMap(ownValue(document, "bootstrap")) &&
    isAbsent(ownValue(bootstrap, "dcs"))
  ) {
    const text = "bootstrap.dcs is missing: this member can join a cluster, " +
      "but create none";
    warnings.push({ path: "bootstrap.dcs", text });
  }
  if (isMethodMissing(bootstrap)) {
    const text =
      "bootstrap.method names no section with a command, initdb is " +
      "used instead";
    warnings.push({ path: "bootstrap.method", text });
  }
  if (!isAbsent(ownValue(bootstrap, "users"))) {
    const text = "bootstrap.users is deprecated (Patroni 4 ignores it): " +
      "create users in bootstrap.post_bootstrap";
    warnings.push({ path: "bootstrap.users", text });
  }
  return warnings;
}

function valueAt(document: ConfigMap, path: string): unknown {
  return path.split(".").reduce<unknown>(
    (value, key) => isConfigMap(value) ? ownValue(value, key) : undefined,
    document,
  );
}

function sectionOf(document: ConfigMap, key: string): ConfigMap {
  const section = ownValue(document, key);
  return isConfigMap(section) ? section : {};
}
