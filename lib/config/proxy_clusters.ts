/**
 * A stand-alone proxy's file: for one cluster, or for several, each of which is
 * an entry of `clusters` laid over the rest of the file.
 */
import {
  type ConfigMap,
  isConfigMap,
  mergePatch,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { isAbsent, Wanted } from "./fields.ts";
import { modernLayout } from "./legacy.ts";
import { ConfigError, configErrorOf, type ConfigProblem } from "./problems.ts";
import { decodeProxyHost, type ProxyHostConfig } from "./proxy_host.ts";
import { clusters, STORE_NAMES } from "./sections/clusters.ts";
import { portProblems } from "./proxy_cluster_ports.ts";

/**
 * The configuration of `matriarch proxy`, with all of its clusters.
 *
 * @throws {ConfigError} With every problem found; nothing else is thrown.
 */
export function decodeProxyFile(document: ConfigMap): ProxyHostConfig {
  const modern = modernLayout(document);
  const given = ownValue(modern, "clusters");
  const isMember = !isAbsent(valueBelow(modern, "postgresql", "data_dir"));
  // A member's proxy is for the member's cluster.
  if (isAbsent(given) || isMember) return decodeProxyHost(document);
  const entries = clusters.read(given);
  if (entries instanceof Wanted) {
    throw configErrorOf(entries.misfits.map(({ path, wanted }) => ({
      path: ["clusters", ...path].join("."),
      value: path.reduce<unknown>(valueAt, given),
      wanted,
    })));
  }
  const [first] = entries;
  return first === undefined
    ? decodeProxyHost(document)
    : severalOf(modern, [first, ...entries.slice(1)]);
}

function severalOf(
  document: ConfigMap,
  entries: readonly [ConfigMap, ...ConfigMap[]],
): ProxyHostConfig {
  const { clusters: _, ...base } = document;
  const problems = [...aloneProblems(base)];
  const configs = entries.map((entry, at) => {
    const found = attempt(layered(base, entry));
    if (!(found instanceof ConfigError)) return forOne(found);
    problems.push(...placedProblems(found, { entry, at }));
    return null;
  });
  const known = configs.filter((one) => one !== null);
  const isWhole = known.length === configs.length;
  if (isWhole) {
    problems.push(...scopeProblems(known), ...portProblems(known));
    problems.push(...addressProblems(known));
  }
  const [first] = entries;
  const common = attempt(layered(base, headOf(first)));
  if (isWhole && common instanceof ConfigError) {
    problems.push(...common.problems);
  }
  if (!(common instanceof ConfigError)) {
    problems.push(...statsPortProblems(common, known));
  }
  if (problems.length > 0 || common instanceof ConfigError) {
    throw configErrorOf(withoutRepeats(problems));
  }
  return { ...common, clusters: known };
}

/** What all of them share is theirs once: page and threads. */
function forOne(config: ProxyHostConfig): ProxyHostConfig {
  const { proxy } = config;
  const dataPlane = proxy.dataPlane === "auto" ? "portable" : proxy.dataPlane;
  return {
    ...config,
    isUiOn: false,
    proxy: { ...proxy, dataPlane, statsPort: null },
  };
}

/** The file with an entry over it: one that names a store has no other. */
function layered(base: ConfigMap, entry: ConfigMap): ConfigMap {
  const hasStore =
    STORE_NAMES.some((name) => !isAbsent(ownValue(entry, name))) ||
    !isAbsent(valueBelow(entry, "proxy", "agents"));
  const rest = hasStore
    ? Object.fromEntries(
      Object.entries(base).filter(([name]) => !STORE_NAMES.includes(name)),
    )
    : base;
  return mergePatch(rest, entry).value;
}

/** Of an entry only what no configuration can do without. */
function headOf(entry: ConfigMap): ConfigMap {
  const agents = valueBelow(entry, "proxy", "agents");
  const head = Object.entries(entry).filter(([name]) =>
    name === "scope" || STORE_NAMES.includes(name)
  );
  return {
    ...Object.fromEntries(head),
    ...(isAbsent(agents) ? {} : { proxy: { agents } }),
  };
}

function attempt(document: ConfigMap): ProxyHostConfig | ConfigError {
  try {
    return decodeProxyHost(document);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** What belongs to one cluster cannot be said for all. */
function aloneProblems(base: ConfigMap): readonly ConfigProblem[] {
  const wanted = {
    scope: "none beside clusters, because each entry has its own",
    vip: "it in an entry of clusters: whoever carries an address is said in " +
      "the store of one of them",
    certificates: "none beside clusters, because they are one cluster's",
  };
  return Object.entries(wanted).flatMap(([path, wanted]) => {
    const value = ownValue(base, path);
    return isAbsent(value) ? [] : [{ path, value, wanted }];
  });
}

/** With the entry's path where the entry says it, or nobody does. */
function placedProblems(
  { message, problems }: ConfigError,
  { entry, at }: { readonly entry: ConfigMap; readonly at: number },
): readonly ConfigProblem[] {
  const place = `clusters.${at}`;
  if (problems.length === 0) {
    return [{ path: place, value: "an entry", wanted: message }];
  }
  return problems.map((problem) => {
    const keys = problem.path.split(".");
    const said = keys.reduce<unknown>(valueAt, entry);
    const isOwn = said !== undefined || problem.value === undefined;
    return isOwn ? { ...problem, path: `${place}.${problem.path}` } : problem;
  });
}

function scopeProblems(
  configs: readonly ProxyHostConfig[],
): readonly ConfigProblem[] {
  const scopes = configs.map(({ scope }) => scope);
  return scopes.flatMap((scope, at) =>
    scopes.indexOf(scope) === at ? [] : [{
      path: `clusters.${at}.scope`,
      value: scope,
      wanted: `each scope once (clusters.${scopes.indexOf(scope)} has it)`,
    }]
  );
}

/** An address that two elections give out would be on two hosts. */
function addressProblems(
  configs: readonly ProxyHostConfig[],
): readonly ConfigProblem[] {
  const owners = new Map<string, number>();
  return configs.flatMap(({ vipGroups }, at) =>
    vipGroups.flatMap(({ vips }) => vips).flatMap(({ address }) => {
      const owner = owners.get(address) ?? at;
      owners.set(address, owner);
      return owner === at ? [] : [{
        path: `clusters.${at}.vip`,
        value: address,
        wanted: `each address once (clusters.${owner} has it)`,
      }];
    })
  );
}

function statsPortProblems(
  { proxy: { statsPort } }: ProxyHostConfig,
  configs: readonly ProxyHostConfig[],
): readonly ConfigProblem[] {
  const at = configs.findIndex(({ proxy }) =>
    [proxy.primaryPort, proxy.replicaPort, ...proxy.ports.map((p) => p.port)]
      .some((port) => port === statsPort)
  );
  return statsPort === null || at < 0 ? [] : [{
    path: "proxy.stats_port",
    value: statsPort,
    wanted: `a port that no cluster has (clusters.${at} has it)`,
  }];
}

function withoutRepeats(
  problems: readonly ConfigProblem[],
): readonly ConfigProblem[] {
  const textOf = ({ path, wanted }: ConfigProblem): string =>
    `${path} ${wanted}`;
  return [...new Map(problems.map((one) => [textOf(one), one])).values()];
}

function valueBelow(map: ConfigMap, section: string, key: string): unknown {
  return valueAt(ownValue(map, section), key);
}

function valueAt(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value[Number(key)];
  return isConfigMap(value) ? ownValue(value, key) : undefined;
}
