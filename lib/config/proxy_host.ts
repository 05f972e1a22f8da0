/**
 * What a proxy process needs of a configuration. Beside a member it is the
 * member's own file; on an application host a file with `scope`, `namespace`,
 * the DCS and `proxy` is enough, so nothing else is asked for or looked at.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import { type HostPort, parseListen } from "./addresses.ts";
import { isAbsent, Wanted } from "./fields.ts";
import { FIRST_KEYS, LAST_KEYS } from "./keys/all.ts";
import { type KeyMap, readKeys } from "./keys/key.ts";
import { text } from "./keys/types.ts";
import { modernLayout } from "./legacy.ts";
import type { LogConfig } from "./local_config.ts";
import { configErrorOf, type ConfigProblem } from "./problems.ts";
import { problemsOf } from "./schema.ts";
import { loopbackOf } from "./seal.ts";
import type { VipGroup } from "../core/model/vip.ts";
import { PROXY_DEFAULTS, type ProxyConfig } from "./sections/proxy.ts";
import { statsProblems } from "./stats_problems.ts";
import { type VipEntry, vipGroups } from "./sections/vip.ts";
import { readStore, type StoreConfig } from "./stores/all.ts";

/** The part of a configuration that a proxy uses. */
export interface ProxyHostConfig {
  readonly scope: string;
  /** Without slashes at its ends. */
  readonly namespace: string;
  readonly name: string;
  /** The file says the name. */
  readonly isNamed: boolean;
  readonly log: LogConfig;
  readonly dcs: StoreConfig;
  readonly proxy: ProxyConfig;
  /** Addresses that this proxy may carry; empty beside a member. */
  readonly vipGroups: readonly VipGroup[];
  /** The member's data directory; null on an application host. */
  readonly dataDir: string | null;
  /** What the member's file calls the program `postgres`; null: just that. */
  readonly serverProgram: string | null;
  /** Where a sealed instance of this host takes clients; null: it is not sealed. */
  readonly sealedAddress: HostPort | null;
}

const POSTGRESQL_PORT = 5432;

const { log, namespace: folder, scope } = FIRST_KEYS;

const readFields = readKeys(
  {
    scope,
    namespace: folder,
    name: { type: text, fallback: "proxy" },
    log,
    proxy: LAST_KEYS.proxy,
    vip: LAST_KEYS.vip,
  } as const satisfies KeyMap,
);

/**
 * The proxy's configuration of a merged document.
 *
 * @throws {ConfigError} With every problem found; nothing else is thrown.
 */
export function decodeProxyHost(document: ConfigMap): ProxyHostConfig {
  const modern = modernLayout(document);
  const fields = readFields(modern);
  const dcs = readStore(modern);
  const isOff = ownValue(modern, "proxy") === false;
  const dataDir = textAt(modern, ["postgresql", "data_dir"]);
  const problems = [
    ...problemsOf(fields, modern),
    ...problemsOf(dcs, modern),
    ...(isOff ? [OFF] : []),
    ...(fields instanceof Wanted || fields.proxy === null
      ? []
      : statsProblems(fields.proxy)),
    ...(!(fields instanceof Wanted) && fields.proxy?.isSealed &&
        dataDir === null
      ? [SEALED_ALONE]
      : []),
    ...(fields instanceof Wanted ? [] : roleProblems(fields.vip, dataDir)),
  ];
  const isUsable = !(fields instanceof Wanted) && !(dcs instanceof Wanted);
  if (!isUsable || problems.length > 0) throw configErrorOf(problems);
  const { namespace, proxy, vip, ...rest } = fields;
  return {
    ...rest,
    namespace: namespace.split("/").filter(Boolean).join("/"),
    isNamed: !isAbsent(ownValue(modern, "name")),
    dcs,
    proxy: proxy ?? PROXY_DEFAULTS,
    vipGroups: dataDir === null ? vipGroups(vip) : [],
    dataDir,
    serverProgram: textAt(modern, ["postgresql", "bin_name", "postgres"]),
    sealedAddress: proxy?.isSealed ? sealedAddress(modern) : null,
  };
}

const OFF: ConfigProblem = {
  path: "proxy",
  value: false,
  wanted: "a section with ports, because a proxy is to be started",
};

const SEALED_ALONE: ConfigProblem = {
  path: "proxy.sealed",
  value: true,
  wanted: "it in the members' files, because there is no PostgreSQL here",
};

/** An address that nobody of this file would ever carry. */
function roleProblems(
  entries: readonly VipEntry[],
  dataDir: string | null,
): readonly ConfigProblem[] {
  const wrong = dataDir === null
    ? entries.find(({ role }) => role !== "proxy")
    : undefined;
  return wrong === undefined ? [] : [{
    path: "vip",
    value: wrong.role,
    wanted: "role: proxy, because there is no PostgreSQL here",
  }];
}

function sealedAddress(document: ConfigMap): HostPort | null {
  const text = textAt(document, ["postgresql", "listen"]) ?? "";
  const listen = parseListen(text, POSTGRESQL_PORT);
  const host = listen === null ? null : loopbackOf(listen);
  return listen === null || host === null ? null : { host, port: listen.port };
}

function textAt(map: ConfigMap, path: readonly string[]): string | null {
  const value = path.reduce<unknown>(
    (at, key) => isConfigMap(at) ? ownValue(at, key) : undefined,
    map,
  );
  return typeof value === "string" ? value : null;
}
