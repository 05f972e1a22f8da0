/**
 * The keys of section `postgresql` that only exist locally: addresses,
 * directories, users. Source: docs/contract/configuration.md 3.11.1, 3.11.2.
 */
import { optionProblem } from "../../core/base/libpq_options.ts";
import { parseHostPort, parseListen } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import {
  type KeyMap,
  section,
  type SectionOf,
  type ValueType,
} from "../keys/key.ts";
import {
  anything,
  changed,
  secondsMs,
  text,
  textOrNone,
  unchecked,
} from "../keys/types.ts";
import {
  connectAddress,
  dataDirectory,
  postgresListen,
} from "../validate/host_checks.ts";

const DEFAULT_PORT = 5432;
const WILDCARDS: ReadonlySet<string> = new Set(["*", "0.0.0.0", "::"]);

const listen = changed(
  text,
  (value) =>
    parseListen(value, DEFAULT_PORT) ??
      new Wanted("ADDRESS[,ADDRESS...][:PORT]"),
);

const address = changed(
  text,
  (value) => parseHostPort(value, DEFAULT_PORT) ?? new Wanted("HOST[:PORT]"),
);

/** A keyword whose value must be one that our own connections can honour. */
function honoured(name: string): ValueType<string> {
  return unchecked(changed(text, (value) => {
    const problem = optionProblem(name, value);
    return problem === null ? value : new Wanted(`another: ${problem}`);
  }));
}

const option = unchecked(textOrNone);

/** Older layouts have it; `legacy.ts` moves it. */
const MOVED = { type: anything, field: null, variable: false } as const;

/** libpq's keywords of a role besides user name and password. */
const OPTION_KEYS = {
  sslmode: { type: honoured("sslmode") },
  sslcert: { type: option },
  sslkey: { type: option },
  sslpassword: { type: option },
  sslrootcert: { type: option },
  sslcrl: { type: honoured("sslcrl") },
  sslcrldir: { type: honoured("sslcrldir") },
  gssencmode: { type: honoured("gssencmode") },
  channel_binding: {
    type: honoured("channel_binding"),
    field: "channel_binding",
  },
  sslnegotiation: { type: honoured("sslnegotiation") },
  require_auth: { type: option, field: "require_auth" },
} as const satisfies KeyMap;

const ROLE_KEYS = {
  username: { type: textOrNone, isExpected: true },
  password: { type: textOrNone },
  ...OPTION_KEYS,
} as const satisfies KeyMap;

const NAMED_ROLE_KEYS = {
  ...ROLE_KEYS,
  username: { type: text, isRequired: true },
} as const satisfies KeyMap;

/** One role of `postgresql.authentication`: libpq parameters by their names. */
export interface AuthenticationRole {
  readonly username: string | null;
  readonly password: string | null;
  /** The TLS and GSS keys that are set, such as `sslmode`. */
  readonly options: Readonly<Record<string, string>>;
}

const role = changed(section(ROLE_KEYS), roleOf);
const namedRole = changed(section(NAMED_ROLE_KEYS), roleOf);

/** Roles in the order of Patroni's validation. */
const AUTHENTICATION_KEYS = {
  replication: {
    type: namedRole,
    keys: NAMED_ROLE_KEYS,
    isRequired: true,
    isOpen: true,
    prefix: "REPLICATION",
    meaning: "Role of replication: username, password, libpq's TLS settings",
  },
  superuser: {
    type: role,
    keys: ROLE_KEYS,
    fallback: {},
    isExpected: true,
    isOpen: true,
    prefix: "SUPERUSER",
    meaning: "The same of the superuser",
  },
  rewind: {
    type: namedRole,
    keys: NAMED_ROLE_KEYS,
    otherwise: "the superuser",
    isOpen: true,
    prefix: "REWIND",
    meaning: "The same of the role for pg_rewind",
  },
} as const satisfies KeyMap;

/** `postgresql.authentication`. */
export type AuthenticationConfig = SectionOf<typeof AUTHENTICATION_KEYS>;

/** The local keys, in the order of Patroni's validation. */
export const POSTGRESQL_KEYS = {
  listen: {
    type: listen,
    isRequired: true,
    check: postgresListen,
    apply: "restart",
    meaning: "Addresses with commas and one port",
  },
  connect_address: {
    type: address,
    otherwise: "local address",
    isExpected: true,
    check: connectAddress,
    meaning: "Where others and clients reach it",
  },
  proxy_address: {
    type: address,
    check: connectAddress,
    meaning: "Address of a pooler, published as proxy_url",
  },
  authentication: {
    type: section(AUTHENTICATION_KEYS),
    keys: AUTHENTICATION_KEYS,
    isRequired: true,
  },
  data_dir: {
    type: text,
    isRequired: true,
    check: dataDirectory,
    apply: "agent",
    meaning: "Data directory",
  },
  config_dir: {
    type: option,
    otherwise: "postgresql.data_dir",
    apply: "agent",
    meaning: "Directory of the configuration files",
  },
  pgpass: {
    type: option,
    otherwise: "~/pgpass",
    apply: "agent",
    meaning: "Password file that the agent writes",
  },
  connect_timeout: {
    type: secondsMs,
    field: "connectTimeoutMs",
    fallback: 2,
    variable: false,
    meaning:
      "Seconds for the agent's own connections to stand, and for their login",
  },
  name: MOVED,
  replication: MOVED,
  superuser: MOVED,
  pg_rewind: MOVED,
} as const satisfies KeyMap;

type LocalKeys = SectionOf<typeof POSTGRESQL_KEYS>;

/** The keys of `postgresql` that only exist locally. */
export interface PostgresqlConfig extends LocalKeys {
  /** What other members and clients use. */
  readonly connectAddress: NonNullable<LocalKeys["connectAddress"]>;
  readonly configDir: string;
}

/** The section, with what follows from other keys. */
export const postgresql: ValueType<PostgresqlConfig> = changed(
  section(POSTGRESQL_KEYS),
  (keys): PostgresqlConfig => ({
    ...keys,
    connectAddress: keys.connectAddress ?? {
      host: localHost(keys.listen.hosts),
      port: keys.listen.port,
    },
    configDir: keys.configDir ?? keys.dataDir,
  }),
);

/**
 * Host by which the agent reaches its own PostgreSQL over TCP.
 *
 * @param hosts Listen addresses, at least one.
 *
 * Source: Patroni 4.1.4 `postgresql/config.py`, local_address.
 */
export function localHost(hosts: readonly string[]): string {
  const isLocal = hosts.some((host) =>
    WILDCARDS.has(host) || host === "localhost" || host === "127.0.0.1"
  );
  return isLocal ? "localhost" : hosts[0] ?? "localhost";
}

function roleOf(
  { username, password, ...options }: SectionOf<typeof ROLE_KEYS>,
): AuthenticationRole {
  const set = Object.entries(options).flatMap(([key, value]) =>
    value === null ? [] : [[key, value] as const]
  );
  return { username, password, options: Object.fromEntries(set) };
}
