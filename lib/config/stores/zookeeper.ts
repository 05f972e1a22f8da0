/**
 * The stores `zookeeper` and `exhibitor`, which knows where ZooKeeper is.
 * Source: docs/contract/configuration.md 3.8, 5.3; Patroni 4.1.4 `zookeeper.py`,
 * `exhibitor.py`; kazoo 2.11 `hosts.py`, the path behind the last host.
 */
import { type HostPort, parseHostPort } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section, type SectionOf } from "../keys/key.ts";
import {
  anything,
  changed,
  integer,
  map,
  orNone,
  port,
  textList,
  textListOrCommas,
  textMap,
  textOrNone,
  truth,
} from "../keys/types.ts";
import {
  boolean,
  integer as integerCheck,
  string,
  then,
} from "../validate/checks.ts";
import { reachable } from "../validate/host_checks.ts";
import type { Store } from "./store.ts";

/** How ZooKeeper is spoken to. */
export interface ZookeeperAccess {
  readonly isTls: boolean;
  readonly cacert: string | null;
  readonly cert: string | null;
  /** Null: it stands in the certificate's file. */
  readonly key: string | null;
  readonly keyPassword: string | null;
  readonly isVerified: boolean;
  /** Who may do what with nodes that are made; empty: everybody everything. */
  readonly acl: readonly ZookeeperAcl[];
  readonly credentials: readonly ZookeeperCredential[];
}

/** Who may do what, for ZooKeeper's scheme x509. */
export interface ZookeeperAcl {
  readonly principal: string;
  /** Sum of read 1, write 2, create 4, delete 8, admin 16. */
  readonly permissions: number;
}

/** Who asks. */
export interface ZookeeperCredential {
  readonly scheme: string;
  readonly credential: string;
}

/** Section `zookeeper`. */
export interface ZookeeperConfig extends ZookeeperAccess {
  readonly kind: "zookeeper";
  readonly hosts: readonly HostPort[];
  /** A path that all others begin with; empty: none. */
  readonly root: string;
}

/** Section `exhibitor`. */
export interface ExhibitorConfig extends ZookeeperAccess {
  readonly kind: "exhibitor";
  readonly hosts: readonly HostPort[];
  readonly pollMs: number;
}

const DEFAULT_PORT = 2181;
const EXHIBITOR_PORT = 8181;
const POLL_S = 300;

const PERMISSIONS: Readonly<Record<string, number>> = {
  READ: 1,
  WRITE: 2,
  CREATE: 4,
  DELETE: 8,
  ADMIN: 16,
  ALL: 31,
};

interface Servers {
  readonly hosts: readonly HostPort[];
  readonly root: string;
}

const servers = changed(textListOrCommas, serversOf);

const acl = changed(map, (value) => {
  const entries = Object.entries(value).map(([principal, names]) => ({
    principal,
    permissions: permissionsOf(names),
  }));
  const isEach = entries.every(({ permissions }) => permissions !== null);
  return isEach
    ? entries.map(({ principal, permissions }) => ({
      principal,
      permissions: permissions ?? 0,
    }))
    : new Wanted(
      "a map of lists of CREATE, READ, WRITE, DELETE, ADMIN or ALL",
    );
});

/** The keys that both sections have. */
const ACCESS_KEYS = {
  cacert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Authorities of ZooKeeper's certificates",
  },
  cert: { type: textOrNone, suffix: "text", meaning: "Client certificate" },
  key: {
    type: textOrNone,
    suffix: "text",
    meaning: "Its key, if it is not in that file",
  },
  key_password: {
    type: textOrNone,
    suffix: "text",
    meaning: "Passphrase of the key",
  },
  verify: {
    type: orNone(truth),
    fallback: true,
    check: boolean,
    suffix: "bool",
    meaning: "Check the server's certificate and its name",
  },
  set_acls: {
    type: orNone(acl),
    check: map.check,
    suffix: "map",
    meaning: "Rights of each x509 principal on nodes that are made",
  },
  auth_data: {
    type: orNone(textMap),
    check: map.check,
    apply: "reload",
    suffix: "map",
    meaning: "Credential of each scheme (`digest: user:password`)",
  },
} as const satisfies KeyMap;

const USE_SSL = {
  type: orNone(truth),
  fallback: false,
  meaning: "TLS; without it the other TLS keys do nothing",
} as const;

const ZOOKEEPER_KEYS = {
  hosts: {
    type: servers,
    isRequired: true,
    check: then(textListOrCommas.check ?? string, reachable(DEFAULT_PORT)),
    suffix: "list",
    meaning: "Servers (HOST[:PORT]), a list or text with commas",
  },
  use_ssl: { ...USE_SSL, check: boolean, variable: "bool" },
  ...ACCESS_KEYS,
  // An older place of that section; legacy.ts moves it.
  exhibitor: { type: anything, field: null },
} as const satisfies KeyMap;

const EXHIBITOR_KEYS = {
  hosts: {
    type: changed(textListOrCommas, exhibitorsOf),
    isRequired: true,
    check: textList.check,
    suffix: "list",
    meaning: "Exhibitor's servers",
  },
  port: {
    type: port,
    isRequired: true,
    check: integerCheck({ min: 1, max: 65_535 }),
    suffix: "int",
    meaning: "Their port",
  },
  poll_interval: {
    type: integer({ min: 1, max: 86_400, unit: "s" }),
    fallback: POLL_S,
    check: integerCheck({ min: 1 }),
    meaning: "Seconds after which they are asked again",
  },
  use_ssl: { ...USE_SSL, check: null, suffix: "text" },
  ...ACCESS_KEYS,
} as const satisfies KeyMap;

/** The store. */
export const ZOOKEEPER: Store<ZookeeperConfig> = {
  name: "zookeeper",
  hint: "a section zookeeper (hosts)",
  keys: ZOOKEEPER_KEYS,
  section: changed(section(ZOOKEEPER_KEYS), (keys) => ({
    kind: "zookeeper",
    ...keys.hosts,
    ...accessOf(keys),
  })),
  check: checkOf(ZOOKEEPER_KEYS),
  url: {
    port: String(DEFAULT_PORT),
    section: ({ host, port }) => ({
      hosts: [`${host}:${port || DEFAULT_PORT}`],
    }),
    hasNamespace: true,
  },
  hasProxy: true,
};

/** The store whose servers Exhibitor knows. */
export const EXHIBITOR: Store<ExhibitorConfig> = {
  name: "exhibitor",
  hint: "a section exhibitor (hosts, port)",
  keys: EXHIBITOR_KEYS,
  section: changed(section(EXHIBITOR_KEYS), (keys) => ({
    kind: "exhibitor",
    hosts: keys.hosts.map((host) => ({ host, port: keys.port })),
    pollMs: keys.pollInterval * 1000,
    ...accessOf(keys),
  })),
  check: checkOf(EXHIBITOR_KEYS),
  url: {
    port: String(EXHIBITOR_PORT),
    section: ({ host, port }) => ({
      hosts: [host],
      port: Number(port || EXHIBITOR_PORT),
    }),
    hasNamespace: true,
  },
  hasProxy: true,
};

type AccessKeys = Omit<
  SectionOf<typeof ZOOKEEPER_KEYS>,
  "hosts" | "exhibitor"
>;

function accessOf(keys: AccessKeys): ZookeeperAccess {
  const { cacert, cert, key, keyPassword, authData } = keys;
  return {
    isTls: keys.useSsl ?? false,
    ...{ cacert, cert, key, keyPassword },
    isVerified: keys.verify ?? true,
    acl: keys.setAcls ?? [],
    credentials: Object.entries(authData ?? {})
      .map(([scheme, credential]) => ({ scheme, credential })),
  };
}

/** `a:1,b:2/path`: what stands behind the last host belongs to all. */
function serversOf(names: readonly string[]): Servers | Wanted {
  const all = names.join(",");
  const slash = all.indexOf("/");
  const root = slash < 0 ? "" : all.slice(slash);
  const hosts = (slash < 0 ? all : all.slice(0, slash)).split(",")
    .map((name) => parseHostPort(name, DEFAULT_PORT));
  const found = hosts.filter((host) => host !== null);
  const isEach = found.length === hosts.length && !root.includes(",");
  return isEach ? { hosts: found, root } : new Wanted("a list of HOST[:PORT]");
}

function exhibitorsOf(names: readonly string[]): readonly string[] | Wanted {
  const hosts = names.flatMap((name) => {
    const hasPort = parseHostPort(name, null) !== null;
    return hasPort ? [] : parseHostPort(name, EXHIBITOR_PORT)?.host ?? [];
  });
  return hosts.length > 0 && hosts.length === names.length
    ? hosts
    : new Wanted("a list of hosts, without ports");
}

function permissionsOf(names: unknown): number | null {
  if (!Array.isArray(names)) return null;
  return names.reduce<number | null>((sum, name: unknown) => {
    const bits = PERMISSIONS[String(name).toUpperCase()];
    return sum === null || bits === undefined ? null : sum | bits;
  }, 0);
}
