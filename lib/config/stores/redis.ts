/** The store `redis`, ours: Redis 6 or newer, or Valkey. */
import { type HostPort, parseHostPort } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section, type SectionOf } from "../keys/key.ts";
import {
  changed,
  integer,
  orNone,
  strictTruth,
  text,
  textListOrCommas,
  textOrNone,
} from "../keys/types.ts";
import { anyOf, either, list, string, then } from "../validate/checks.ts";
import { reachable } from "../validate/host_checks.ts";
import { hostUrl, type Store } from "./store.ts";

/** Section `redis`. */
export interface RedisConfig {
  readonly kind: "redis";
  /** Tried in order; Sentinels if {@link sentinelMaster} is set. */
  readonly hosts: readonly HostPort[];
  readonly sentinelMaster: string | null;
  readonly database: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly isTls: boolean;
  readonly isVerified: boolean;
  readonly cacert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly isLossAccepted: boolean;
}

const DEFAULT_PORT = 6379;
const DATABASES = { min: 0, max: 1_000_000 };

const NO_HOST = new Wanted([{
  path: ["hosts"],
  wanted: "a list of HOST[:PORT], or url",
}]);

/** What an address says. */
interface RedisUrl {
  readonly hosts: readonly HostPort[];
  readonly isTls: boolean;
  readonly username: string | null;
  readonly password: string | null;
  readonly database: number | null;
}

const hosts = orNone(changed(
  textListOrCommas,
  (names) => hostsOf(names) ?? new Wanted("a list of HOST[:PORT]"),
));

const url = orNone(changed(
  text,
  (value) =>
    parseUrl(value) ??
      new Wanted("redis[s]://[[USER]:PASSWORD@]HOST[:PORT][,...][/DATABASE]"),
));

const LOSS_ACCEPTED =
  "Store: Redis with accept_data_loss, whose failover may forget who leads";

/** The keys of the section. */
const KEYS = {
  url: {
    type: url,
    suffix: "text",
    meaning: "Ours: all in one, `redis://USER:PASSWORD@HOST/0`; rediss: TLS",
  },
  hosts: {
    type: hosts,
    check: then(either(string, list(string)), reachable(DEFAULT_PORT)),
    suffix: "list",
    meaning: "Ours: servers, of which the master is used; or Sentinels",
  },
  sentinel_master: {
    type: textOrNone,
    variable: true,
    meaning: "Ours: the master's name, if the hosts are Sentinels",
  },
  database: {
    type: orNone(integer(DATABASES)),
    fallback: 0,
    variable: true,
    meaning: "Ours: number of the database",
  },
  username: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "Ours: user of the access control (ACL)",
  },
  password: {
    type: textOrNone,
    apply: "reload",
    variable: true,
    meaning: "Ours: its password, or that of `requirepass`",
  },
  use_ssl: {
    type: orNone(strictTruth),
    fallback: false,
    variable: "bool",
    meaning: "Ours: TLS; without it the other TLS keys do nothing",
  },
  verify: {
    type: orNone(strictTruth),
    fallback: true,
    suffix: "bool",
    meaning: "Ours: check the server's certificate and its name",
  },
  cacert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Ours: authorities of Redis's certificates",
  },
  cert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Ours: client certificate",
  },
  key: {
    type: textOrNone,
    suffix: "text",
    meaning: "Ours: its key, if it is not in that file",
  },
  accept_data_loss: {
    type: orNone(strictTruth),
    fallback: false,
    variable: "bool",
    meaning: "Ours: a server with replicas will do, whose failover can forget",
  },
} as const satisfies KeyMap;

/** The store. */
export const REDIS: Store<RedisConfig> = {
  name: "redis",
  hint: "redis (hosts)",
  keys: KEYS,
  section: changed(section(KEYS), configOf),
  check: then(anyOf("hosts", "url"), checkOf(KEYS)),
  url: {
    ...hostUrl(String(DEFAULT_PORT), true),
    section: ({ host, port }) => ({ hosts: `${host}:${port || DEFAULT_PORT}` }),
  },
  caution: ({ isLossAccepted }) => isLossAccepted ? LOSS_ACCEPTED : null,
  hasProxy: true,
};

/** What an address says counts before the other keys. */
function configOf(keys: SectionOf<typeof KEYS>): RedisConfig | Wanted {
  const { url, sentinelMaster, cacert, cert, key } = keys;
  const hosts = url?.hosts ?? keys.hosts;
  if (hosts === null) return NO_HOST;
  return {
    kind: "redis",
    ...{ hosts, sentinelMaster, cacert, cert, key },
    database: url?.database ?? keys.database ?? 0,
    username: url?.username ?? keys.username,
    password: url?.password ?? keys.password,
    isTls: url?.isTls === true || keys.useSsl === true,
    isVerified: keys.verify ?? true,
    isLossAccepted: keys.acceptDataLoss ?? false,
  };
}

function hostsOf(names: readonly string[]): readonly HostPort[] | null {
  const parsed = names.flatMap((one) => parseHostPort(one, DEFAULT_PORT) ?? []);
  return parsed.length > 0 && parsed.length === names.length ? parsed : null;
}

function parseUrl(value: string): RedisUrl | null {
  const scheme = ["redis://", "rediss://"].find((one) => value.startsWith(one));
  if (scheme === undefined) return null;
  const rest = value.slice(scheme.length);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "" : rest.slice(slash + 1);
  const at = authority.lastIndexOf("@");
  const account = authority.slice(0, Math.max(0, at));
  const colon = account.indexOf(":");
  const username = decoded(colon < 0 ? account : account.slice(0, colon));
  const password = decoded(colon < 0 ? "" : account.slice(colon + 1));
  const hosts = hostsOf(authority.slice(at + 1).split(","));
  if (hosts === null || username === null || password === null) return null;
  if (!/^\d{0,6}$/.test(path)) return null;
  return {
    hosts,
    isTls: scheme === "rediss://",
    username: username || null,
    password: password || null,
    database: path === "" ? null : Number(path),
  };
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
