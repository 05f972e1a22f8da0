/**
 * Turns a merged configuration document into a `LocalConfig`, or says
 * everything that is wrong with it at once.
 *
 * The sections stand in `sections/`; this file puts them together and checks
 * what concerns more than one of them.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { exposureWarnings } from "./exposure.ts";
import { isAbsent, type Misfit, misfitsOf, Wanted } from "./fields.ts";
import { FIRST_KEYS, LAST_KEYS } from "./keys/all.ts";
import { readKeys, type SectionOf } from "./keys/key.ts";
import { modernLayout } from "./legacy.ts";
import type { LocalConfig } from "./local_config.ts";
import { checkedParameters } from "./parameters.ts";
import {
  configErrorOf,
  type ConfigProblem,
  type ConfigWarning,
} from "./problems.ts";
import { sealProblems, sealWarnings } from "./seal.ts";
import {
  readPlainSettings,
  readSettings,
} from "./sections/postgres_settings.ts";
import type { ProxyConfig } from "./sections/proxy.ts";
import { effectiveVips } from "./sections/vip.ts";
import { proxyProblems } from "./proxy_problems.ts";
import { readStore, usableStore } from "./stores/all.ts";
import { configWarnings } from "./warnings.ts";

/** A usable configuration and what its author should know. */
export interface DecodedConfig {
  readonly config: LocalConfig;
  readonly warnings: readonly ConfigWarning[];
}

const SECTIONS = { ...FIRST_KEYS, ...LAST_KEYS };

const readSections = readKeys(SECTIONS);

/**
 * Typed configuration of a merged document.
 *
 * @param document File or files with the environment over them.
 * @throws {ConfigError} With every problem found; nothing else is thrown.
 */
export function decodeLocalConfig(document: ConfigMap): DecodedConfig {
  const modern = modernLayout(document);
  const sections = readSections(modern);
  const dcs = readStore(modern);
  const problems = [
    ...problemsOf(sections, modern),
    ...settingsProblems(modern),
    ...problemsOf(dcs, modern),
    ...crossProblems(modern, sections),
  ];
  const isUsable = !(sections instanceof Wanted) && !(dcs instanceof Wanted);
  if (!isUsable || problems.length > 0) {
    throw configErrorOf(withoutRepeats(problems));
  }
  const { restapi, ...rest } = sections;
  const proxy = effectiveProxy(modern, sections.proxy);
  const config: LocalConfig = {
    ...rest,
    restapi: {
      ...restapi,
      connectAddress: restapi.connectAddress ?? {
        host: restapi.listen.hosts[0] ?? "localhost",
        port: restapi.listen.port,
      },
    },
    vip: effectiveVips(sections.vip, proxy),
    namespace: trimSlashes(sections.namespace),
    ctl: withRestApiFallbacks(sections),
    dcs,
    proxy,
    document: modern,
  };
  const warnings = [
    ...configWarnings(modern),
    ...exposureWarnings(config.restapi),
    ...sealWarnings(modern, config),
  ];
  return { config, warnings };
}

/** What is wrong with a document, by what a reader said of it. */
export function problemsOf(
  result: unknown,
  document: ConfigMap,
): readonly ConfigProblem[] {
  return misfitsOf(result).map((misfit) => problemOf(misfit, document));
}

function problemOf(
  { path, wanted }: Misfit,
  document: ConfigMap,
): ConfigProblem {
  return { path: path.join("."), value: valueAt(document, path), wanted };
}

/** The settings of PostgreSQL are used later, with the dynamic ones below. */
function settingsProblems(document: ConfigMap): readonly ConfigProblem[] {
  const section = ownValue(document, "postgresql");
  if (!isConfigMap(section)) return [];
  const misfits = [readSettings(section), readPlainSettings(section)]
    .flatMap(misfitsOf);
  return misfits.map(({ path, wanted }) =>
    problemOf({ path: ["postgresql", ...path], wanted }, document)
  );
}

type Sections = SectionOf<typeof SECTIONS>;

function crossProblems(
  document: ConfigMap,
  sections: Sections | Wanted,
): ConfigProblem[] {
  const postgresql = ownValue(document, "postgresql");
  const parameters = isConfigMap(postgresql)
    ? checkedParameters(postgresql)
    : [];
  if (sections instanceof Wanted) return parameters;
  const { proxy } = sections;
  const ports = proxy === null ? [] : [
    proxy.primaryPort,
    proxy.replicaPort,
    proxy.statsPort,
    ...proxy.ports.map(({ port }) => port),
  ].filter((port) => port !== null);
  const clash: ConfigProblem = {
    path: "proxy",
    value: ownValue(document, "proxy"),
    wanted: "different ports",
  };
  const proxyVip: ConfigProblem = {
    path: "vip",
    value: "proxy",
    wanted: "role: proxy in the file of a stand-alone proxy, not of a member",
  };
  return [
    ...(new Set(ports).size === ports.length ? [] : [clash]),
    ...(proxy === null ? [] : proxyProblems(proxy)),
    ...(sections.vip.some(({ role }) => role === "proxy") ? [proxyVip] : []),
    ...parameters,
    ...sealProblems(document, sections),
  ];
}

function valueAt(document: ConfigMap, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => isConfigMap(value) ? ownValue(value, key) : undefined,
    document,
  );
}

/** A section that is no map is reported by each schema that wants one. */
function withoutRepeats(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.filter((problem, index) =>
    problems.findIndex(({ path }) => path === problem.path) === index
  );
}

function trimSlashes(namespace: string): string {
  return namespace.split("/").filter(Boolean).join("/");
}

function withRestApiFallbacks(
  { ctl, restapi }: Pick<Sections, "ctl" | "restapi">,
): LocalConfig["ctl"] {
  return {
    ...ctl,
    authentication: ctl.authentication ?? restapi.authentication,
    cacert: ctl.cacert ?? restapi.cafile,
  };
}

/**
 * Without the section a member with a real store has the proxy with its
 * defaults. A one-host lab has several members, which cannot all listen on
 * 5000: there the proxy only runs when the section is written.
 */
function effectiveProxy(
  document: ConfigMap,
  proxy: ProxyConfig | null,
): ProxyConfig | null {
  const isWritten = !isAbsent(ownValue(document, "proxy"));
  return isWritten || usableStore(document)?.hasProxy ? proxy : null;
}
