/**
 * Turns a merged configuration document into a `LocalConfig`, or says
 * everything that is wrong with it at once.
 *
 * The sections stand in `sections/`; this file puts them together and checks
 * what concerns more than one of them.
 */
import * as z from "zod";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { isAbsent, optional, required, text } from "./fields.ts";
import { modernLayout } from "./legacy.ts";
import type { DcsConfig, LocalConfig, ProxyConfig } from "./local_config.ts";
import { memberName, scopeName } from "./names.ts";
import {
  configErrorOf,
  type ConfigProblem,
  type ConfigWarning,
} from "./problems.ts";
import { sealProblems, sealWarnings } from "./seal.ts";
import { bootstrapSection } from "./sections/bootstrap.ts";
import {
  DCS_AVAILABLE,
  ETCD3_ENDPOINT_KEYS,
  etcd3Section,
  otherStoreText,
  sqliteSection,
} from "./sections/dcs.ts";
import { logSection } from "./sections/log.ts";
import { checkedParameters } from "./parameters.ts";
import { postgresSettings } from "./sections/postgres_settings.ts";
import { postgresqlSection } from "./sections/postgresql.ts";
import { PROXY_DEFAULTS, proxySection } from "./sections/proxy.ts";
import { ctlSection, restApiSection } from "./sections/restapi.ts";
import { tagsSection } from "./sections/tags.ts";
import { effectiveVips, vipSection } from "./sections/vip.ts";
import { watchdogSection } from "./sections/watchdog.ts";
import { exposureWarnings } from "./exposure.ts";
import { configWarnings } from "./warnings.ts";

/** A usable configuration and what its author should know. */
export interface DecodedConfig {
  readonly config: LocalConfig;
  readonly warnings: readonly ConfigWarning[];
}

const COMMON_FIELDS = {
  scope: required(scopeName),
  namespace: optional(text, "service"),
  name: required(memberName),
  log: logSection,
  restapi: restApiSection,
  ctl: ctlSection,
  bootstrap: bootstrapSection,
  postgresql: postgresqlSection,
  watchdog: watchdogSection,
  vip: vipSection,
  tags: tagsSection,
  proxy: proxySection,
};

const COMMON = z.object(COMMON_FIELDS);
const SETTINGS = z.object({ postgresql: postgresSettings });
const DCS_SCHEMAS: Readonly<
  Record<typeof DCS_AVAILABLE[number], z.ZodType<DcsConfig>>
> = { etcd3: etcd3Section, sqlite: sqliteSection };

const NO_DCS =
  "Can not find suitable configuration of distributed configuration store";

/**
 * Typed configuration of a merged document.
 *
 * @param document File or files with the environment over them.
 * @throws {ConfigError} With every problem found; nothing else is thrown.
 */
export function decodeLocalConfig(document: ConfigMap): DecodedConfig {
  const modern = modernLayout(document);
  const common = COMMON.safeParse(modern);
  const settings = SETTINGS.safeParse(modern);
  const dcs = decodeDcs(modern);
  const problems = [
    ...problemsOf(common, modern),
    ...problemsOf(settings, modern),
    ...dcs.problems,
    ...crossProblems(modern, common.data?.proxy ?? null),
    ...(common.success ? sealProblems(modern, common.data) : []),
  ];
  if (!common.success || dcs.config === null || problems.length > 0) {
    throw configErrorOf(withoutRepeats(problems));
  }
  const proxy = effectiveProxy(modern, common.data.proxy, dcs.config);
  const config: LocalConfig = {
    ...common.data,
    vip: effectiveVips(common.data.vip, proxy),
    namespace: trimSlashes(common.data.namespace),
    ctl: withRestApiFallbacks(common.data),
    dcs: dcs.config,
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

interface DecodedDcs {
  readonly config: DcsConfig | null;
  readonly problems: readonly ConfigProblem[];
}

function decodeDcs(document: ConfigMap): DecodedDcs {
  const name = DCS_AVAILABLE.find((key) => !isAbsent(ownValue(document, key)));
  if (name === undefined) {
    return { config: null, problems: [missingDcs(document)] };
  }
  const schema = z.object({ [name]: DCS_SCHEMAS[name] });
  const result = schema.safeParse(document);
  const config = result.success ? result.data[name] ?? null : null;
  return { config, problems: problemsOf(result, document) };
}

function missingDcs(document: ConfigMap): ConfigProblem {
  return {
    path: DCS_AVAILABLE.join(" or "),
    value: undefined,
    wanted:
      "a section etcd3 (hosts) or, for a lab on one host, sqlite (path). " +
      `${NO_DCS}. Available implementations: ${DCS_AVAILABLE.join(", ")}${
        otherStoreText(document)
      }`,
  };
}

function crossProblems(
  document: ConfigMap,
  proxy: ProxyConfig | null,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const etcd = ownValue(document, "etcd3");
  if (
    isConfigMap(etcd) && !ETCD3_ENDPOINT_KEYS.some((key) => ownValue(etcd, key))
  ) {
    problems.push({
      path: "etcd3.hosts",
      value: undefined,
      wanted: `a list of HOST:PORT, or one of ${
        ETCD3_ENDPOINT_KEYS.join(", ")
      }`,
    });
  }
  const ports = proxy === null
    ? []
    : [proxy.primaryPort, proxy.replicaPort, proxy.statsPort];
  if (new Set(ports).size !== ports.length) {
    problems.push({
      path: "proxy",
      value: ownValue(document, "proxy"),
      wanted: "three different ports",
    });
  }
  const postgresql = ownValue(document, "postgresql");
  if (!isConfigMap(postgresql)) return problems;
  return [...problems, ...checkedParameters(postgresql)];
}

function problemsOf(
  result: z.ZodSafeParseResult<unknown>,
  document: ConfigMap,
): ConfigProblem[] {
  if (result.success) return [];
  return result.error.issues.map(({ path, message }) => ({
    path: path.map(String).join("."),
    value: valueAt(document, path),
    wanted: message,
  }));
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (Array.isArray(value)) return value[Number(key)];
    return isConfigMap(value) ? ownValue(value, String(key)) : undefined;
  }, document);
}

/** A section that is no map is reported by each schema that wants one. */
function withoutRepeats(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return problems.filter((problem, index) =>
    problems.findIndex(({ path }) => path === problem.path) === index
  );
}

/** PostgreSQL compares names of standbys without regard to case. */
function trimSlashes(namespace: string): string {
  return namespace.split("/").filter(Boolean).join("/");
}

function withRestApiFallbacks(
  { ctl, restapi }: Pick<LocalConfig, "ctl" | "restapi">,
): LocalConfig["ctl"] {
  return {
    ...ctl,
    authentication: ctl.authentication ?? restapi.authentication,
    cacert: ctl.cacert ?? restapi.cafile,
  };
}

/**
 * Without the section a member with a real DCS has the proxy with its defaults.
 * A one-host lab has several members, which can not all listen on 5000: there
 * the proxy only runs when the section is written.
 */
function effectiveProxy(
  document: ConfigMap,
  proxy: ProxyConfig | null,
  dcs: DcsConfig,
): ProxyConfig | null {
  if (!isAbsent(ownValue(document, "proxy"))) return proxy;
  return dcs.kind === "sqlite" ? null : PROXY_DEFAULTS;
}
