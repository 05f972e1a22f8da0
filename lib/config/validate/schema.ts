/**
 * What `--validate-config` checks, in the order in which it says so.
 *
 * It accepts what the agent accepts, also where Patroni's own validator refuses
 * values that work (docs/contract/configuration.md, appendix B, row 6).
 *
 * Source: docs/contract/configuration.md 7.3.
 */
import {
  type ConfigMap,
  isConfigMap,
} from "../../core/calc/documents/config_merge.ts";
import { tagConflicts } from "../../core/codec/tags_codec.ts";
import {
  anyOf,
  boolean,
  dictionary,
  each,
  either,
  failed,
  integer,
  integerType,
  line,
  list,
  map,
  oneOf,
  oneOfAnyCase,
  optional,
  type Place,
  required,
  string,
  then,
} from "./checks.ts";
import {
  connectAddress,
  dataDirectory,
  listenAddress,
  postgresListen,
  programLines,
  reachable,
} from "./host_checks.ts";
import { roleKeys } from "../role_settings.ts";

const count = integer({ min: 0 });
const port = integer({ min: 1, max: 65_535 });
const texts = list(string);
const textsOrCommas = either(string, texts);

function logFormat(
  value: unknown,
  { path }: Place,
): Promise<readonly string[]> {
  const reason = formatReason(value);
  return Promise.resolve(
    reason === null ? [] : [line(path, value, failed(reason))],
  );
}

function formatReason(value: unknown): string | null {
  if (typeof value === "string") return null;
  if (!Array.isArray(value)) return "Should be a string or a list";
  if (value.length === 0) return "should contain at least one item";
  const isEach = value.every((item) =>
    typeof item === "string" ||
    (isConfigMap(item) && Object.keys(item).length === 1 &&
      Object.values(item).every((output) => typeof output === "string"))
  );
  return isEach
    ? null
    : "each item should be a string or a dictionary with string values";
}

const log = map(
  optional("type", oneOf("plain", "json")),
  optional(
    "level",
    oneOf("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"),
  ),
  optional("traceback_level", oneOfAnyCase("debug", "error")),
  optional("format", logFormat),
  optional("dateformat", string),
  optional("static_fields", dictionary),
  optional("max_queue_size", integerType),
  optional("dir", string),
  each("file_num file_size", integerType),
  optional("mode", integer({ min: 0, max: 0o777 })),
  optional("loggers", dictionary),
  optional("deduplicate_heartbeat_logs", boolean),
);

const restapi = map(
  required("listen", listenAddress),
  required("connect_address", connectAddress),
  optional(
    "authentication",
    map(required("username", string), required("password", string)),
  ),
  each("certfile keyfile keyfile_password cafile ciphers", string),
  optional("verify_client", oneOf("none", "optional", "required")),
  optional("allowlist", texts),
  optional("allowlist_include_members", boolean),
  each("http_extra_headers https_extra_headers", dictionary),
  optional("request_queue_size", integer({ min: 0, max: 4096 })),
  optional("thread_pool_size", integer({ min: 5 })),
  optional("server_tokens", oneOfAnyCase("minimal", "productonly", "original")),
);

const programOptions = either(list(either(string, dictionary)), dictionary);

const roleSettings = [
  each(roleKeys("parameters").join(" "), dictionary),
  each(
    ["pg_hba", "pg_ident"].flatMap((key) => [key, ...roleKeys(key)]).join(" "),
    texts,
  ),
  optional("rewind", programOptions),
] as const;

const dynamicPostgresql = map(
  optional(
    "parameters",
    map(
      optional("max_connections", integer({ min: 1, max: 262_143 })),
      optional("max_locks_per_transaction", integer({ min: 10 })),
      each(
        "max_prepared_transactions max_replication_slots max_wal_senders max_worker_processes",
        integer({ min: 0, max: 262_143 }),
      ),
    ),
  ),
  each("use_pg_rewind use_slots", boolean),
  ...roleSettings,
  optional("pg_ctl_timeout", count),
);

const standbyCluster = then(
  anyOf("host", "port", "restore_command"),
  map(
    optional("host", string),
    optional("port", port),
    each(
      "restore_command primary_slot_name archive_cleanup_command recovery_min_apply_delay",
      string,
    ),
    optional("create_replica_methods", texts),
  ),
);

const bootstrap = map(
  required(
    "dcs",
    map(
      optional("ttl", integer({ min: 20 })),
      optional("loop_wait", integer({ min: 1 })),
      optional("retry_timeout", integer({ min: 3 })),
      optional("maximum_lag_on_failover", count),
      optional("primary_race_backoff", count),
      optional("maximum_lag_on_syncnode", integer({ min: -1 })),
      optional("member_slots_ttl", integer({ min: 0, unit: "s" })),
      optional("postgresql", dynamicPostgresql),
      each("primary_start_timeout primary_stop_timeout", count),
      optional("standby_cluster", standbyCluster),
      optional("synchronous_mode", either(boolean, oneOfAnyCase("quorum"))),
      optional("synchronous_mode_strict", boolean),
      optional("synchronous_node_count", integer({ min: 1 })),
    ),
  ),
  optional("initdb", programOptions),
  optional("method", string),
);

const etcd = then(
  anyOf("host", "hosts", "srv", "srv_suffix", "url", "proxy"),
  map(
    optional("host", then(string, reachable(2379))),
    optional("hosts", then(textsOrCommas, reachable(2379))),
    each(
      "srv srv_suffix url proxy protocol username password cacert cert key",
      string,
    ),
  ),
);

const otherStores = [
  optional(
    "consul",
    then(
      anyOf("host", "url"),
      map(
        optional("host", then(string, reachable(8500))),
        optional("port", port),
        each("verify register_service", boolean),
        each("checks service_tags", texts),
        each("url scheme token dc cacert cert key", string),
        optional("consistency", oneOf("default", "consistent", "stale")),
      ),
    ),
  ),
];

const laterStores = [
  optional(
    "exhibitor",
    map(required("hosts", texts), required("port", port)),
  ),
  optional("kubernetes", map(required("labels", dictionary))),
  optional(
    "raft",
    map(
      required("self_addr", connectAddress),
      required("partner_addrs", texts),
    ),
  ),
  optional("sqlite", map(required("path", string))),
  optional(
    "zookeeper",
    map(
      required("hosts", then(textsOrCommas, reachable(2181))),
      each("use_ssl verify", boolean),
    ),
  ),
];

const role = map(required("username", string), optional("password", string));

async function postgresql(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  const lines = await map(
    required("listen", postgresListen),
    required("connect_address", connectAddress),
    optional("proxy_address", connectAddress),
    required(
      "authentication",
      map(
        required("replication", role),
        required("superuser", role),
        optional("rewind", role),
      ),
    ),
    required("data_dir", dataDirectory),
  )(value, at);
  if (!isConfigMap(value)) return lines;
  const rest = await map(
    optional("parameters", map(optional("unix_socket_directories", string))),
    ...roleSettings,
    optional("pg_ctl_timeout", count),
    optional("use_pg_rewind", boolean),
  )(value, at);
  return [...lines, ...await programLines(at), ...rest];
}

const knownMode = oneOfAnyCase(
  "off",
  "disable",
  "disabled",
  "automatic",
  "auto",
  "required",
  "require",
);

/** YAML reads a bare `off` as false. */
function watchdogMode(value: unknown, at: Place): Promise<readonly string[]> {
  return value === false ? Promise.resolve([]) : knownMode(value, at);
}

async function tags(value: unknown, at: Place): Promise<readonly string[]> {
  const lines = await map(
    each("nofailover clonefrom noloadbalance nosync nostream", boolean),
    each("failover_priority sync_priority", count),
    optional("replicatefrom", string),
  )(value, at);
  const conflicts = isConfigMap(value) ? contradictions(value) : [];
  return [...conflicts, ...lines];
}

/** Both of a pair are fine as long as they say the same. */
function contradictions(value: ConfigMap): string[] {
  return tagConflicts(value).map(({ flagTag, priorityTag }) =>
    `tags  Multiple of ('${flagTag}', '${priorityTag}') provided`
  );
}

const stores = anyOf(
  "consul",
  "etcd",
  "etcd3",
  "exhibitor",
  "kubernetes",
  "raft",
  "zookeeper",
);

function storesOrOurs(value: unknown, at: Place): Promise<readonly string[]> {
  const isOurs = isConfigMap(value) && Object.hasOwn(value, "sqlite");
  return isOurs ? Promise.resolve([]) : stores(value, at);
}

const FIRST = map(
  required("name", string),
  required("scope", string),
  optional("thread_pool_size", integer({ min: 5 })),
  optional("thread_stack_size", integer({ min: 65_536, unit: "B" })),
  optional("log", log),
  optional(
    "ctl",
    map(
      optional("insecure", boolean),
      each("cacert certfile keyfile keyfile_password", string),
    ),
  ),
  required("restapi", restapi),
  optional("bootstrap", bootstrap),
);

const LAST = map(
  otherStores,
  each("etcd etcd3", etcd),
  laterStores,
  optional(
    "citus",
    map(required("database", string), required("group", count)),
  ),
  required("postgresql", postgresql),
  optional(
    "watchdog",
    map(
      optional("mode", watchdogMode),
      optional("device", string),
      optional("safety_margin", integer({ min: -1 })),
    ),
  ),
  optional("tags", tags),
);

/** The whole local configuration. */
export async function localConfiguration(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  return [
    ...await FIRST(value, at),
    ...await storesOrOurs(value, at),
    ...await LAST(value, at),
  ];
}
