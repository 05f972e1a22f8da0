/**
 * Every key that a configuration may have, Patroni's and ours, so that a
 * misspelt one is found. Keys of DCS that we can not use are listed too: they
 * are no mistakes.
 */
import {
  type ConfigMap,
  isConfigMap,
  ownValue,
} from "../core/calc/documents/config_merge.ts";
import type { ConfigWarning } from "./problems.ts";

/** A map's known keys; `null` below a key: anything may stand there. */
export interface KeyTree {
  readonly [key: string]: KeyTree | null;
}

const LIBPQ = leaves(
  `username password sslmode sslcert sslkey sslpassword sslrootcert sslcrl
  sslcrldir gssencmode channel_binding sslnegotiation require_auth`,
);

const ETCD = leaves(
  `proxy url hosts host port srv discovery_srv srv_domain srv_suffix protocol
  use_proxies username password cacert cert key version_prefix`,
);

const ZOOKEEPER = leaves(
  "hosts use_ssl cacert cert key key_password verify set_acls auth_data",
);

const POSTGRESQL_SHARED: KeyTree = {
  ...leaves(
    `config_base_name custom_conf bin_dir database krbsrvname use_unix_socket
    use_unix_socket_repl parameters parameters_primary parameters_replica
    parameters_standby_leader pg_hba pg_hba_primary pg_hba_replica
    pg_hba_standby_leader pg_ident pg_ident_primary pg_ident_replica
    pg_ident_standby_leader recovery_conf use_slots
    use_pg_rewind remove_data_directory_on_rewind_failure
    remove_data_directory_on_diverged_timelines pg_ctl_timeout
    create_replica_methods create_replica_method basebackup rewind pre_promote
    before_stop`,
  ),
  bin_name: leaves(
    `pg_ctl initdb pg_controldata pg_basebackup postgres pg_isready pg_rewind`,
  ),
  callbacks: leaves("on_start on_stop on_restart on_reload on_role_change"),
};

const DYNAMIC: KeyTree = {
  ...leaves(
    `ttl loop_wait retry_timeout maximum_lag_on_failover maximum_lag_on_syncnode
    primary_race_backoff
    max_timelines_history primary_start_timeout master_start_timeout
    primary_stop_timeout master_stop_timeout synchronous_mode
    synchronous_mode_strict synchronous_node_count failsafe_mode check_timeline
    pause member_slots_ttl slots permanent_slots permanent_replication_slots
    ignore_slots tags log restapi watchdog`,
  ),
  standby_cluster: leaves(
    `host port primary_slot_name create_replica_methods restore_command
    archive_cleanup_command recovery_min_apply_delay`,
  ),
  postgresql: POSTGRESQL_SHARED,
};

/** The keys of a local configuration. */
export const KNOWN_KEYS: KeyTree = {
  ...leaves(
    `name scope namespace thread_pool_size thread_stack_size ttl loop_wait
    retry_timeout standby_cluster vip`,
  ),
  log: leaves(
    `type level traceback_level format dateformat static_fields max_queue_size
    dir mode file_num file_size loggers deduplicate_heartbeat_logs`,
  ),
  restapi: {
    ...leaves(
      `listen connect_address certfile keyfile keyfile_password cafile ciphers
      verify_client allowlist allowlist_include_members http_extra_headers
      https_extra_headers request_queue_size thread_pool_size server_tokens`,
    ),
    authentication: leaves("username password"),
  },
  ctl: {
    ...leaves("insecure cacert certfile keyfile keyfile_password peer_timeout"),
    authentication: leaves("username password"),
  },
  citus: leaves("group database"),
  consul: leaves(
    `host port url scheme token dc consistency verify cacert cert key checks
    register_service service_tags service_check_interval
    service_check_tls_server_name`,
  ),
  etcd: ETCD,
  etcd3: ETCD,
  exhibitor: { ...ZOOKEEPER, ...leaves("port poll_interval") },
  kubernetes: leaves(
    `namespace labels scope_label role_label leader_label_value
    follower_label_value standby_leader_label_value tmp_role_label
    bootstrap_labels use_endpoints pod_ip ports cacert bypass_api_service
    retriable_http_codes context`,
  ),
  raft: leaves("self_addr bind_addr partner_addrs data_dir password"),
  sqlite: leaves("path"),
  zookeeper: { ...ZOOKEEPER, exhibitor: null },
  bootstrap: {
    ...leaves("method initdb post_bootstrap post_init pg_hba users"),
    dcs: DYNAMIC,
  },
  postgresql: {
    ...POSTGRESQL_SHARED,
    ...leaves(
      `listen connect_address proxy_address data_dir config_dir pgpass name connect_timeout
      replication superuser pg_rewind`,
    ),
    authentication: { superuser: LIBPQ, replication: LIBPQ, rewind: LIBPQ },
  },
  watchdog: leaves("mode device safety_margin driver"),
  tags: leaves(
    `nofailover failover_priority nosync sync_priority noloadbalance clonefrom
    replicatefrom nostream`,
  ),
  proxy: leaves(
    `listen primary_port replica_port stats_port hold_timeout drain_timeout
    connect_timeout max_silent_per_address startup_timeout upgrade_timeout replica_max_lag replica_max_lag_time
    replica_fallback zone max_connections primary_max_connections
    replica_max_connections allow agent_grace data_plane workers io_uring
    sealed`,
  ),
};

/** Below these paths a map may be a method of the user's, if it is named as one or looks like one. */
const METHOD_PARENTS = ["postgresql", "bootstrap", "bootstrap.dcs.postgresql"];
/** Lists of methods, and the one that creates a cluster. */
const METHOD_LISTS = [
  "postgresql.create_replica_methods",
  "postgresql.create_replica_method",
  "standby_cluster.create_replica_methods",
];
const METHOD_KEYS = [
  "command",
  "no_leader",
  "keep_data",
  "no_params",
  "keep_existing_recovery_conf",
];
const DISTANCE_MAX = 2;
const PLACES_MAX = 3;
/** A hint to one of these would help nobody. */
const UNUSED_SECTIONS: ReadonlySet<string> = new Set(
  "citus consul etcd exhibitor kubernetes raft zookeeper".split(" "),
);

/**
 * A warning for each key that nothing reads, with the nearest known key.
 *
 * Custom tags are anyone's to invent; one is only reported when it looks like a
 * misspelt tag.
 */
export function unknownKeys(document: ConfigMap): readonly ConfigWarning[] {
  return unknownBelow(document, KNOWN_KEYS, {
    path: "",
    methods: methodNames(document),
  });
}

/** The same for a dynamic document, as it stands in the DCS. */
export function unknownDynamicKeys(
  document: ConfigMap,
): readonly ConfigWarning[] {
  return unknownBelow(document, DYNAMIC, {
    path: "",
    methods: methodNames(document),
  });
}

/**
 * The candidate nearest to `word`, `null` when none is within two edits.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(nearest("lisen", ["listen", "name"]), "listen");
 * ```
 */
export function nearest(
  word: string,
  candidates: readonly string[],
): string | null {
  const limit = Math.min(DISTANCE_MAX, Math.floor(word.length / 3));
  const ranked = candidates
    .filter((candidate) => Math.abs(candidate.length - word.length) <= limit)
    .map((candidate) => ({
      candidate,
      distance: editDistance(word, candidate),
    }))
    .filter(({ distance }) => distance <= limit)
    .sort((left, right) => left.distance - right.distance);
  return ranked[0]?.candidate ?? null;
}

/** Where in the document a map stands, and what may have any name there. */
interface Below {
  readonly path: string;
  readonly methods: ReadonlySet<string>;
}

function unknownBelow(
  value: ConfigMap,
  tree: KeyTree,
  below: Below,
): ConfigWarning[] {
  return Object.entries(value).flatMap(([key, item]) => {
    const path = below.path === "" ? key : `${below.path}.${key}`;
    const known = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (known === undefined) {
      return METHOD_PARENTS.includes(below.path) && isMethod(key, item, below)
        ? []
        : unknownKey(path, Object.keys(tree));
    }
    return known !== null && isConfigMap(item)
      ? unknownBelow(item, known, { ...below, path })
      : [];
  });
}

/** The other layer may name it, so what looks like a method is one, too. */
function isMethod(key: string, value: unknown, { methods }: Below): boolean {
  return isConfigMap(value) &&
    (methods.has(key) ||
      METHOD_KEYS.some((special) => Object.hasOwn(value, special)));
}

/** Names of methods that the document mentions anywhere. */
function methodNames(document: ConfigMap): ReadonlySet<string> {
  const bootstrap = mapAt(document, "bootstrap");
  const lists = [document, mapAt(bootstrap, "dcs")].flatMap((root) =>
    METHOD_LISTS.map((path) => {
      const [section = "", key = ""] = path.split(".");
      return ownValue(mapAt(root, section), key);
    })
  );
  const names = [...lists.flat(), ownValue(bootstrap, "method")];
  return new Set(names.filter((name) => typeof name === "string"));
}

function mapAt(map: ConfigMap, key: string): ConfigMap {
  const value = ownValue(map, key);
  return isConfigMap(value) ? value : {};
}

function unknownKey(
  path: string,
  siblings: readonly string[],
): ConfigWarning[] {
  const split = path.lastIndexOf(".");
  const parent = path.slice(0, Math.max(split, 0));
  const key = path.slice(split + 1);
  const suggestion = nearest(key, siblings);
  if (suggestion === null && parent === "tags") return [];
  const elsewhere = suggestion === null ? placesOf(key) : [];
  const hint = suggestion !== null
    ? `; did you mean "${suggestion}"?`
    : elsewhere.length > 0
    ? `; it belongs to ${elsewhere.join(" or ")}`
    : "";
  return [{ path, text: `Unknown key ${path} sets nothing${hint}` }];
}

/** Sections of a local configuration that have a key of this name. */
function placesOf(key: string): readonly string[] {
  const sections = Object.entries({ ...KNOWN_KEYS, "bootstrap.dcs": DYNAMIC });
  return sections.flatMap(([name, tree]) =>
    tree !== null && !UNUSED_SECTIONS.has(name) && Object.hasOwn(tree, key)
      ? [name]
      : []
  ).slice(0, PLACES_MAX);
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...left].entries()) {
    const next = [i + 1];
    for (let j = 0; j < right.length; j++) {
      const swap = (row[j] ?? 0) + (letter === right[j] ? 0 : 1);
      next.push(Math.min(swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

function leaves(names: string): KeyTree {
  return Object.fromEntries(
    names.trim().split(/\s+/).map((name) => [name, null]),
  );
}
