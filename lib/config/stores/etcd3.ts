/**
 * The store `etcd3`. Source: docs/contract/configuration.md 3.5, 3.7; Patroni
 * 4.1.4 `etcd.py`, the order of proxy, url, hosts and host.
 */
import { parseBool } from "../../core/base/scalars.ts";
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { formatHostPort, parseHostPort, parsePort } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section, type SectionOf } from "../keys/key.ts";
import {
  anything,
  changed,
  flag,
  oneOf,
  orNone,
  port,
  text,
  textListOrCommas,
  textOrNone,
  unchecked,
} from "../keys/types.ts";
import {
  anyOf,
  type Check,
  type Place,
  string,
  then,
} from "../validate/checks.ts";
import { reachable } from "../validate/host_checks.ts";
import {
  MANAGED_KEYS,
  type ManagedEtcdConfig,
  managedOf,
} from "./managed_etcd.ts";
import { hostUrl, type Store } from "./store.ts";

/** Section `etcd3`. */
export interface Etcd3Config {
  readonly kind: "etcd3";
  /** `http[s]://host:port`, by priority proxy, url, hosts, host. */
  readonly endpoints: readonly string[];
  /** Endpoints are proxies: no discovery of the topology. */
  readonly isProxied: boolean;
  /** Domain of SRV discovery; `endpoints` is empty then. */
  readonly srv: string | null;
  readonly srvSuffix: string | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly cacert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** The member that this host runs; null: etcd is somebody else's. */
  readonly managed: ManagedEtcdConfig | null;
}

/** Keys of which one must be there. */
const ENDPOINT_KEYS = ["host", "hosts", "srv", "url", "proxy"];

const NO_ENDPOINT = new Wanted([{
  path: ["hosts"],
  wanted: `a list of HOST:PORT, or one of ${ENDPOINT_KEYS.join(", ")}`,
}]);

const DEFAULT_PORT = 2379;

/** A URL's endpoint and the credentials inside it. */
interface EndpointUrl {
  readonly endpoint: string;
  readonly username: string | null;
  readonly password: string | null;
}

// Empty environment variables leave empty texts in sections of stores.
const url = orNone(changed(
  text,
  (value) => endpointUrl(value) ?? new Wanted("http[s]://HOST[:PORT]"),
));

const host = orNone(changed(text, checkedHost));

const hosts = orNone(changed(textListOrCommas, (list) => {
  const isEach = list.every((each) => !(checkedHost(each) instanceof Wanted));
  return list.length > 0 && isEach ? list : new Wanted("a list of HOST[:PORT]");
}));

/** The keys of the section. */
export const ETCD_KEYS = {
  host: {
    type: host,
    check: then(string, reachable(DEFAULT_PORT)),
    suffix: "text",
    meaning: "One endpoint",
  },
  hosts: {
    type: hosts,
    check: then(hosts.check ?? string, reachable(DEFAULT_PORT)),
    suffix: "list",
    meaning: "Endpoints, a list or text with commas",
  },
  port: {
    type: orNone(unchecked(port)),
    fallback: DEFAULT_PORT,
    suffix: "int",
    meaning: "Port where an endpoint names none",
  },
  srv: {
    type: textOrNone,
    aliases: ["discovery_srv", "srv_domain"],
    suffix: "text",
    meaning: "Domain whose SRV records name the endpoints",
  },
  srv_suffix: {
    type: textOrNone,
    suffix: "text",
    meaning: "Suffix inside the SRV records' names",
  },
  url: {
    type: url,
    suffix: "text",
    meaning: "One endpoint as URL, also with user and password",
  },
  proxy: {
    type: url,
    suffix: "text",
    meaning: "The only endpoint, a proxy",
  },
  protocol: {
    type: orNone(oneOf(["http", "https"])),
    fallback: "http",
    check: string,
    suffix: "text",
    meaning: "http or https, for host and hosts",
  },
  use_proxies: {
    type: unchecked(flag),
    fallback: false,
    suffix: "bool",
    meaning: "Endpoints are proxies",
  },
  username: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "User of etcd",
  },
  password: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "Its password",
  },
  cacert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Authorities of etcd's certificates",
  },
  cert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Client certificate",
  },
  key: { type: textOrNone, suffix: "text", meaning: "Its key" },
  version_prefix: { type: anything, field: null },
} as const satisfies KeyMap;

/** Also of `etcd`, whose keys are the same. */
export const checkEtcd: Check = then(
  anyOf("host", "hosts", "srv", "srv_suffix", "url", "proxy"),
  checkOf(ETCD_KEYS),
);

const ETCD3_KEYS = { ...ETCD_KEYS, ...MANAGED_KEYS };

/** The store. */
export const ETCD3: Store<Etcd3Config> = {
  name: "etcd3",
  hint: "a section etcd3 (hosts)",
  keys: ETCD3_KEYS,
  section: changed(section(ETCD3_KEYS), etcd3Of),
  check: checkEtcd3,
  inDocument: withName,
  url: hostUrl(String(DEFAULT_PORT), true),
  hasProxy: true,
};

/** A managed member is the first endpoint; `hosts` may name others. */
function etcd3Of(keys: SectionOf<typeof ETCD3_KEYS>): Etcd3Config | Wanted {
  if (keys.isManaged !== true) return configOf(keys);
  const managed = managedOf(keys, keys.cacert);
  if (managed instanceof Wanted) return managed;
  const scheme = managed.serverTls === null ? "http" : "https";
  const others = [...keys.hosts ?? [], ...keys.host === null ? [] : [keys.host]]
    .map((name) => endpointOf(name, keys.port, scheme));
  const { username, password, cacert, cert, key } = keys;
  return {
    kind: "etcd3",
    endpoints: [...new Set([managed.clientUrl, ...others])],
    isProxied: false,
    srv: null,
    srvSuffix: null,
    ...{ username, password, cacert, cert, key, managed },
  };
}

/** Without a name of its own the member is called as the agent's is. */
function withName(config: Etcd3Config, document: ConfigMap): Etcd3Config {
  const { managed } = config;
  if (managed === null || managed.name !== "") return config;
  const name = String(ownValue(document, "name") ?? "");
  return { ...config, managed: { ...managed, name } };
}

function endpointOf(
  name: string,
  port: number | null,
  protocol: string,
): string {
  const address = parseHostPort(name, port ?? DEFAULT_PORT);
  const where = address === null ? name : formatHostPort(address);
  return `${protocol}://${where}`;
}

/** A section that names servers of somebody else's. */
export function configOf(
  keys: SectionOf<typeof ETCD_KEYS>,
): Etcd3Config | Wanted {
  const { srv, srvSuffix, cacert, cert, key } = keys;
  const endpoint = keys.proxy ?? keys.url;
  const names = keys.hosts ?? (keys.host === null ? [] : [keys.host]);
  const isSrvUsed = keys.proxy === null && srv !== null;
  const listed = endpoint !== null
    ? [endpoint.endpoint]
    : names.map((name) => endpointOf(name, keys.port, keys.protocol ?? "http"));
  if (listed.length === 0 && !isSrvUsed) return NO_ENDPOINT;
  return {
    kind: "etcd3",
    endpoints: isSrvUsed ? [] : listed,
    isProxied: keys.proxy !== null || keys.useProxies,
    srv: isSrvUsed ? srv : null,
    srvSuffix,
    username: endpoint?.username ?? keys.username,
    password: endpoint?.username ? endpoint.password : keys.password,
    cacert,
    cert,
    key,
    managed: null,
  };
}

function checkedHost(host: string): string | Wanted {
  return parseHostPort(host, DEFAULT_PORT) === null
    ? new Wanted("HOST[:PORT]")
    : host;
}

function endpointUrl(value: string): EndpointUrl | null {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return null;
  if (url.hostname === "") return null;
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === null || password === null) return null;
  return {
    endpoint: `${url.protocol}//${url.hostname}:${portOf(value, url)}`,
    username: username || null,
    password: password || null,
  };
}

/** URL drops the scheme's own port, which is not etcd's default. */
function portOf(value: string, url: URL): number {
  const given = parsePort(url.port);
  if (given !== null) return given;
  const isWritten = /:(?:80|443)\/?$/.test(value);
  if (!isWritten) return DEFAULT_PORT;
  return url.protocol === "https:" ? 443 : 80;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** A managed member is an endpoint by itself. */
function checkEtcd3(value: unknown, at: Place): Promise<readonly string[]> {
  const isManaged = isConfigMap(value) &&
    parseBool(ownValue(value, "managed")) === true;
  return isManaged ? checkOf(ETCD3_KEYS)(value, at) : checkEtcd(value, at);
}
