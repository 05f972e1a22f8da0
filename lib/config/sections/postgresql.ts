/**
 * The keys of section `postgresql` that only exist locally: addresses,
 * directories, users. Source: docs/contract/configuration.md 3.11.1, 3.11.2.
 */
import type * as z from "zod";
import { optionProblem } from "../../core/base/libpq_options.ts";
import { parseHostPort, parseListen } from "../addresses.ts";
import {
  integer,
  isAbsent,
  mapped,
  optional,
  optionalText,
  required,
  requiredSection,
  section,
  text,
  unless,
  Wanted,
} from "../fields.ts";
import type { AuthenticationRole, PostgresqlConfig } from "../local_config.ts";

const DEFAULT_PORT = 5432;
const WILDCARDS: ReadonlySet<string> = new Set(["*", "0.0.0.0", "::"]);

/** libpq parameters of a role besides user name and password. */
export const ROLE_OPTION_KEYS = [
  "sslmode",
  "sslcert",
  "sslkey",
  "sslpassword",
  "sslrootcert",
  "sslcrl",
  "sslcrldir",
  "gssencmode",
  "channel_binding",
  "sslnegotiation",
  "require_auth",
] as const;

const readListen = mapped(
  text,
  (value) =>
    parseListen(value, DEFAULT_PORT) ??
      new Wanted("ADDRESS[,ADDRESS...][:PORT]"),
);

const readAddress = mapped(
  text,
  (value) => parseHostPort(value, DEFAULT_PORT) ?? new Wanted("HOST[:PORT]"),
);

/** A keyword whose value must be one that our own connections can honour. */
function honoured(name: typeof ROLE_OPTION_KEYS[number]) {
  return optional(
    mapped(text, (value) => {
      const problem = value === "" ? null : optionProblem(name, value);
      return problem === null
        ? value || null
        : new Wanted(`another: ${problem}`);
    }),
    null,
  );
}

const roleOptions = {
  sslmode: honoured("sslmode"),
  sslcert: optionalText(),
  sslkey: optionalText(),
  sslpassword: optionalText(),
  sslrootcert: optionalText(),
  sslcrl: honoured("sslcrl"),
  sslcrldir: honoured("sslcrldir"),
  gssencmode: honoured("gssencmode"),
  channel_binding: honoured("channel_binding"),
  sslnegotiation: honoured("sslnegotiation"),
  require_auth: optionalText(),
} satisfies Record<typeof ROLE_OPTION_KEYS[number], z.ZodType<string | null>>;

const optionalRole = section({
  username: optionalText(),
  password: optionalText(),
  ...roleOptions,
}).transform(roleOf);

const namedRole = requiredSection({
  username: required(text),
  password: optionalText(),
  ...roleOptions,
}).transform(roleOf);

/** Schema of the local keys of the section `postgresql`. */
export const postgresqlSection: z.ZodType<PostgresqlConfig> = requiredSection({
  listen: required(readListen),
  connect_address: optional(readAddress, null),
  proxy_address: optional(readAddress, null),
  data_dir: required(text),
  config_dir: optionalText(),
  pgpass: optionalText(),
  connect_timeout: optional(integer({ min: 1, max: 3_600, unit: "s" }), 2),
  authentication: requiredSection({
    superuser: optionalRole,
    replication: namedRole,
    rewind: unless(isAbsent, namedRole),
  }),
}).transform((raw): PostgresqlConfig => ({
  listen: raw.listen,
  connectAddress: raw.connect_address ?? {
    host: localHost(raw.listen.hosts),
    port: raw.listen.port,
  },
  proxyAddress: raw.proxy_address,
  dataDir: raw.data_dir,
  configDir: raw.config_dir ?? raw.data_dir,
  pgpass: raw.pgpass,
  connectTimeoutMs: raw.connect_timeout * 1000,
  authentication: raw.authentication,
}));

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

type RawRole = Readonly<
  Record<
    "username" | "password" | typeof ROLE_OPTION_KEYS[number],
    string | null
  >
>;

function roleOf(raw: RawRole): AuthenticationRole {
  const { username, password, ...options } = raw;
  const set = Object.entries(options).flatMap(([key, value]) =>
    value === null ? [] : [[key, value] as const]
  );
  return { username, password, options: Object.fromEntries(set) };
}
