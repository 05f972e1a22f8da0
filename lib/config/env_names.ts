/**
 * Which environment variable fills which configuration key, and how its text
 * is read. Pure tables; `env.ts` does the reading.
 *
 * Source: Patroni 4.1.4 manual, "Environment Configuration Settings";
 * docs/contract/configuration.md 5. Spellings that the manual promises and Patroni never reads are
 * accepted here.
 */

/** How the text of a variable becomes a value. */
export type EnvKind = "text" | "int" | "bool" | "list" | "map" | "log_format";

/** The key that a variable fills. */
export interface EnvTarget {
  readonly path: readonly string[];
  readonly kind: EnvKind;
}

const ROLES = ["superuser", "replication", "rewind"];
const LIBPQ_KEYS =
  "username password sslmode sslcert sslkey sslpassword sslrootcert sslcrl sslcrldir gssencmode channel_binding sslnegotiation require_auth";
const PROGRAMS =
  "pg_ctl initdb pg_controldata pg_basebackup postgres pg_isready pg_rewind";

/** `section.key` lists by kind; the variable is the path in upper case. */
const PLAIN_PATHS: Readonly<Record<EnvKind, string>> = {
  text:
    `name namespace scope thread_pool_size thread_stack_size log.type log.level
    log.traceback_level log.dateformat log.dir restapi.listen
    restapi.connect_address restapi.certfile restapi.keyfile
    restapi.keyfile_password restapi.cafile restapi.ciphers
    restapi.verify_client restapi.server_tokens ctl.cacert ctl.certfile
    ctl.keyfile ctl.keyfile_password postgresql.listen
    postgresql.connect_address postgresql.proxy_address postgresql.config_dir
    postgresql.data_dir postgresql.pgpass postgresql.bin_dir raft.data_dir
    raft.self_addr raft.bind_addr raft.password etcd.username etcd.password
    etcd3.username etcd3.password consul.scheme sqlite.path proxy.listen
    proxy.primary_port proxy.replica_port proxy.stats_port proxy.hold_timeout
    proxy.replica_max_lag proxy.max_connections`,
  int:
    `log.max_queue_size log.file_size log.file_num log.mode restapi.request_queue_size
    restapi.thread_pool_size`,
  bool:
    `log.deduplicate_heartbeat_logs restapi.allowlist_include_members ctl.insecure
    zookeeper.use_ssl`,
  list: "restapi.allowlist raft.partner_addrs",
  map:
    `log.static_fields log.loggers restapi.http_extra_headers restapi.https_extra_headers`,
  log_format: "log.format",
};

const ALIASES: readonly (readonly [string, string, EnvKind])[] = [
  ["RESTAPI_USERNAME", "restapi.authentication.username", "text"],
  ["RESTAPI_PASSWORD", "restapi.authentication.password", "text"],
  ["CTL_USERNAME", "ctl.authentication.username", "text"],
  ["CTL_PASSWORD", "ctl.authentication.password", "text"],
  ["POSTGRESQL_BIN_IS_READY", "postgresql.bin_name.pg_isready", "text"],
  ["RETRIABLE_HTTP_CODES", "kubernetes.retriable_http_codes", "list"],
];

/** Older spellings; the new name wins when both are set. */
export const LEGACY_NAMES: ReadonlyMap<string, string> = new Map([
  ["LOGLEVEL", "LOG_LEVEL"],
  ["LOGFORMAT", "LOG_FORMAT"],
  ["LOG_DATEFMT", "LOG_DATEFORMAT"],
]);

/** Fixed variables, by the name after `PATRONI_`. */
export const FIXED_NAMES: ReadonlyMap<string, EnvTarget> = new Map([
  ...plainEntries("text"),
  ...plainEntries("int"),
  ...plainEntries("bool"),
  ...plainEntries("list"),
  ...plainEntries("map"),
  ...plainEntries("log_format"),
  ...ALIASES.map(([name, path, kind]) => entry(name, path, kind)),
  ...words(PROGRAMS).map((program) =>
    entry(
      `POSTGRESQL_BIN_${program.toUpperCase()}`,
      `postgresql.bin_name.${program}`,
      "text",
    )
  ),
  ...ROLES.flatMap((role) =>
    words(LIBPQ_KEYS).map((key) =>
      entry(
        `${role}_${key}`.toUpperCase(),
        `postgresql.authentication.${role}.${key}`,
        "text",
      )
    )
  ),
]);

/** Suffixes of `PATRONI_<SECTION>_<SUFFIX>`, for any section. */
export const GENERIC_SUFFIXES: ReadonlyMap<string, EnvKind> = new Map([
  ...suffixes(
    "text",
    `HOST SRV SRV_SUFFIX URL PROXY PROTOCOL CACERT CERT KEY KEY_PASSWORD TOKEN DC
    CONSISTENCY SERVICE_CHECK_INTERVAL SERVICE_CHECK_TLS_SERVER_NAME NAMESPACE
    CONTEXT SCOPE_LABEL ROLE_LABEL LEADER_LABEL_VALUE FOLLOWER_LABEL_VALUE
    STANDBY_LEADER_LABEL_VALUE TMP_ROLE_LABEL POD_IP DATABASE USE_SSL GROUP`,
  ),
  ...suffixes("int", "PORT"),
  ...suffixes("list", "HOSTS PORTS CHECKS SERVICE_TAGS RETRIABLE_HTTP_CODES"),
  ...suffixes("map", "LABELS BOOTSTRAP_LABELS SET_ACLS AUTH_DATA"),
  ...suffixes(
    "bool",
    "USE_PROXIES REGISTER_SERVICE USE_ENDPOINTS BYPASS_API_SERVICE VERIFY",
  ),
]);

function plainEntries(kind: EnvKind): [string, EnvTarget][] {
  return words(PLAIN_PATHS[kind]).map((path) =>
    entry(path.replace(".", "_").toUpperCase(), path, kind)
  );
}

function entry(
  name: string,
  path: string,
  kind: EnvKind,
): [string, EnvTarget] {
  return [name, { path: path.split("."), kind }];
}

function suffixes(kind: EnvKind, names: string): [string, EnvKind][] {
  return words(names).map((name) => [name, kind]);
}

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
