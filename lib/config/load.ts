/**
 * Finds the local configuration: a file, a directory of files, or the
 * environment, in Patroni's order of precedence, and decodes it.
 *
 * It reads through a tiny interface, so it needs no permissions of its own, and
 * it changes nothing: the caller deletes the consumed variables.
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
} from "./env.ts";
import type { LocalConfig } from "./local_config.ts";
import { ConfigError, type ConfigWarning } from "./problems.ts";
import { decodeLocalConfig } from "./schema.ts";
import { byCodePoint } from "../patroni/text_order.ts";
import {
  readYaml11,
  type RewrittenNumber,
  YamlError,
} from "../patroni/yaml_1_1.ts";

/** The two questions that the loader asks of a file system. */
export interface ConfigReader {
  /** What a path names, after following links. */
  kind(path: string): Promise<"file" | "directory" | "other" | "missing">;
  /** Names in a directory, without path, in any order. */
  list(directory: string): Promise<readonly string[]>;
  /** Text of a file. Rejects when it cannot be read. */
  read(file: string): Promise<string>;
}

/** Where to look. */
export interface LoadOptions {
  /** File or directory from the command line, null without one. */
  readonly path: string | null;
  /** The environment as captured when the process started. */
  readonly env: Environment;
  readonly reader: ConfigReader;
}

/** Where the configuration came from; only files can change on a reload. */
export type ConfigSource =
  | { readonly kind: "files"; readonly files: readonly string[] }
  | { readonly kind: "configuration_variable" }
  | { readonly kind: "environment" };

/** The merged document before it is decoded. */
export interface LoadedDocument {
  /** With secrets: `redact()` it before showing. */
  readonly document: ConfigMap;
  readonly source: ConfigSource;
  /** Variables to delete before other programs are started. */
  readonly consumedVariables: readonly string[];
  readonly warnings: readonly ConfigWarning[];
}

/** The configuration and what its author should know. */
export interface LoadedConfig extends LoadedDocument {
  readonly config: LocalConfig;
}

/**
 * The typed local configuration of this member.
 *
 * Call it again with the same captured environment to reload.
 *
 * @throws {ConfigError} With every problem at once; nothing else is thrown.
 *
 * Source: docs/contract/configuration.md 1.2, 1.3; Patroni 4.1.4 `config.py`, Config.
 */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const loaded = await loadDocument(options);
  const { config, warnings } = decodeLocalConfig(loaded.document);
  return { ...loaded, config, warnings: [...loaded.warnings, ...warnings] };
}

/**
 * The merged document alone, for tools that need only parts of it, such as the
 * command line, which has no `postgresql` section.
 *
 * @throws {ConfigError} If there is none, or a file cannot be used.
 */
export async function loadDocument(
  options: LoadOptions,
): Promise<LoadedDocument> {
  const { path, env, reader } = options;
  const kind = path === null ? "missing" : await reader.kind(path);
  const loaded = path === null || kind === "missing"
    ? fromEnvironment(env)
    : await fromFiles({ path, env, reader }, kind);
  checkDocument(loaded.document, kind === "missing" ? path : null);
  if (path === null || kind !== "missing") return loaded;
  const text = `Configuration path ${path} does not exist, ` +
    "the environment is used instead";
  return { ...loaded, warnings: [{ path, text }, ...loaded.warnings] };
}

interface PathOptions extends LoadOptions {
  readonly path: string;
}

async function fromFiles(
  { path, env, reader }: PathOptions,
  kind: "file" | "directory" | "other",
): Promise<LoadedDocument> {
  if (kind === "other") {
    throw new ConfigError("invalid config path", {
      logs: [`config path ${path} is neither directory nor file`],
    });
  }
  const files = kind === "file" ? [path] : await yamlFiles(path, reader);
  let document: ConfigMap = {};
  const notes: ConfigWarning[] = [];
  for (const file of files) {
    const { value, warnings } = await readFile(file, reader);
    document = mergePatch(document, value).value;
    notes.push(...warnings);
  }
  const environment = readEnvironment(env);
  const merged = mergePatch(document, environment.document).value;
  return {
    document: withCredentials(merged, environment.credentials),
    source: { kind: "files", files },
    consumedVariables: environment.consumed,
    warnings: [...notes, ...environment.warnings],
  };
}

function fromEnvironment(env: Environment): LoadedDocument {
  const environment = readEnvironment(env);
  const consumedVariables = environment.consumed;
  const whole = wholeConfiguration(env);
  if (whole !== null) {
    const source = { kind: "configuration_variable" } as const;
    const { value: document, warnings } = whole;
    return { document, source, consumedVariables, warnings };
  }
  return {
    document: withCredentials(environment.document, environment.credentials),
    source: { kind: "environment" },
    consumedVariables,
    warnings: environment.warnings,
  };
}

/** Null when the variable is not set or holds nothing. */
function wholeConfiguration(env: Environment): ReadMap | null {
  const text = wholeConfigurationText(env);
  if (text === null) return null;
  const { value, warnings } = parsed(text, "PATRONI_CONFIGURATION");
  if (isConfigMap(value)) {
    return Object.keys(value).length > 0
      ? { value: mergePatch({}, value).value, warnings }
      : null;
  }
  if (value === null || value === false) return null;
  throw new ConfigError("invalid config file PATRONI_CONFIGURATION", {
    logs: ["PATRONI_CONFIGURATION does not contain a dict"],
  });
}

async function yamlFiles(
  directory: string,
  reader: ConfigReader,
): Promise<readonly string[]> {
  const names = await access(directory, () => reader.list(directory));
  const files: string[] = [];
  const folder = directory.endsWith("/") ? directory : `${directory}/`;
  for (const name of [...names].sort(byCodePoint)) {
    if (!/\.ya?ml$/.test(name)) continue;
    const file = `${folder}${name}`;
    if (await reader.kind(file) === "file") files.push(file);
  }
  return files;
}

interface ReadMap {
  readonly value: ConfigMap;
  readonly warnings: readonly ConfigWarning[];
}

async function readFile(file: string, reader: ConfigReader): Promise<ReadMap> {
  const text = await access(file, () => reader.read(file));
  const { value, warnings } = parsed(text, file);
  if (isConfigMap(value)) return { value, warnings };
  throw new ConfigError(`invalid config file ${file}`, {
    logs: [`${file} does not contain a dict`],
  });
}

async function access<T>(path: string, use: () => Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`Cannot read configuration ${path}: ${reason}`);
  }
}

interface ReadText {
  readonly value: unknown;
  readonly warnings: readonly ConfigWarning[];
}

function parsed(text: string, origin: string): ReadText {
  try {
    const { value, rewritten } = readYaml11(text);
    return { value, warnings: numberWarnings(rewritten, origin) };
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new ConfigError(
      `Cannot read configuration ${origin} as YAML: ${error.message}`,
    );
  }
}

/** Where a text is meant, a number that changes its digits is a mistake. */
const TEXT_PATH = new RegExp(
  "(?:^|\\.)(?:name|scope|namespace|user(?:name)?|(?:key|keyfile_|ssl)?_?" +
    "password|token|database|replicatefrom|primary_slot_name)$|^tags\\.(?!" +
    "(?:failover|sync)_priority$)",
);

function numberWarnings(
  rewritten: readonly RewrittenNumber[],
  origin: string,
): readonly ConfigWarning[] {
  return rewritten.filter(({ path }) => TEXT_PATH.test(path))
    .map(({ path, line }) => ({
      path,
      text: `${path} (${origin}, line ${line}) is a number in YAML, and its ` +
        "digits are not those that stand there (0123 is 83): put it in quotes " +
        "if it is meant as text",
    }));
}

/** @param missing The path that was asked for and is not there. */
function checkDocument(document: ConfigMap, missing: string | null): void {
  if (Object.keys(document).length === 0) {
    const why = missing === null
      ? ""
      : ` ${missing} does not exist, and no PATRONI_ variable is set.`;
    throw new ConfigError(`Config is empty.${why}`);
  }
  const postgresql = ownValue(document, "postgresql");
  if (!isConfigMap(postgresql)) return;
  const parameters = ownValue(postgresql, "parameters") ?? {};
  if (!isConfigMap(parameters)) {
    throw new ConfigError("postgresql.parameters is not a dictionary");
  }
}
