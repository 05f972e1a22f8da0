/**
 * What a usable configuration should tell its author: misspelt keys, settings
 * without effect, and values that are replaced by a default.
 */
import { parseInteger } from "../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
  textForm,
} from "../core/calc/documents/config_merge.ts";
import { tagConflicts, tagConflictText } from "../core/codec/tags_codec.ts";
import { timeProblems } from "../core/codec/settings_codec.ts";
import { controlledParameter } from "./controlled_parameters.ts";
import { isAbsent } from "./fields.ts";
import { unknownKeys } from "./known_keys.ts";
import type { ConfigWarning } from "./problems.ts";
import { isMethodMissing } from "./sections/bootstrap.ts";
import { DCS_AVAILABLE, DCS_SECTIONS } from "./sections/dcs.ts";
import { controlledByRole } from "./role_settings.ts";
import { serverTokensOf, verifyClientOf } from "./sections/restapi.ts";
import { watchdogModeOf } from "./sections/watchdog.ts";

const DYNAMIC_ONLY = ["ttl", "loop_wait", "retry_timeout", "standby_cluster"];
const FLAG_KEYS = [
  "postgresql.use_unix_socket",
  "postgresql.use_unix_socket_repl",
  "postgresql.use_pg_rewind",
  "postgresql.remove_data_directory_on_rewind_failure",
  "postgresql.remove_data_directory_on_diverged_timelines",
  "restapi.allowlist_include_members",
  "ctl.insecure",
  "log.deduplicate_heartbeat_logs",
  "tags.nofailover",
  "tags.nosync",
  "tags.noloadbalance",
  "tags.clonefrom",
];

/** All warnings for a document that has been decoded without problems. */
export function configWarnings(document: ConfigMap): readonly ConfigWarning[] {
  return [
    ...unknownKeys(document),
    ...withoutEffect(document),
    ...replacedValues(document),
    ...misleadingFlags(document),
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
  const dynamicOnly = DYNAMIC_ONLY.filter((key) =>
    Object.hasOwn(document, key)
  );
  const controlled = Object.keys(sectionOf(postgresql, "parameters"))
    .filter((name) => controlledParameter(name) !== null)
    .map((name) => `postgresql.parameters.${name}`)
    .concat(controlledByRole(postgresql));
  const slots = Object.hasOwn(postgresql, "use_slots")
    ? ["postgresql.use_slots"]
    : [];
  const ignored = [...dynamicOnly, ...slots, ...controlled].map((path) => ({
    path,
    text: `${path} is ignored here: it is set for the whole scope in the ` +
      "dynamic configuration",
  }));
  return [...ignored, ...unusedSections(document)];
}

function unusedSections(document: ConfigMap): ConfigWarning[] {
  const present = DCS_SECTIONS.filter((key) => Object.hasOwn(document, key));
  const used = DCS_AVAILABLE.find((key) => Object.hasOwn(document, key));
  const unused = present.filter((key) => used !== undefined && key !== used)
    .map((path) => ({ path, text: `Section ${path} is not used: ${used} is` }));
  if (!Object.hasOwn(document, "citus")) return unused;
  const text = "Section citus is ignored: Citus is not supported";
  return [...unused, { path: "citus", text }];
}

function replacedValues(document: ConfigMap): ConfigWarning[] {
  const restapi = sectionOf(document, "restapi");
  const verify = ownValue(restapi, "verify_client");
  const tokens = ownValue(restapi, "server_tokens");
  const mode = ownValue(sectionOf(document, "watchdog"), "mode");
  const warnings: ConfigWarning[] = [];
  if (!isAbsent(verify) && verifyClientOf(verify) === null) {
    const text = `Bad value in the "restapi.verify_client": ${
      textForm(verify)
    }`;
    warnings.push({ path: "restapi.verify_client", text });
  }
  if (!isAbsent(tokens) && serverTokensOf(tokens) === null) {
    const text =
      `Bad value in the "restapi.server_tokens": ${textForm(tokens)}` +
      ", using original";
    warnings.push({ path: "restapi.server_tokens", text });
  }
  if (!isAbsent(mode) && watchdogModeOf(mode) === null) {
    const text = `Watchdog mode ${textForm(mode)} not recognized, ` +
      "disabling watchdog";
    warnings.push({ path: "watchdog.mode", text });
  }
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
  return [...warnings, ...poolSizes(document)];
}

function poolSizes(document: ConfigMap): ConfigWarning[] {
  const sizes = [
    ["thread_pool_size", ownValue(document, "thread_pool_size")],
    [
      "restapi.thread_pool_size",
      ownValue(sectionOf(document, "restapi"), "thread_pool_size"),
    ],
  ] as const;
  return sizes
    .filter(([, value]) => !isAbsent(value) && parseInteger(value) === null)
    .map(([path, value]) => ({
      path,
      text: `${path} is not a whole number: ${textForm(value)}, it is ignored`,
    }));
}

function misleadingFlags(document: ConfigMap): ConfigWarning[] {
  return FLAG_KEYS.flatMap((path) => {
    const [section = "", key = ""] = path.split(".");
    const value = ownValue(sectionOf(document, section), key);
    const isMisleading = typeof value === "string" &&
      /^(?:false|off|no|0)$/i.test(value);
    if (!isMisleading) return [];
    const text = `${path} is the text "${value}" and counts as true; ` +
      "write it without quotes";
    return [{ path, text }];
  });
}

function sectionOf(document: ConfigMap, key: string): ConfigMap {
  const section = ownValue(document, key);
  return isConfigMap(section) ? section : {};
}
