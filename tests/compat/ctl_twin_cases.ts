/** What `ctl_twin_test.ts` lets both command lines do, on which keys. */
import type { Keys, Replies, TwinCase } from "./ctl_twin.ts";

const CONFIG = '{"ttl":30,"loop_wait":10,"retry_timeout":10,' +
  '"maximum_lag_on_failover":1048576,"synchronous_mode":true,' +
  '"postgresql":{"use_pg_rewind":true,"parameters":{"max_connections":100,' +
  '"work_mem":"8MB","wal_level":"replica","pg_stat.track":"on"}}}';

interface MemberFacts {
  readonly host: string;
  readonly port?: number;
  readonly [key: string]: unknown;
}

function member({ host, port = 5432, ...facts }: MemberFacts): string {
  return JSON.stringify({
    conn_url: `postgres://${host}:${port}/postgres`,
    api_url: "http://$API/patroni",
    version: "4.1.4",
    state: "running",
    timeline: 3,
    ...facts,
  });
}

const LEADER = member({
  host: "10.0.0.1",
  role: "primary",
  xlog_location: 67108960,
});

function replica(facts: Partial<MemberFacts> = {}): string {
  return member({
    host: "10.0.0.2",
    role: "replica",
    xlog_location: 57109096,
    receive_lsn: 67108960,
    replay_lsn: 57109096,
    replication_state: "streaming",
    ...facts,
  });
}

const HISTORY = '[[1,25623960,"no recovery target specified",' +
  '"2026-09-23T16:57:57+02:00","n2"],[2,67108864,"x"],' +
  '[3,67108960,"no recovery target specified","2026-09-24T16:57:57+02:00"]]';

const HEALTHY: Keys = {
  initialize: "7277694203142172922",
  leader: "n1",
  status: '{"optime":67108960,"slots":{"n2":67108960}}',
  config: CONFIG,
  history: HISTORY,
  sync: '{"leader":"n1","sync_standby":"n2","quorum":0}',
  "members/n1": LEADER,
  "members/n2": replica(),
  "members/n3": replica({ host: "10.0.0.3", receive_lsn: 47108960 }),
};

const PAUSED: Keys = {
  ...HEALTHY,
  config: CONFIG.replace('"ttl"', '"pause":true,"ttl"'),
  failover: '{"leader":"n1","member":"n2",' +
    '"scheduled_at":"2030-01-01T10:00:00+00:00"}',
};

const SCHEDULED: Keys = { ...HEALTHY, failover: PAUSED["failover"] ?? "" };

const { leader: _, ...LEADERLESS } = HEALTHY;

const NO_SYNC: Keys = {
  ...HEALTHY,
  config: CONFIG.replace('"synchronous_mode":true,', ""),
  sync: '{"leader":null,"sync_standby":null}',
};

const QUORUM: Keys = {
  ...HEALTHY,
  config: CONFIG.replace("true", '"quorum"'),
  sync: '{"leader":"n1","sync_standby":"n2,n3","quorum":1}',
};

const STANDBY: Keys = {
  ...NO_SYNC,
  config: CONFIG.replace('"ttl"', '"standby_cluster":{"host":"h"},"ttl"'),
  "members/n1": member({ host: "10.0.0.1", role: "standby_leader" }),
};

/** Everything that a table can show. */
const RICH: Keys = {
  ...HEALTHY,
  "members/n1": member({
    host: "10.0.0.1",
    role: "primary",
    xlog_location: 67108960,
    tags: { clonefrom: true, "ключ": "zß" },
    pending_restart: true,
    pending_restart_reason: {
      max_connections: { old_value: "100", new_value: "200" },
      shared_preload_libraries: {
        old_value: "",
        new_value: "pg_stat_statements,auto_explain,pg_cron,timescaledb",
      },
    },
  }),
  "members/n2": replica({
    port: 5433,
    tags: { replicatefrom: "n3", nosync: true, priority: 1.5, x: null },
    scheduled_restart: {
      schedule: "2030-01-01T10:00:00+00:00",
      postgres_version: "17.0.0",
    },
  }),
  "members/n3": replica({
    host: "10.0.0.3",
    state: "stopped",
    receive_lsn: undefined,
    replay_lsn: undefined,
    xlog_location: undefined,
    replication_state: undefined,
  }),
  "members/n4": replica({
    host: "10.0.0.4",
    tags: { nofailover: true, list: [1, "a"], map: { a: "on", b: "1e3" } },
    scheduled_restart: { schedule: "2030-01-01T11:00:00+00:00" },
  }),
  "members/n5": replica({
    host: "10.0.0.5",
    replication_state: "in archive recovery",
    tags: { failover_priority: 0 },
  }),
  "members/n6": replica({ host: "[2001:db8::1]", state: "creating replica" }),
};

/** As agents before 4.0 publish themselves. */
const OLD: Keys = {
  ...NO_SYNC,
  "members/n1": member({
    host: "h",
    port: 5432,
    role: "master",
    xlog_location: 67108960,
    version: "3.0.2",
  }),
  "members/n2": member({
    host: "h",
    port: 5433,
    role: "replica",
    xlog_location: 57109096,
    replication_state: "streaming",
    version: "3.0.2",
  }),
  "members/n3": member({ host: "k", role: "replica", xlog_location: 57109096 }),
};

const LOOP: Keys = {
  ...HEALTHY,
  "members/n2": replica({ tags: { replicatefrom: "n3" } }),
  "members/n3": replica({
    host: "10.0.0.3",
    tags: { replicatefrom: "n2" },
  }),
};

/** Members without an address, and a leader without a key. */
const BROKEN: Keys = {
  initialize: "",
  leader: "gone",
  "members/n1": "{}",
  "members/n2": '{"state":"running"}',
  "members/n4": '{"role":"replica","state":"stopped"}',
};

const WORLDS: Readonly<Record<string, Keys>> = {
  healthy: HEALTHY,
  paused: PAUSED,
  leaderless: LEADERLESS,
  quorum: QUORUM,
  standby: STANDBY,
  rich: RICH,
  old: OLD,
  loop: LOOP,
  broken: BROKEN,
  empty: {},
  initializing: { initialize: "" },
};

function reads(): [string, TwinCase][] {
  const looks = [
    "list demo",
    "list demo -e",
    "list demo -f tsv",
    "list demo -f json",
    "list demo -e --format yaml",
    "topology demo",
    "history demo",
    "history demo -f json",
    "history demo -f yml",
    "history demo -f tsv",
    "show-config demo",
    "dsn demo",
    "dsn demo -r replica",
    "dsn demo -m n3",
    "dsn demo -r standby-leader",
    "dsn demo -r primary",
    "dsn demo -r any",
  ];
  return Object.entries(WORLDS).flatMap(([world, keys]) =>
    looks.map((look): [string, TwinCase] => [
      `${world}: ${look}`,
      { keys, words: look.split(" ") },
    ])
  );
}

interface More {
  readonly input?: readonly string[];
  readonly replies?: Replies;
  readonly config?: string;
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Words are split at blanks; `_` inside a word stands for one. */
function on(keys: Keys, line: string, more: More = {}): [string, TwinCase] {
  const world = Object.entries(WORLDS).find(([, each]) => each === keys)?.[0];
  const words = line.split(" ").map((word) => word.replaceAll("␣", " "));
  const typed = more.input === undefined ? "" : ` < ${more.input.join("|")}`;
  return [`${world ?? "own keys"}: ${line}${typed}`, { keys, words, ...more }];
}

const LATER = "2030-01-01T10:00:00+02:00";

function status(call: string, code: number, body: string): Replies {
  return { [call]: { status: code, body } };
}

const PATRONI = JSON.stringify({
  state: "running",
  server_version: 160004,
  patroni: { version: "4.1.4", scope: "demo", name: "n1" },
});

const CHANGES: readonly [string, TwinCase][] = [
  // switchover
  on(HEALTHY, "switchover demo --force"),
  on(HEALTHY, "switchover demo --candidate n3 --force"),
  on(HEALTHY, "switchover demo --candidate n1 --force"),
  on(HEALTHY, "switchover demo --candidate nx --force"),
  on(HEALTHY, "switchover demo --candidate n2 --leader n2 --force"),
  on(HEALTHY, "switchover demo --primary n1 --force"),
  on(HEALTHY, `switchover demo --scheduled ${LATER} --force`),
  on(HEALTHY, "switchover demo --scheduled now --force"),
  on(HEALTHY, "switchover demo --scheduled soon --force"),
  on(HEALTHY, "switchover demo", { input: ["", "", "", "y"] }),
  on(HEALTHY, "switchover demo", { input: ["n1", "n2", "now", "n"] }),
  on(HEALTHY, "switchover demo", { input: ["n1", "n2", LATER, "y"] }),
  on(HEALTHY, "switchover demo", { input: ["n1", "n2", LATER, "n"] }),
  on(HEALTHY, "switchover demo", { input: ["n1", "n9"] }),
  on(HEALTHY, "switchover demo", { input: ["n2"] }),
  on(HEALTHY, "switchover demo", { input: ["n1", "n2", "", "what", "yes"] }),
  on(HEALTHY, "switchover demo", { input: [] }),
  on(HEALTHY, "switchover demo --force", {
    replies: status("POST /switchover", 412, "no good candidates"),
  }),
  on(HEALTHY, "switchover demo --force", {
    replies: status("POST /switchover", 202, "Switchover scheduled"),
  }),
  on(HEALTHY, "switchover demo --force --candidate n2", {
    replies: status(
      "POST /switchover",
      501,
      "Server does not support this operation",
    ),
  }),
  on(PAUSED, `switchover demo --force --scheduled ${LATER}`),
  on(PAUSED, "switchover demo --force"),
  on(LEADERLESS, "switchover demo --force"),
  on(LEADERLESS, "switchover demo", { input: ["", "", "", "y"] }),
  on(STANDBY, "switchover demo", { input: ["", "n2", "", "y"] }),
  on(RICH, "switchover demo --force --candidate n4"),
  on(RICH, "switchover demo --force --candidate n5"),
  on(RICH, "switchover demo", { input: ["", ""] }),
  on(
    { ...HEALTHY, "members/n1": '{"role":"primary"}' },
    "switchover demo --force --candidate n2",
  ),
  on(
    { leader: "n1", "members/n1": LEADER, config: CONFIG },
    "switchover demo --force",
  ),
  on({}, "switchover demo --force"),
  on(HEALTHY, "switchover --force", { config: "scope: demo" }),
  on(HEALTHY, "switchover --group 1 demo --force", { folder: "demo/1" }),
  // failover
  on(HEALTHY, "failover demo --force"),
  on(HEALTHY, "failover demo --candidate n2 --force"),
  on(HEALTHY, "failover demo --candidate n1 --force"),
  on(HEALTHY, "failover demo --candidate n3", { input: ["y", "y"] }),
  on(HEALTHY, "failover demo --candidate n3", { input: ["n"] }),
  on(HEALTHY, "failover demo", { input: ["n2", "y"] }),
  on(HEALTHY, "failover demo", { input: [""] }),
  on(HEALTHY, "failover demo", { input: ["n2", "n"] }),
  on(QUORUM, "failover demo --candidate n3", { input: ["y", "y"] }),
  on(LEADERLESS, "failover demo --candidate n2 --force"),
  on(LEADERLESS, "failover demo", { input: ["n3", "y", "y"] }),
  on(PAUSED, "failover demo --candidate n2 --force"),
  on(HEALTHY, "failover demo --candidate n2 --force", {
    replies: status("POST /failover", 503, "failed"),
  }),
  on(
    { ...HEALTHY, "members/n1": '{"role":"primary"}' },
    "failover demo --candidate n2 --force",
  ),
  on({ leader: "n1", "members/n1": LEADER }, "failover demo --force"),
  on(HEALTHY, "failover demo --leader n1 --force"),
  // restart
  on(HEALTHY, "restart demo --force"),
  on(HEALTHY, "restart demo n2 --force"),
  on(HEALTHY, "restart demo n2 n9 --force"),
  on(HEALTHY, "restart demo n9 --force"),
  on(HEALTHY, "restart demo n1 --role replica --force"),
  on(HEALTHY, "restart demo -r replica --force"),
  on(HEALTHY, "restart demo -r standby-leader --force"),
  on(HEALTHY, "restart demo", { input: ["", "y", ""] }),
  on(HEALTHY, "restart demo", { input: ["now", "n"] }),
  on(HEALTHY, "restart demo n1", { input: [LATER, "y", "16.4"] }),
  on(HEALTHY, "restart demo n1", { input: [LATER, "n"] }),
  on(HEALTHY, "restart demo n1", { input: ["", "y", "x"] }),
  on(HEALTHY, "restart demo n1 --pg-version 16.4 --force"),
  on(HEALTHY, "restart demo n1 --pg-version 16 --force"),
  on(HEALTHY, "restart demo n1 --pg-version 1.2.3.4 --force"),
  on(HEALTHY, "restart demo n1 --pg-version a.b --force"),
  on(HEALTHY, "restart demo n1 --timeout 1min --force"),
  on(HEALTHY, "restart demo n1 --timeout 0 --force"),
  on(HEALTHY, "restart demo --pending --force"),
  on(RICH, "restart demo --pending --force"),
  on(RICH, `restart demo --pending --scheduled ${LATER}`, {
    input: ["y", ""],
  }),
  on(RICH, `restart demo --pending --scheduled ${LATER}`, { input: ["n"] }),
  on(RICH, `restart demo n2 --scheduled ${LATER} --force`),
  on(PAUSED, `restart demo n2 --scheduled ${LATER} --force`),
  on(HEALTHY, "restart demo n1 --force", {
    replies: status("POST /restart", 503, "oops"),
  }),
  on(HEALTHY, "restart demo n1 --force", {
    replies: status("POST /restart", 409, "oops"),
  }),
  on(HEALTHY, `restart demo n1 --force --scheduled ${LATER}`, {
    replies: status("POST /restart", 202, "Restart scheduled"),
  }),
  on({}, "restart demo --force"),
  on({}, "restart demo n1 --force"),
  // reload
  on(HEALTHY, "reload demo --force"),
  on(HEALTHY, "reload demo n1", { input: ["y"] }),
  on(HEALTHY, "reload demo n1", { input: ["n"] }),
  on(HEALTHY, "reload demo n1 --force", {
    replies: status("POST /reload", 202, "reload scheduled"),
  }),
  on(HEALTHY, "reload demo n1 --force", {
    replies: status("POST /reload", 500, "no"),
  }),
  // reinit
  on(HEALTHY, "reinit demo n2 --force"),
  on(HEALTHY, "reinit demo n2 --force --from-leader"),
  on(HEALTHY, "reinit demo n1 --force"),
  on(HEALTHY, "reinit demo --force"),
  on(HEALTHY, "reinit demo", { input: ["n2", "y"] }),
  on(HEALTHY, "reinit demo", { input: ["n9"] }),
  on(HEALTHY, "reinit demo", { input: [""] }),
  on(HEALTHY, "reinit demo n2", { input: ["n"] }),
  on(HEALTHY, "reinit demo n2", {
    input: ["y", "y"],
    replies: status("POST /reinitialize", 503, "restart already in progress"),
  }),
  on(HEALTHY, "reinit demo n2", {
    input: ["y", "n"],
    replies: status("POST /reinitialize", 503, "restart already in progress"),
  }),
  on(HEALTHY, "reinit demo n2 --force --wait", {
    replies: status("GET /patroni", 200, PATRONI),
  }),
  // flush
  on(HEALTHY, "flush demo switchover"),
  on(SCHEDULED, "flush demo switchover"),
  on(SCHEDULED, "flush demo switchover", {
    replies: status("DELETE /switchover", 404, "nothing"),
  }),
  on(SCHEDULED, "flush demo switchover", {
    replies: status("DELETE /switchover", 503, "no"),
  }),
  on(RICH, "flush demo restart --force"),
  on(RICH, "flush demo n2 restart", { input: ["y"] }),
  on(RICH, "flush demo n2 restart", { input: ["n"] }),
  on(RICH, "flush demo n2 restart --force", {
    replies: status("DELETE /restart", 404, "no"),
  }),
  on(HEALTHY, "flush demo n9 restart --force"),
  on(HEALTHY, "flush demo"),
  on(HEALTHY, "flush demo nonsense"),
  on(HEALTHY, "flush"),
  // pause and resume
  on(HEALTHY, "pause demo"),
  on(PAUSED, "pause demo"),
  on(PAUSED, "resume demo"),
  on(HEALTHY, "resume demo"),
  on(HEALTHY, "pause demo", { replies: status("PATCH /config", 409, "no") }),
  on(PAUSED, "resume demo", { replies: status("PATCH /config", 500, "no") }),
  on({ config: CONFIG }, "pause demo"),
  on({}, "pause demo"),
  // the configuration
  on(HEALTHY, "edit-config demo -s ttl=20 --force"),
  on(HEALTHY, "edit-config demo -s ttl=20 -q --force"),
  on(HEALTHY, "edit-config demo -s ttl=30 --force"),
  on(HEALTHY, "edit-config demo -s ttl=20", { input: ["n"] }),
  on(HEALTHY, "edit-config demo -s ttl=20", { input: ["y"] }),
  on(HEALTHY, "edit-config demo -p work_mem=9MB -p a.b=on --force"),
  on(HEALTHY, "edit-config demo -s a.b.c={x:␣[1,␣2]} --force"),
  on(HEALTHY, "edit-config demo -s postgresql.parameters=null --force"),
  on(HEALTHY, "edit-config demo -s a=2026-01-01 -s b=1e3 -s c=0x1F --force"),
  on(HEALTHY, "edit-config demo -s a=yes -s b=010 -s c=1_000 -s d=~ --force"),
  on(HEALTHY, "edit-config demo -s a=12:30 -s b=.5 -s d= --force"),
  on(
    HEALTHY,
    "edit-config demo -s postgresql.parameters.work_mem=null" +
      " -s ttl.x=1 --force",
  ),
  on(HEALTHY, "edit-config demo -s a=[ --force"),
  on(HEALTHY, "edit-config demo -s nothing --force"),
  on(HEALTHY, "edit-config demo -p nothing --force"),
  on(HEALTHY, "edit-config demo --apply - --force", {
    input: ["ttl: 25", "x: {y: z}", "synchronous_mode: null"],
  }),
  on(HEALTHY, "edit-config demo --apply -", { input: ["ttl: 25"] }),
  on(HEALTHY, "edit-config demo --replace - --force", {
    input: ["ttl: 25", "n: null", "m: {n: null}"],
  }),
  on(HEALTHY, "edit-config demo --replace /nowhere --force"),
  on(HEALTHY, "edit-config demo --apply /nowhere --force"),
  on(HEALTHY, "edit-config demo --replace - --force", { input: ["[1, 2]"] }),
  on(HEALTHY, "edit-config demo", { environment: { EDITOR: "true" } }),
  on(HEALTHY, "edit-config demo", { environment: { EDITOR: "false" } }),
  on({}, "edit-config demo -s a=1 --force"),
  // version
  on(HEALTHY, "version"),
  on(HEALTHY, "version demo n1 n2", {
    replies: status("GET /patroni", 200, PATRONI),
  }),
  on(HEALTHY, "version demo n9"),
  // the whole cluster
  on(HEALTHY, "demote-cluster demo --force"),
  on(STANDBY, "demote-cluster demo --host h --force"),
  on(HEALTHY, "promote-cluster demo --force"),
  on(LEADERLESS, "promote-cluster demo --force"),
  on(LEADERLESS, "demote-cluster demo --host h --force"),
  on(HEALTHY, "demote-cluster demo --host h", { input: ["n"] }),
  on(STANDBY, "promote-cluster demo", { input: ["n"] }),
  on(STANDBY, "promote-cluster demo --force", {
    replies: status("PATCH /config", 500, "no"),
  }),
  on(HEALTHY, "demote-cluster demo --port x --force"),
  // remove
  on(HEALTHY, "remove demo", { input: ["demo", "Yes I am aware", "n1"] }),
  on(HEALTHY, "remove demo", { input: ["demo", "Yes I am aware", "n2"] }),
  on(HEALTHY, "remove demo", { input: ["demo", "yes"] }),
  on(HEALTHY, "remove demo", { input: ["x"] }),
  on(LEADERLESS, "remove demo", { input: ["demo", "Yes I am aware"] }),
  on(HEALTHY, "remove demo -f json", { input: ["x"] }),
  on({}, "remove demo", { input: ["demo", "Yes I am aware"] }),
  // query
  on(HEALTHY, "query demo"),
  on(HEALTHY, "query demo -c x -f /etc/hostname"),
  on(HEALTHY, "query demo -c x -r leader -m n1"),
  on(HEALTHY, "query demo -f /nowhere"),
  on(HEALTHY, "query demo -c x -m n9"),
  on({}, "query demo -c x -r replica"),
  on({}, "query demo -c x"),
  on({}, "query demo -c x --format pretty"),
  on({}, "query demo -c x --format json"),
  on({}, "query demo -c x --format bogus"),
  // Citus groups
  on(HEALTHY, "list demo --group 0", { folder: "demo/0" }),
  on(HEALTHY, "list demo --group 0 -f json", { folder: "demo/0" }),
  on(HEALTHY, "topology demo --group 0", { folder: "demo/0" }),
  on(HEALTHY, "pause demo --group 0", { folder: "demo/0" }),
  // the program's own words
  on({}, ""),
  on({}, "nonsense"),
  on({}, "list --nonsense"),
  on({}, "list -f xml"),
  on({}, "list -w x"),
  on({}, "list"),
  on({}, "list --group x"),
  on({}, "restart"),
  on({}, "restart demo --role x"),
  on({}, "pause a b"),
  on({}, "dsn demo -r leader -m n1"),
  on({}, "remove"),
  on({}, "reinit"),
  on({}, "scaffold demo"),
  on({}, "configure"),
  on({}, "list --forma json"),
  on({}, "list -e=1"),
  on({}, "list -h"),
  on(HEALTHY, "list demo other"),
  on(HEALTHY, "list", { config: "scope: demo" }),
  on(HEALTHY, "list", { config: "scope: [" }),
  on(HEALTHY, "list demo", { config: "- a list" }),
];

/** Every case with its title. */
export const TWIN_CASES: readonly [string, TwinCase][] = [
  ...reads(),
  ...CHANGES,
];
