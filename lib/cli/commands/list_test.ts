import assert from "node:assert/strict";
import { DEMO_KEYS, member, runIn } from "../fake_context_test.ts";

const SCHEDULED =
  '{"leader":"n1","member":"n2","scheduled_at":"2030-01-01T10:00:00+00:00"}';

/** The example of docs/contract/cli.md A4. */
const EXAMPLE = `\
+ Cluster: demo (7277694203142172922) --+--------------+-----------+----+-------------+-----+------------+-----+
| Member | Host                         | Role         | State     | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+------------------------------+--------------+-----------+----+-------------+-----+------------+-----+
| n1     | 10.0.0.1                     | Leader       | running   |  3 |             |     |            |     |
| n2     | 10.0.0.2                     | Sync Standby | streaming |  3 |   0/40000E8 |   0 |  0/3676A68 |  10 |
| n3     | db-with-a-long-name.internal | Replica      | stopped   |    |     unknown |     |    unknown |     |
+--------+------------------------------+--------------+-----------+----+-------------+-----+------------+-----+
 Maintenance mode: on
 Switchover scheduled at: 2030-01-01T10:00:00+00:00
                    from: n1
                      to: n2
`;

const EXTENDED_KEYS = {
  ...DEMO_KEYS,
  config: "{}",
  "members/n3": member({
    host: "10.0.0.1",
    port: 5433,
    state: "running",
    role: "replica",
    replication_state: "streaming",
    xlog_location: 50000000,
    tags: { replicatefrom: "n2", x: "on", clonefrom: true },
    pending_restart: true,
    pending_restart_reason: {
      max_connections: { old_value: "100", new_value: "101" },
      shared_preload_libraries: {
        old_value: "a".repeat(40),
        new_value: "b".repeat(20),
      },
    },
    scheduled_restart: {
      schedule: "2030-01-01T10:00:00+00:00",
      postgres_version: "16.4",
    },
  }),
};

Deno.test("list draws the example byte for byte", async () => {
  const keys = {
    ...DEMO_KEYS,
    config: '{"pause":true,"synchronous_mode":true}',
    failover: SCHEDULED,
  };
  const { out, code } = await runIn({ keys }, ["list"]);
  assert.equal(out, EXAMPLE);
  assert.equal(code, 0);
});

Deno.test("list and explain say that the store may forget who leads", async () => {
  const store = (section: string) => ({
    programName: "matriarch",
    keys: DEMO_KEYS,
    files: { "/c": `{scope: demo, redis: {hosts: h${section}}}` },
  });
  const lossy = store(", accept_data_loss: true");
  const caution = /^ ?Store: Redis with accept_data_loss, whose failover may/m;
  for (const command of ["list", "explain"]) {
    const told = await runIn(lossy, ["-c", "/c", command]);
    assert.match(told.out, caution, told.err);
    const silent = await runIn(store(""), ["-c", "/c", command]);
    assert.doesNotMatch(silent.out, /Store:/);
  }
  const machine = await runIn(lossy, ["-c", "/c", "list", "-f", "tsv"]);
  assert.doesNotMatch(machine.out, /Store:/);
});

Deno.test("list prints tsv, json and yaml for machines", async () => {
  const run = async (format: string): Promise<string> =>
    (await runIn({ keys: DEMO_KEYS }, ["list", "-f", format])).out;
  assert.equal(
    await run("tsv"),
    "Cluster\tMember\tHost\tRole\tState\tTL\tReceive LSN\tReceive Lag\tReplay LSN\tReplay Lag\n" +
      "demo\tn1\t10.0.0.1\tLeader\trunning\t3\t\t\t\t\n" +
      "demo\tn2\t10.0.0.2\tSync Standby\tstreaming\t3\t0/40000E8\t0\t0/3676A68\t10\n" +
      "demo\tn3\tdb-with-a-long-name.internal\tReplica\tstopped\t\tunknown\t\tunknown\t\n",
  );
  assert.equal(
    await run("json"),
    '[{"Cluster": "demo", "Member": "n1", "Host": "10.0.0.1", "Role": "Leader", "State": "running", "TL": 3}, ' +
      '{"Cluster": "demo", "Member": "n2", "Host": "10.0.0.2", "Role": "Sync Standby", "State": "streaming", "TL": 3, "Receive LSN": "0/40000E8", "Receive Lag": 0, "Replay LSN": "0/3676A68", "Replay Lag": 10}, ' +
      '{"Cluster": "demo", "Member": "n3", "Host": "db-with-a-long-name.internal", "Role": "Replica", "State": "stopped", "Receive LSN": "unknown", "Replay LSN": "unknown"}]\n',
  );
  assert.equal(await run("yaml"), await run("yml"));
  assert.match(
    await run("yaml"),
    /^- Cluster: demo\n {2}Host: 10\.0\.0\.1\n {2}Member: n1\n[^]*\n\n$/,
  );
});

Deno.test("list shows the extra columns as soon as a member has them", async () => {
  const { out } = await runIn({ keys: EXTENDED_KEYS }, ["list"]);
  const lines = out.split("\n");
  assert.match(
    lines[1] ?? "",
    /\| Pending restart \| Pending restart reason +\| Scheduled restart +\| Tags +\|$/,
  );
  assert.match(
    lines.slice(7, 10).join("\n"),
    /\| 10\.0\.0\.1:5433 [^]*0\/2FAF080 \| {2}16 \| {4}unknown \| {5}\| \* [^]*max_connections: 100->101 [^]*if version < 16\.4 \| clonefrom: true[^]*shared_preload_libraries: \[hidden - too long\][^]*replicatefrom: n2[^]*x: 'on'/,
  );
  // Every row is followed by a rule, as one cell has several lines.
  assert.equal(lines.filter((line) => line.startsWith("+--")).length, 4);
});

Deno.test("list -e shows the extra columns when they are empty", async () => {
  const { out } = await runIn({ keys: DEMO_KEYS }, ["list", "-ef", "tsv"]);
  assert.match(
    out,
    /\tPending restart\tPending restart reason\tScheduled restart\tTags\n/,
  );
});

Deno.test("topology hangs each replica on its source", async () => {
  const { out } = await runIn({ keys: EXTENDED_KEYS }, ["topology"]);
  const names = out.split("\n").flatMap((line) =>
    /^\| ((?: *\+ )?\w\S*) /.exec(line)?.[1] ?? []
  );
  assert.deepEqual(names, ["Member", "n1", "+ n2", "  + n3"]);
  assert.match(out, /\{clonefrom: true, replicatefrom: n2, x: 'on'\}/);
});

Deno.test("list of an unknown cluster is an empty table", async () => {
  const { out, code } = await runIn({}, ["list", "nope"]);
  assert.equal(
    out,
    `\
+ Cluster: nope (uninitialized) ----+-------------+-----+------------+-----+
| Member | Host | Role | State | TL | Receive LSN | Lag | Replay LSN | Lag |
+--------+------+------+-------+----+-------------+-----+------------+-----+
+--------+------+------+-------+----+-------------+-----+------------+-----+
`,
  );
  assert.equal(code, 0);
});

Deno.test("list without any cluster warns and succeeds", async () => {
  const files = { "/x.yml": "etcd3: {host: h}" };
  const { out, err, code } = await runIn({ files }, ["-c", "/x.yml", "list"]);
  assert.equal(out, "");
  assert.match(
    err,
    /^[\d-]{10} [\d:]{8},\d{3} - WARNING - Listing members: No cluster names were provided\n$/,
  );
  assert.equal(code, 0);
});

Deno.test("list -t prints the time first", async () => {
  const { out } = await runIn({ keys: DEMO_KEYS }, ["list", "-t"]);
  assert.match(out, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n\+ Cluster: demo /);
});

Deno.test("list repeats, and clears only terminals", async () => {
  const run = (argv: string[], isTty: boolean) =>
    runIn({ keys: DEMO_KEYS, isTty }, ["list", ...argv]);
  const plain = await run(["-W"], false);
  assert.deepEqual(plain.sleeps, [2000, 2000, 2000]);
  assert.equal(plain.out.match(/Cluster: demo/g)?.length, 3);
  assert.ok(!plain.out.includes("\x1b"));
  const terminal = await run(["-W", "-w", "0.5"], true);
  assert.deepEqual(terminal.sleeps, [500, 500, 500]);
  assert.ok(terminal.out.startsWith("\x1b[2J\x1b[1;1H+ Cluster"));
});

Deno.test("list without a DCS is one sentence", async () => {
  const { out, err, code } = await runIn({ keys: null }, ["list"]);
  assert.deepEqual({ out, err, code }, {
    out: "",
    err: "Error: Cannot reach etcd\n",
    code: 1,
  });
});
