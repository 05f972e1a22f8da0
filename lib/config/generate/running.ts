/**
 * `--generate-config`: the configuration of a running server, so that it can be
 * taken into a cluster as it is.
 *
 * Source: docs/contract/configuration.md 9.
 */
import {
  type ConfigMap,
  mergePatch,
} from "../../core/calc/documents/config_merge.ts";
import {
  CONTROLLED_PARAMETERS,
  controlledParameter,
} from "../controlled_parameters.ts";
import { isRecoveryName } from "../parameters.ts";
import { FIX_ME } from "./template.ts";

/** One row of pg_settings. */
export interface ServerSetting {
  readonly name: string;
  readonly value: string;
  readonly source: string;
  readonly context: string;
}

/** What was read from the server and its files. */
export interface ServerFacts {
  readonly settings: readonly ServerSetting[];
  /** Directory of the postmaster's executable. */
  readonly binDir: string;
  /** Lines of the files; null: not the default file in the data directory. */
  readonly hbaLines: readonly string[] | null;
  readonly identLines: readonly string[] | null;
  /** Keys of `authentication.superuser`. */
  readonly superuser: Readonly<Record<string, string>>;
  /** Host of this machine and the port that was connected. */
  readonly connectAddress: string;
}

const LOCAL_NAMES: ReadonlySet<string> = new Set([
  "archive_command",
  "restore_command",
  "archive_cleanup_command",
  "recovery_end_command",
  "ssl_passphrase_command",
  "hba_file",
  "ident_file",
  "config_file",
]);

const KEPT_SOURCES: ReadonlySet<string> = new Set([
  "configuration file",
  "command line",
  "environment variable",
]);

/** The base with the server's values over it. */
export function runningConfiguration(
  base: ConfigMap,
  facts: ServerFacts,
): ConfigMap {
  const byName = new Map(
    facts.settings.map((setting) => [setting.name, setting.value]),
  );
  const scope = byName.get("cluster_name") ?? "";
  const listen = byName.get("listen_addresses") ?? "*";
  const server = {
    ...(scope === "" ? {} : { scope }),
    bootstrap: {
      dcs: { postgresql: { parameters: sharedParameters(facts.settings) } },
    },
    postgresql: {
      authentication: {
        superuser: facts.superuser,
        replication: { username: FIX_ME, password: FIX_ME },
      },
      bin_dir: facts.binDir,
      connect_address: facts.connectAddress,
      data_dir: byName.get("data_directory") ?? FIX_ME,
      listen: `${listen}:${byName.get("port") ?? "5432"}`,
      parameters: localParameters(facts.settings),
      ...(facts.hbaLines === null ? {} : { pg_hba: facts.hbaLines }),
      ...(facts.identLines === null ? {} : { pg_ident: facts.identLines }),
    },
  };
  return mergePatch(base, server).value;
}

function isKept({ source, context }: ServerSetting): boolean {
  return KEPT_SOURCES.has(source) && context !== "internal";
}

function localParameters(
  settings: readonly ServerSetting[],
): Readonly<Record<string, string>> {
  const entries = settings.filter((each) =>
    LOCAL_NAMES.has(each.name) && each.source !== "default" &&
    each.value !== ""
  ).map(({ name, value }) => [name, value]);
  return Object.fromEntries(entries);
}

/** Addresses and the scope's name have their own keys. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  "listen_addresses",
  "port",
  "cluster_name",
  "data_directory",
]);

/** Those that all members must have, or may. */
export function sharedParameters(
  settings: readonly ServerSetting[],
): Readonly<Record<string, string>> {
  const controlled = new Set(CONTROLLED_PARAMETERS.map(({ name }) => name));
  const entries = settings.filter((each) =>
    !LOCAL_NAMES.has(each.name) && !OWN_KEYS.has(each.name) &&
    !isRecoveryName(each.name) &&
    (isKept(each) || controlled.has(each.name)) &&
    isUsable(each)
  ).map(({ name, value }) => [name, value]);
  return Object.fromEntries(entries);
}

/** A value that a cluster may not have keeps the built-in default. */
function isUsable({ name, value }: ServerSetting): boolean {
  const parameter = controlledParameter(name);
  return parameter === null || parameter.accept(value) !== null;
}

/** Lines of a pg_hba.conf or pg_ident.conf that say something. */
export function recordLines(text: string): readonly string[] {
  return text.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
