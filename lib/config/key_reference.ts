/**
 * Every key that this program reads: its default, which layers may set it and
 * when a change takes effect. `config explain` and docs/configuration.md are
 * made from it.
 *
 * Source: docs/contract/configuration.md 3, 4.
 */

/** Which layers may set a key. */
export type KeyScope =
  /** Only the local file or the environment. */
  | "local"
  /** Only the dynamic configuration. */
  | "dynamic"
  /** Both; the local value counts. */
  | "both"
  /** Only while the cluster is created. */
  | "bootstrap";

/** When a change takes effect. */
export type KeyApply = "reload" | "agent" | "restart" | "use" | "once";

/** One key. */
export interface KeyReference {
  /** Dotted; a `*` stands for any name. */
  readonly path: string;
  /** As a person would write it; empty: none. */
  readonly fallback: string;
  readonly scope: KeyScope;
  readonly apply: KeyApply;
  readonly meaning: string;
}

/** path | default | scope | apply | meaning */
const TABLE = `
name | required | local | agent | Name of the member, unique in the cluster: ASCII, at most 63 bytes, without / and comma
scope | required | local | agent | Name of the cluster, without /; also cluster_name in PostgreSQL
namespace | service | local | agent | First part of the path of all keys in the DCS
thread_pool_size | 5 | local | agent | Accepted; there are no threads
thread_stack_size | 512kB | local | agent | Accepted; there are no threads
log.type | plain | local | reload | plain, or json: one object per line
log.level | INFO | local | reload | DEBUG, INFO, WARNING, ERROR or CRITICAL
log.traceback_level | ERROR | local | reload | Accepted; errors are one line, in json with a stack trace
log.format | %(asctime)s %(levelname)s: %(message)s | local | reload | Template of a line; for json also a list of attributes
log.dateformat |  | local | reload | strftime pattern of asctime
log.static_fields | {} | local | reload | Constant members of each json line
log.max_queue_size | 1000 | local | reload | Accepted; lines are written at once, there is no queue
log.dir |  | local | reload | Directory of patroni.log; without it lines go to stderr
log.mode |  | local | reload | Permission bits of log files
log.file_num | 4 | local | reload | Older files that are kept; 0: no rotation
log.file_size | 25000000 | local | reload | Bytes after which a file is set aside; 0: no rotation
log.loggers | {} | local | reload | Levels by logger; patroni and matriarch mean the whole program
log.deduplicate_heartbeat_logs | false | local | reload | Say the same heartbeat only once
restapi.listen | required | local | reload | Address and port of the REST API
restapi.connect_address | restapi.listen | local | reload | Where others reach it
restapi.authentication.username |  | local | reload | User for changes by REST
restapi.authentication.password |  | local | reload | Its password
restapi.certfile |  | local | reload | Certificate; turns TLS on
restapi.keyfile |  | local | reload | Its key
restapi.keyfile_password |  | local | reload | Passphrase of the key
restapi.cafile |  | local | reload | Authorities of client certificates
restapi.ciphers |  | local | reload | OpenSSL cipher list
restapi.verify_client | none | local | reload | none, optional (for changes) or required
restapi.allowlist |  | local | reload | Who may make changes: addresses, networks, host names
restapi.allowlist_include_members | false | local | reload | Other members may, too
restapi.http_extra_headers | {} | local | reload | Headers of each response
restapi.https_extra_headers | {} | local | reload | The same with TLS
restapi.request_queue_size | 5 | local | agent | Length of the listen queue
restapi.thread_pool_size | 5 | local | agent | Accepted; there are no threads
restapi.server_tokens | original | local | reload | original, minimal or productonly
ctl.authentication.username | restapi.authentication | local | reload | User for calls to other members
ctl.authentication.password | restapi.authentication | local | reload | Its password
ctl.insecure | false | local | reload | Do not verify servers' certificates
ctl.cacert | restapi.cafile | local | reload | Authorities of servers' certificates
ctl.certfile |  | local | reload | Client certificate
ctl.keyfile |  | local | reload | Its key
ctl.keyfile_password |  | local | reload | Passphrase of the key
ctl.peer_timeout | 2 | local | reload | Seconds that another member may take to answer
etcd3.hosts |  | local | agent | Endpoints, a list or text with commas
etcd3.host |  | local | agent | One endpoint
etcd3.port | 2379 | local | agent | Port where an endpoint names none
etcd3.url |  | local | agent | One endpoint as URL, also with user and password
etcd3.proxy |  | local | agent | The only endpoint, a proxy
etcd3.srv |  | local | agent | Domain whose SRV records name the endpoints
etcd3.srv_suffix |  | local | agent | Suffix inside the SRV records' names
etcd3.protocol | http | local | agent | http or https, for host and hosts
etcd3.use_proxies | false | local | agent | Endpoints are proxies
etcd3.username |  | local | reload | User of etcd
etcd3.password |  | local | reload | Its password
etcd3.cacert |  | local | agent | Authorities of etcd's certificates
etcd3.cert |  | local | agent | Client certificate
etcd3.key |  | local | agent | Its key
sqlite.path | required | local | agent | Ours: the file that stands for a DCS in a lab on one host
bootstrap.dcs |  | bootstrap | once | The first dynamic configuration; a member without it creates no cluster
bootstrap.method | initdb | bootstrap | once | How the first data directory is made
bootstrap.initdb | [] | bootstrap | once | Options of initdb
bootstrap.pg_hba | [] | bootstrap | once | Lines added to pg_hba.conf
bootstrap.post_bootstrap |  | bootstrap | once | Command run after it, with a connection string
bootstrap.users | {} | bootstrap | once | Deprecated: roles to make, with password and options
bootstrap.post_init |  | bootstrap | once | Older name of post_bootstrap
postgresql.listen | required | local | restart | Addresses with commas and one port
postgresql.connect_address | local address | local | reload | Where others and clients reach it
postgresql.proxy_address |  | local | reload | Address of a pooler, published as proxy_url
postgresql.data_dir | required | local | agent | Data directory
postgresql.config_dir | postgresql.data_dir | local | agent | Directory of the configuration files
postgresql.pgpass | ~/pgpass | local | agent | Password file that the agent writes
postgresql.connect_timeout | 2 | local | reload | Seconds for the agent's own connections to stand, and for their login
postgresql.authentication.superuser.* |  | local | reload | username, password and libpq's TLS settings
postgresql.authentication.replication.* | required | local | reload | The same for replication
postgresql.authentication.rewind.* | the superuser | local | reload | The same for pg_rewind
postgresql.config_base_name | postgresql | both | agent | Name of the .conf file
postgresql.custom_conf |  | both | use | File included instead of the original postgresql.conf
postgresql.bin_dir | PATH | both | agent | Directory of PostgreSQL's programs
postgresql.bin_name.* | same name | both | use | Other names of these programs
postgresql.database | postgres | both | agent | Database of the agent's own connections
postgresql.krbsrvname |  | both | reload | Kerberos service name
postgresql.use_unix_socket | false | both | reload | Connect through a socket
postgresql.use_unix_socket_repl | false | both | reload | The same for replication
postgresql.parameters.* |  | both | reload | PostgreSQL parameters; those that members share only dynamically
postgresql.parameters_primary.* |  | both | reload | Laid over parameters of a primary
postgresql.parameters_replica.* |  | both | reload | Laid over parameters of a replica
postgresql.parameters_standby_leader.* |  | both | reload | Laid over parameters of a standby cluster's leader
postgresql.pg_hba |  | both | reload | All lines of pg_hba.conf
postgresql.pg_hba_primary |  | both | reload | In place of pg_hba of a primary
postgresql.pg_hba_replica |  | both | reload | In place of pg_hba of a replica
postgresql.pg_hba_standby_leader |  | both | reload | In place of pg_hba of a standby cluster's leader
postgresql.pg_ident |  | both | reload | All lines of pg_ident.conf
postgresql.pg_ident_primary |  | both | reload | In place of pg_ident of a primary
postgresql.pg_ident_replica |  | both | reload | In place of pg_ident of a replica
postgresql.pg_ident_standby_leader |  | both | reload | In place of pg_ident of a standby cluster's leader
postgresql.recovery_conf | {} | both | reload | More recovery settings of replicas
postgresql.use_slots | true | dynamic | reload | Replication slots
postgresql.use_pg_rewind | false | both | use | Repair diverged data directories
postgresql.remove_data_directory_on_rewind_failure | false | both | use | Copy anew when pg_rewind failed
postgresql.remove_data_directory_on_diverged_timelines | false | both | use | Copy anew when rewinding is not possible
postgresql.pg_ctl_timeout | 60 | both | use | Seconds for a start
postgresql.create_replica_methods | [basebackup] | both | use | Ways to copy a data directory, in order
postgresql.basebackup | {} | both | use | Options of pg_basebackup
postgresql.rewind | {} | both | use | Options of pg_rewind
postgresql.callbacks.* |  | both | use | Commands for on_start, on_stop, on_restart, on_reload, on_role_change
postgresql.pre_promote |  | both | use | Command that must succeed before a promotion
postgresql.before_stop |  | both | use | Command run before a stop
watchdog.mode | automatic | local | reload | off, automatic or required
watchdog.device | /dev/watchdog | local | reload | The device
watchdog.driver | default | local | reload | testing exists for tests
watchdog.safety_margin | 5 | local | reload | Seconds between its time limit and the ttl; -1: half of the ttl
tags.nofailover | false | local | reload | Never leads
tags.failover_priority | 1 | local | reload | Who of equals leads; 0: never
tags.nosync | false | local | reload | Never a synchronous standby
tags.sync_priority | 1 | local | reload | Who of equals is synchronous; 0: never
tags.noloadbalance | false | local | reload | Not offered to readers
tags.clonefrom | false | local | reload | Others copy from here
tags.replicatefrom |  | local | reload | Member to stream from
tags.nostream | false | local | reload | Restores archived WAL only
proxy.listen | * | local | reload | Ours: addresses of the proxy, with commas; proxy: false turns it off
proxy.primary_port | 5000 | local | reload | Ours: leads to the leader
proxy.replica_port | 6000 | local | reload | Ours: leads to replicas
proxy.stats_port | 7000 | local | reload | Ours: the page with its numbers
proxy.hold_timeout | 10 | local | reload | Ours: how long new connections wait for a leader
proxy.replica_max_lag | 1048576 | local | reload | Ours: bytes; replicas further behind get no new connections
proxy.replica_max_lag_time | 30 | local | reload | Ours: the same in seconds; not less than two loop_wait
proxy.max_connections | 1000 | local | reload | Ours: clients at the same time
proxy.primary_max_connections |  | local | reload | Ours: clients of the primary port
proxy.replica_max_connections |  | local | reload | Ours: clients of the replica port
proxy.drain_timeout | 5 | local | reload | Ours: seconds that running transactions have before a planned stop
proxy.upgrade_timeout | 86400 | local | reload | Ours: seconds that sessions of a replaced proxy may go on
proxy.connect_timeout | 2 | local | reload | Ours: seconds for one attempt to reach a server; then the next one is tried
proxy.startup_timeout | 10 | local | reload | Ours: seconds that a client has for its first packet
proxy.max_silent_per_address | 100 | local | reload | Ours: clients of one address (IPv6: /64) that have not said yet what they want
proxy.allow | everyone | local | reload | Ours: networks whose clients are served
proxy.agent_grace | 5 | local | reload | Ours: seconds that a dead agent of a primary has to come back, then PostgreSQL is stopped
proxy.sealed | false | local | reload | Ours: PostgreSQL takes clients only from the proxy beside it
proxy.data_plane | auto | local | reload | Ours: auto, workers or portable
proxy.workers |  | local | reload | Ours: worker threads; by default as many as fit
proxy.io_uring | true | local | reload | Ours: worker threads pass several packets on at once where the kernel allows it
proxy.replica_fallback | false | local | reload | Ours: the replica port leads to the leader if there is no replica, in a standby cluster too
proxy.zone |  | local | reload | Ours: replicas of the same zone are preferred
vip | [] | local | agent | Ours: virtual addresses, each with address, interface, role and gateway
ttl | 30 | dynamic | reload | Seconds that the leader's lease lasts
loop_wait | 10 | dynamic | reload | Seconds between cycles
retry_timeout | 10 | dynamic | reload | Seconds for retries in one cycle
maximum_lag_on_failover | 1048576 | dynamic | reload | Bytes; replicas further behind do not lead
primary_race_backoff | 0 | dynamic | reload | Seconds that a race waits while WAL of the old leader still comes in
maximum_lag_on_syncnode | -1 | dynamic | reload | Bytes; a synchronous standby further behind is replaced
max_timelines_history | 0 | dynamic | reload | Lines of history that are kept; 0: all
primary_start_timeout | 300 | dynamic | reload | Seconds that a crashed primary has to come back
primary_stop_timeout | 0 | dynamic | reload | Seconds until a stop becomes a kill, in synchronous mode
synchronous_mode | off | dynamic | reload | on, off or quorum
synchronous_mode_strict | false | dynamic | reload | Rather no writes than no synchronous standby
synchronous_node_count | 1 | dynamic | reload | Synchronous standbys
failsafe_mode | false | dynamic | reload | Lead on without the DCS while all members agree
check_timeline | false | dynamic | reload | Only the newest timeline may lead
pause | false | dynamic | reload | Maintenance mode
member_slots_ttl | 30min | dynamic | reload | How long slots of vanished members stay
ignore_slots | [] | dynamic | reload | Slots that are left alone
slots | {} | dynamic | reload | Permanent slots, by name; the first 1,000 count
standby_cluster.host |  | dynamic | reload | The remote primary; makes this a standby cluster
standby_cluster.port | 5432 | dynamic | reload | Its port
standby_cluster.primary_slot_name |  | dynamic | reload | Slot there
standby_cluster.create_replica_methods | [basebackup] | dynamic | reload | Ways to copy from there
standby_cluster.restore_command |  | dynamic | reload | Fetches WAL from an archive
standby_cluster.archive_cleanup_command |  | dynamic | reload | Cleans the archive
standby_cluster.recovery_min_apply_delay |  | dynamic | reload | Delay of the standby leader
`;

/** Other names of keys, and keys that mean their whole section. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["etcd3.discovery_srv", "etcd3.srv"],
  ["etcd3.srv_domain", "etcd3.srv"],
  ["postgresql.create_replica_method", "postgresql.create_replica_methods"],
  ["master_start_timeout", "primary_start_timeout"],
  ["master_stop_timeout", "primary_stop_timeout"],
  ["permanent_slots", "slots"],
  ["permanent_replication_slots", "slots"],
]);

/** All keys, in the order of the documentation. */
export function keyReferences(): readonly KeyReference[] {
  return TABLE.trim().split("\n").map((line) => {
    const [path = "", fallback = "", scope, apply, meaning = ""] = line
      .split(" | ").map((cell) => cell.trim());
    return {
      path,
      fallback,
      scope: scopeOf(scope),
      apply: applyOf(apply),
      meaning,
    };
  });
}

/** The reference of a key, also through a `*`; null for unknown keys. */
export function keyReference(path: string): KeyReference | null {
  const wanted = ALIASES.get(path) ?? path;
  return keyReferences().find((each) =>
    each.path === wanted || each.path === `${wanted}.*` ||
    (each.path.endsWith(".*") && wanted.startsWith(each.path.slice(0, -1)))
  ) ?? null;
}

function scopeOf(text: string | undefined): KeyScope {
  switch (text) {
    case "dynamic":
    case "both":
    case "bootstrap":
      return text;
    default:
      return "local";
  }
}

function applyOf(text: string | undefined): KeyApply {
  switch (text) {
    case "agent":
    case "restart":
    case "use":
    case "once":
      return text;
    default:
      return "reload";
  }
}
