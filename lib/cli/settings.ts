/**
 * Finds and reads the configuration of the command line: the lookup order, what
 * overrides what, and the few values that commands use.
 *
 * Unlike the agent's, this configuration may lack nearly everything, so only
 * the sections in use are checked.
 *
 * Source: docs/contract/cli.md A2.
 */
import {
  type ConfigMap,
  isConfigMap,
  mergePatch,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import {
  type Environment,
  readEnvironment,
  wholeConfigurationText,
  withCredentials,
} from "../config/env.ts";
import { misfitsOf, Wanted } from "../config/fields.ts";
import { FIRST_KEYS } from "../config/keys/all.ts";
import { readKeys } from "../config/keys/key.ts";
import { modernStore } from "../config/legacy.ts";
import type { Credentials } from "../config/local_config.ts";
import { fencing } from "../config/sections/fencing.ts";
import {
  readStore,
  type StoreConfig,
  STORES,
  USABLE_STORES,
  usableNames,
} from "../config/stores/all.ts";
import { parseYaml11 } from "../patroni/yaml_1_1.ts";
import type { CliContext, TlsSettings } from "./context.ts";
import { parseDcsUrl } from "./dcs_url.ts";
import { CliError, messageOf } from "./errors.ts";
import type { Invocation } from "./invocation.ts";
import { withoutTrailing } from "../core/base/trailing.ts";

/** One source of the local configuration. */
export interface ConfigLayer {
  /** A file's path, or `environment variable <name>`. */
  readonly source: string;
  readonly document: ConfigMap;
}

/** What commands know about the configuration. */
export interface CliSettings {
  /** Where the local configuration comes from, the later over the earlier. */
  readonly layers: readonly ConfigLayer[];
  /** Default of CLUSTER, null if not configured. */
  readonly scope: string | null;
  /** Name of this host's member, null if not configured. */
  readonly memberName: string | null;
  /** Folder of the cluster's own certificates, null if there is none. */
  readonly certificatesDir: string | null;
  /** PostgreSQL's data directory, null if not configured. */
  readonly dataDir: string | null;
  /** Without slashes at its ends. */
  readonly namespace: string;
  readonly dcs: StoreConfig;
  /** `citus.group`, null without that section. */
  readonly citusGroup: number | null;
  readonly loopWaitS: number;
  /** The fencing command and its time, null without one. */
  readonly fencing: {
    readonly command: readonly string[];
    readonly timeoutMs: number;
  } | null;
  readonly credentials: Credentials | null;
  readonly tls: TlsSettings;
}

/** Whether this host has a vote in the store and a proxy, and no PostgreSQL. */
export function isWitness(
  { certificatesDir, dataDir }: Pick<
    CliSettings,
    "certificatesDir" | "dataDir"
  >,
): boolean {
  return certificatesDir !== null && dataDir === null;
}

/**
 * The settings for one command.
 *
 * @param globals Values of the program's own options.
 * @throws {CliError} If a file cannot be read or there is no usable DCS.
 */
export async function loadSettings(
  context: CliContext,
  globals: Invocation,
): Promise<CliSettings> {
  const layers = await readLayers(context, globals.text("-c"));
  const document = modernStore(mergedLayers(layers, context));
  const url = globals.text("-d") ?? (context.environment["DCS_URL"] || null);
  const withUrl = url === null ? document : replaceDcs(document, url);
  const settings = { ...settingsOf(withUrl), layers };
  const { tls } = settings;
  return globals.has("-k")
    ? { ...settings, tls: { ...tls, isInsecure: true } }
    : settings;
}

/**
 * The settings that another file on this host gives, with this environment.
 *
 * @throws {CliError} As {@link loadSettings}.
 */
export async function settingsOfFile(
  context: CliContext,
  path: string,
): Promise<CliSettings> {
  const layers = await readLayers(context, path);
  return { ...settingsOf(modernStore(mergedLayers(layers, context))), layers };
}

async function readLayers(
  context: CliContext,
  optionPath: string | null,
): Promise<readonly ConfigLayer[]> {
  const { environment } = context;
  const givenPath = optionPath ||
    environment["PATRONICTL_CONFIG_FILE"] ||
    environment["MATRIARCH_CONFIG_FILE"] || null;
  const path = givenPath ?? defaultConfigPath(context);
  const fromFiles = path === null ? null : await readPath(context, path);
  if (fromFiles === null && givenPath !== null) {
    throw new CliError(
      `Provided config file ${givenPath} not existing or no read rights. ` +
        "Check the -c/--config-file parameter",
    );
  }
  const whole = fromFiles === null ? wholeConfigurationText(environment) : null;
  if (whole !== null) {
    const source = "PATRONI_CONFIGURATION";
    return [{ source, document: parsed(whole, source) }];
  }
  return [...fromFiles ?? [], ...environmentLayers(environment)];
}

/** Each variable is a layer of its own, so that it can be named. */
function environmentLayers(
  environment: Environment,
): readonly ConfigLayer[] {
  const { consumed } = readEnvironment(environment);
  return consumed.flatMap((name) => {
    const { document } = readEnvironment({ [name]: environment[name] ?? "" });
    return Object.keys(document).length === 0
      ? []
      : [{ source: `environment variable ${name}`, document }];
  });
}

function mergedLayers(
  layers: readonly ConfigLayer[],
  { environment }: CliContext,
): ConfigMap {
  const merged = layers.reduce<ConfigMap>(
    (document, layer) => mergePatch(document, layer.document).value,
    {},
  );
  const isWhole = layers[0]?.source === "PATRONI_CONFIGURATION";
  if (isWhole) return merged;
  return withCredentials(merged, readEnvironment(environment).credentials);
}

/** Where the configuration is if nobody says; null without a home. */
export function defaultConfigPath(
  { environment, isMacOs }: CliContext,
): string | null {
  const home = environment["HOME"] ?? "";
  const folder = isMacOs
    ? `${home}/Library/Application Support`
    : environment["XDG_CONFIG_HOME"] || `${home}/.config`;
  return folder.startsWith("/") ? `${folder}/patroni/patronictl.yaml` : null;
}

/** Null if there is neither a readable file nor a directory. */
async function readPath(
  { files }: CliContext,
  path: string,
): Promise<readonly ConfigLayer[] | null> {
  const names = await files.list(path);
  if (names === null) {
    const text = await files.readText(path);
    return text === null
      ? null
      : [{ source: path, document: parsed(text, path) }];
  }
  const layers: ConfigLayer[] = [];
  for (const name of names.filter((each) => /\.ya?ml$/.test(each)).toSorted()) {
    const source = `${path}/${name}`;
    const text = await files.readText(source);
    if (text === null) continue;
    layers.push({ source, document: parsed(text, source) });
  }
  return layers;
}

function parsed(text: string, source: string): ConfigMap {
  let value: unknown;
  try {
    value = parseYaml11(text);
  } catch (error) {
    throw new CliError(`Cannot read ${source}: ${messageOf(error)}`);
  }
  if (value === null) return {};
  if (isConfigMap(value)) return value;
  throw new CliError(`Cannot read ${source}: it does not contain a map`);
}

function replaceDcs(document: ConfigMap, urlText: string): ConfigMap {
  const url = parseDcsUrl(urlText);
  const kept = Object.entries(document).filter(([key]) =>
    !STORES.some(({ name }) => name === key)
  );
  const namespace = url.namespace === null ? {} : { namespace: url.namespace };
  return {
    ...Object.fromEntries(kept),
    ...namespace,
    [url.kind]: url.section,
  };
}

function settingsOf(document: ConfigMap): Omit<CliSettings, "layers"> {
  const restapi = mapAt(document, "restapi");
  const { ctl } = checked(readCtl(document));
  const citusGroup = ownValue(mapAt(document, "citus"), "group");
  const loopWait = ownValue(document, "loop_wait");
  return {
    scope: textAt(document, "scope"),
    memberName: textAt(document, "name"),
    dataDir: textAt(mapAt(document, "postgresql"), "data_dir"),
    certificatesDir: textAt(mapAt(document, "certificates"), "dir"),
    namespace: withoutTrailing(
      (textAt(document, "namespace") ?? "service").replace(/^\/+/, ""),
      "/",
    ),
    dcs: dcsOf(document),
    citusGroup: typeof citusGroup === "number" ? citusGroup : null,
    loopWaitS: typeof loopWait === "number" ? loopWait : 10,
    fencing: fencingOf(document),
    credentials: ctl.authentication ?? credentialsOf(restapi),
    tls: {
      isInsecure: ctl.isInsecure,
      cacert: ctl.cacert ?? textAt(restapi, "cafile"),
      certfile: ctl.certfile,
      keyfile: ctl.keyfile,
      keyfilePassword: ctl.keyfilePassword,
    },
  };
}

function dcsOf(document: ConfigMap): StoreConfig {
  if (!USABLE_STORES.some(({ name }) => Object.hasOwn(document, name))) {
    const names = usableNames(", ");
    throw new CliError(
      "Can not find suitable configuration of distributed configuration " +
        `store\nAvailable implementations: ${names}`,
    );
  }
  return checked(readStore(document));
}

/** What cannot be read is told by the agent, which then does not start. */
function fencingOf(document: ConfigMap): CliSettings["fencing"] {
  const read = fencing.read(mapAt(document, "fencing"));
  if (read instanceof Wanted || read.command === null) return null;
  const { command, timeoutMs } = read;
  return { command, timeoutMs };
}

const readCtl = readKeys({ ctl: FIRST_KEYS.ctl } as const);

function checked<T>(result: T | Wanted): T {
  if (!(result instanceof Wanted)) return result;
  const problems = misfitsOf(result)
    .map(({ path, wanted }) => `${path.join(".")} ${wanted}`);
  throw new CliError(`The configuration is wrong: ${problems.join("; ")}`);
}

function credentialsOf(restapi: ConfigMap): Credentials | null {
  const section = mapAt(restapi, "authentication");
  const username = textAt(section, "username");
  const password = textAt(section, "password");
  return username === null || password === null ? null : { username, password };
}

function mapAt(map: ConfigMap, key: string): ConfigMap {
  const value = ownValue(map, key);
  return isConfigMap(value) ? value : {};
}

/** Text, also of a number: `password: 1234` is common. Empty counts as absent. */
function textAt(map: ConfigMap, key: string): string | null {
  const value = ownValue(map, key);
  const text = typeof value === "number" ? String(value) : value;
  return typeof text === "string" && text !== "" ? text : null;
}
