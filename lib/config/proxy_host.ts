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
import type { Credentials, CtlFiles, LogConfig } from "./local_config.ts";
import { configErrorOf, type ConfigProblem } from "./problems.ts";
import { problemsOf } from "./schema.ts";
import { loopbackOf } from "./seal.ts";
import type { VipGroup } from "../core/model/vip.ts";
import { PROXY_DEFAULTS, type ProxyConfig } from "./sections/proxy.ts";
import { proxyProblems } from "./proxy_problems.ts";
import { type VipEntry, vipGroups } from "./sections/vip.ts";
import { readStore, type StoreConfig, usableStore } from "./stores/all.ts";

/** The part of a configuration that a proxy uses. */
export interface ProxyHostConfig {
  readonly scope: string;
  /** Without slashes at its ends. */
  readonly namespace: string;
  readonly name: string;
  /** The file says the name. */
  readonly isNamed: boolean;
  readonly log: LogConfig;
  /** Null: the agents of `proxy.agents` tell what the store has. */
  readonly dcs: StoreConfig | null;
  readonly proxy: ProxyConfig;
  /** There is a cluster page. */
  readonly isUiOn: boolean;
  /** What the page shows to members that ask for a client certificate. */
  readonly ctl: CtlFiles;
  /** Addresses that this proxy may carry; empty beside a member. */
  readonly vipGroups: readonly VipGroup[];
  /** The member's data directory; null on an application host. */
  readonly dataDir: string | null;
  /** What the keeper of certificates needs; null: there is none here, or the agent has it. */
  readonly keeping: ProxyKeeping | null;
  /** What the member's file calls the program `postgres`; null: just that. */
  readonly serverProgram: string | null;
  /** Where a sealed instance of this host takes clients; null: it is not sealed. */
  readonly sealedAddress: HostPort | null;
  /** Of a stand-alone proxy for several clusters (`decodeProxyFile`); empty: it is for the one of this configuration. */
  readonly clusters: readonly ProxyHostConfig[];
}

/** On a host without an agent that has certificates of the cluster's own. */
export interface ProxyKeeping {
  /** Folder of the certificates. */
  readonly dir: string;
  /** For members' REST APIs; null: they ask for none. */
  readonly credentials: Credentials | null;
}

const POSTGRESQL_PORT = 5432;

const { ctl: ctlKeys, log, namespace: folder, scope } = FIRST_KEYS;

const readFields = readKeys(
  {
    scope,
    namespace: folder,
    name: { type: text, fallback: "proxy" },
    log,
    proxy: LAST_KEYS.proxy,
    vip: LAST_KEYS.vip,
    ui: LAST_KEYS.ui,
    ctl: ctlKeys,
  } as const satisfies KeyMap,
);

/** Beside a member this is the agent's. */
const readAlone = readKeys(
  { certificates: LAST_KEYS.certificates } as const satisfies KeyMap,
);

/**
 * The proxy's configuration of a merged document.
 *
 * @throws {ConfigError} With every problem found; nothing else is thrown.
 */
export function decodeProxyHost(document: ConfigMap): ProxyHostConfig {
  const modern = modernLayout(document);
  const fields = readFields(modern);
  const isTold = !(fields instanceof Wanted) &&
    (fields.proxy?.agents.length ?? 0) > 0;
  const dcs = isTold ? null : readStore(modern);
  const isOff = ownValue(modern, "proxy") === false;
  const dataDir = textAt(modern, ["postgresql", "data_dir"]);
  const alone = dataDir === null ? readAlone(modern) : null;
  const problems = [
    ...problemsOf(fields, modern),
    ...(alone === null ? [] : problemsOf(alone, modern)),
    ...(certificatesDir(alone) !== null && isAbsent(ownValue(modern, "name"))
      ? [NAMELESS]
      : []),
    ...(dcs === null ? [] : problemsOf(dcs, modern)),
    ...(isTold ? toldProblems(modern, dataDir) : []),
    ...(isOff ? [OFF] : []),
    ...(fields instanceof Wanted || fields.proxy === null
      ? []
      : proxyProblems(fields.proxy)),
    ...(!(fields instanceof Wanted) && fields.proxy?.isSealed &&
        dataDir === null
      ? [SEALED_ALONE]
      : []),
    ...(fields instanceof Wanted ? [] : roleProblems(fields.vip, dataDir)),
  ];
  const isUsable = !(fields instanceof Wanted) && !(dcs instanceof Wanted);
  if (!isUsable || problems.length > 0) throw configErrorOf(problems);
  const { namespace, proxy, vip, ctl, ...rest } = fields;
  const { cacert, certfile, keyfile, keyfilePassword } = ctl;
  const dir = certificatesDir(alone);
  return {
    ...rest,
    ctl: {
      // As a member has it.
      cacert: cacert ?? textAt(modern, ["restapi", "cafile"]),
      ...{ certfile, keyfile, keyfilePassword },
    },
    namespace: namespace.split("/").filter(Boolean).join("/"),
    isNamed: !isAbsent(ownValue(modern, "name")),
    dcs,
    proxy: proxy ?? PROXY_DEFAULTS,
    vipGroups: dataDir === null ? vipGroups(vip) : [],
    dataDir,
    keeping: dir === null ? null : { dir, credentials: ctl.authentication },
    serverProgram: textAt(modern, ["postgresql", "bin_name", "postgres"]),
    sealedAddress: proxy?.isSealed ? sealedAddress(modern) : null,
    clusters: [],
  };
}

function certificatesDir(
  alone: ReturnType<typeof readAlone> | null,
): string | null {
  return alone === null || alone instanceof Wanted
    ? null
    : alone.certificates.dir;
}

const OFF: ConfigProblem = {
  path: "proxy",
  value: false,
  wanted: "a section with ports, because a proxy is to be started",
};

const NAMELESS: ConfigProblem = {
  path: "name",
  value: undefined,
  wanted: "the host's name, because certificates.dir is set",
};

const SEALED_ALONE: ConfigProblem = {
  path: "proxy.sealed",
  value: true,
  wanted: "it in the members' files, because there is no PostgreSQL here",
};

/** Who is told by agents needs nothing else, and cannot have what needs a store. */
function toldProblems(
  document: ConfigMap,
  dataDir: string | null,
): readonly ConfigProblem[] {
  const problem = (wanted: string): readonly ConfigProblem[] => [{
    path: "proxy.agents",
    value: "some",
    wanted,
  }];
  if (dataDir !== null) {
    return problem("no agents, because the proxy of a member reads its store");
  }
  const store = usableStore(document);
  if (store !== null) {
    return problem(`no agents beside section ${store.name}: one of the two`);
  }
  return isAbsent(ownValue(document, "vip")) ? [] : problem(
    "no agents beside section vip: who carries an address is said in the store",
  );
}

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
