import assert from "node:assert/strict";
import { lsn, moment } from "../core/base/units.ts";
import { NO_TAGS } from "../core/model/member.ts";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import {
  followingStatus,
  leadingStatus,
  primaryView,
  replicaView,
  threeMembers,
} from "../../tests/helpers/stub_agent_api.ts";

const LEADER_DOCUMENT =
  '{"state": "running", "role": "primary", "postmaster_start_time": ' +
  '"2026-11-20 04:38:48.600000+00:00", "server_version": 150018, "xlog": ' +
  '{"location": 83886176}, "timeline": 3, "dcs_last_seen": 1700000000, ' +
  '"database_system_identifier": "7421234567890123456", "patroni": ' +
  '{"version": "4.1.4", "scope": "main", "name": "n1"}}';

const SENDER = {
  applicationName: "n2",
  username: "replicator",
  clientAddress: null,
  state: "streaming",
  syncState: "async",
  syncPriority: 0,
  writtenLsn: null,
  flushedLsn: null,
  replayedLsn: null,
} as const;

Deno.test("GET /patroni of a leader is byte for byte Patroni's document", async () => {
  const bench = new RestBench();
  const answer = await bench.ask("GET /patroni");
  assert.equal(answer.status, 200);
  assert.equal(answer.text, LEADER_DOCUMENT);
  assert.equal(answer.headers.get("content-type"), "application/json");
});

Deno.test("GET /patroni ignores the rest of the path", async () => {
  const bench = new RestBench();
  for (const path of ["/patroni/", "/patroni/x/y", "//patroni", "/patroni?a"]) {
    assert.equal((await bench.ask(`GET ${path}`)).text, LEADER_DOCUMENT, path);
  }
});

Deno.test("GET /patroni shows every optional field in its place", async () => {
  const bench = new RestBench();
  bench.api.current = followingStatus({
    postgres: replicaView({
      replayedTimestamp: "2026-11-20 05:00:00+05:30",
      pendingRestart: { max_connections: { oldValue: "100", newValue: "" } },
      walSenders: [SENDER],
    }),
    view: threeMembers({
      leader: null,
      sync: { leader: "n3", quorum: 0, standbys: ["N1"], revision: null },
    }),
    settings: { ...DEFAULT_SETTINGS, synchronousMode: "on", isPaused: true },
    tags: { ...NO_TAGS, published: { zone: "Zürich" } },
    isFailsafeActive: true,
  });
  const { text } = await bench.ask("GET /patroni");
  assert.deepEqual(Object.keys(JSON.parse(text)), [
    "state",
    "role",
    "postmaster_start_time",
    "server_version",
    "xlog",
    "timeline",
    "sync_standby",
    "replication_state",
    "replication",
    "pause",
    "cluster_unlocked",
    "failsafe_mode_is_active",
    "dcs_last_seen",
    "tags",
    "database_system_identifier",
    "pending_restart",
    "pending_restart_reason",
    "patroni",
  ]);
  for (
    const part of [
      '"xlog": {"received_location": 83886100, "replayed_location": 83885176, ' +
      '"replayed_timestamp": "2026-11-20 05:00:00+05:30", "paused": false}',
      '"replication": [{"usename": "replicator", "application_name": "n2", ' +
      '"client_addr": null, "state": "streaming", "sync_state": "async", ' +
      '"sync_priority": 0}]',
      '"tags": {"zone": "Z\\u00fcrich"}',
      '"pending_restart_reason": {"max_connections": {"old_value": "100", ' +
      '"new_value": ""}}',
      '"replication_state": "streaming"',
      '"sync_standby": true',
    ]
  ) assert.ok(text.includes(part), `${part} in ${text}`);
});

Deno.test("GET /patroni is short and 200 while PostgreSQL is down", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({
    postgres: { kind: "unusable", problem: "not_accessible", detail: "" },
    view: null,
  });
  const { status, text } = await bench.ask("GET /patroni");
  assert.equal(status, 200);
  assert.equal(
    text,
    '{"state": "unknown", "role": "primary", "cluster_unlocked": true, ' +
      '"dcs_last_seen": 1700000000, "patroni": {"version": "4.1.4", ' +
      '"scope": "main", "name": "n1"}}',
  );
});

Deno.test("GET /patroni looks twice at an instance that hangs, checks once", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({
    postgres: {
      kind: "unresponsive",
      control: null,
      postmasterPid: 1,
      detail: "timeout",
    },
  });
  await bench.ask("GET /patroni");
  assert.equal(bench.api.looks, 2);
  await bench.ask("GET /replica");
  assert.equal(bench.api.looks, 3);
});

Deno.test("GET /patroni shows roles of a standby cluster", async () => {
  const bench = new RestBench();
  const settings = { ...DEFAULT_SETTINGS, isStandbyCluster: true };
  bench.api.current = followingStatus({ settings, role: "standby_leader" });
  const text = async () => (await bench.ask("GET /patroni")).text;
  assert.ok((await text()).includes('"role": "standby_leader"'));
  bench.api.current = followingStatus({ settings, role: "demoted" });
  assert.ok((await text()).includes('"role": "replica"'));
});

Deno.test("health checks: GET sends the document with its status", async () => {
  const bench = new RestBench();
  assert.equal(await bench.line("GET /"), `200 ${LEADER_DOCUMENT}`);
  assert.equal(await bench.line("GET /primary"), `200 ${LEADER_DOCUMENT}`);
  assert.equal(await bench.line("GET /replica"), `503 ${LEADER_DOCUMENT}`);
  assert.equal(await bench.line("GET /nowhere"), `503 ${LEADER_DOCUMENT}`);
  assert.equal(await bench.line("GET /le%61der"), `503 ${LEADER_DOCUMENT}`);
});

Deno.test("health checks: HEAD and OPTIONS send a status line only", async () => {
  const bench = new RestBench();
  const cases: readonly (readonly [string, number])[] = [
    ["/", 200],
    ["/primary", 200],
    ["/master/", 200],
    ["/replica", 503],
    ["/liveness", 503],
    ["/readiness", 503],
    ["/patroni", 503],
    ["/config", 503],
    ["/metrics", 503],
    ["/cluster", 503],
  ];
  for (const [path, wanted] of cases) {
    for (const method of ["HEAD", "OPTIONS"]) {
      const answer = await bench.ask(`${method} ${path}`);
      assert.equal(answer.status, wanted, `${method} ${path}`);
      assert.equal(answer.text, "");
      assert.deepEqual([...answer.headers], []);
    }
  }
});

Deno.test("health checks: query parameters, the first value counts", async () => {
  const bench = new RestBench();
  bench.api.current = followingStatus({
    tags: { ...NO_TAGS, published: { zone: "a b" } },
  });
  const status = async (path: string) =>
    (await bench.ask(`GET ${path}`)).status;
  assert.equal(await status("/replica?lag=1000"), 200);
  assert.equal(await status("/replica?lag=999"), 503);
  assert.equal(await status("/replica?lag=&lag=999"), 503);
  assert.equal(await status("/replica?lag=1kB&lag=0"), 200);
  assert.equal(await status("/replica?tag_zone=a%20b"), 200);
  assert.equal(await status("/replica?tag_zone=a+b&lag=5MB"), 200);
  assert.equal(await status("/replica?tag_zone=c"), 503);
  assert.equal(await status("/replica?tag_none=c"), 503);
});

Deno.test("health checks: the lock timer is the lease's deadline", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({ leaseDeadline: moment(100_001) });
  assert.equal((await bench.ask("GET /primary")).status, 200);
  bench.api.current = leadingStatus({ leaseDeadline: moment(100_000) });
  assert.equal((await bench.ask("GET /primary")).status, 503);
});

Deno.test("health checks: sync family by the sync key", async () => {
  const bench = new RestBench();
  const sync = { leader: "n3", quorum: 1, standbys: ["n1"], revision: null };
  const view = threeMembers({ sync });
  const on = { ...DEFAULT_SETTINGS, synchronousMode: "on" } as const;
  const quorum = { ...DEFAULT_SETTINGS, synchronousMode: "quorum" } as const;
  const status = async (path: string) =>
    (await bench.ask(`GET ${path}`)).status;
  bench.api.current = followingStatus({ view, settings: on });
  assert.equal(await status("/sync"), 200);
  assert.equal(await status("/async"), 503);
  bench.api.current = followingStatus({ view, settings: quorum });
  assert.equal(await status("/quorum"), 200);
  assert.equal(await status("/sync"), 503);
  bench.api.current = followingStatus({ view });
  assert.equal(await status("/async"), 200);
});

Deno.test("GET /liveness and /readiness send a status line only", async () => {
  const bench = new RestBench();
  assert.equal(await bench.line("GET /liveness"), "200 ");
  assert.equal(bench.api.looks, 0);
  bench.api.current = leadingStatus({ nextCycleAt: moment(70_000) });
  assert.equal(await bench.line("GET /liveness"), "503 ");
  bench.api.current = followingStatus();
  assert.equal(await bench.line("GET /readiness"), "200 ");
  assert.equal(await bench.line("GET /readiness?lag=10"), "503 ");
  assert.equal(await bench.line("GET /readiness?lag=100&mode=write"), "200 ");
});

Deno.test("GET /metrics has Patroni's names in order and valid lines", async () => {
  const bench = new RestBench();
  bench.samples = [
    sample("matriarch_cycles_total", 7, {}),
    sample("matriarch_sessions", 1, { pool: 'a"b' }),
    sample("matriarch_sessions", 2, { pool: "c" }),
  ];
  const { text, headers } = await bench.ask("GET /metrics");
  assert.equal(headers.get("content-type"), "text/plain");
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]);
  assert.deepEqual(names, [
    "patroni_version",
    "patroni_postgres_running",
    "patroni_postmaster_start_time",
    "patroni_primary",
    "patroni_xlog_location",
    "patroni_standby_leader",
    "patroni_replica",
    "patroni_sync_standby",
    "patroni_quorum_standby",
    "patroni_xlog_received_location",
    "patroni_xlog_replayed_location",
    "patroni_xlog_replayed_timestamp",
    "patroni_xlog_paused",
    "patroni_postgres_streaming",
    "patroni_postgres_in_archive_recovery",
    "patroni_postgres_server_version",
    "patroni_cluster_unlocked",
    "patroni_failsafe_mode_is_active",
    "patroni_postgres_timeline",
    "patroni_dcs_last_seen",
    "patroni_pending_restart",
    "patroni_is_paused",
    "patroni_postgres_state",
    "patroni_failsafe_mode_enabled",
    "patroni_failsafe_member",
    "patroni_failover_priority",
    "matriarch_cycles_total",
    "matriarch_sessions",
    "matriarch_takeover_works",
    "matriarch_fencing_works",
    "matriarch_takeover_obstacle",
  ]);
  const labels = '{scope="main",name="n1"}';
  for (
    const line of [
      `patroni_version${labels} 040104`,
      `patroni_postmaster_start_time${labels} 1795149528.6`,
      `patroni_xlog_location${labels} 83886176`,
      `patroni_postgres_state${labels} 5`,
      `patroni_postgres_timeline${labels} 3`,
      'matriarch_sessions{scope="main",name="n1",pool="a\\"b"} 1',
    ]
  ) assert.ok(text.includes(`${line}\n`), line);
  assert.match(
    text,
    /# HELP patroni_postgres_state .*\n# Values: 0=initdb, 1=initdb_failed, .*14=crashed\n# TYPE/,
  );
  assert.ok(text.endsWith("\n"));
});

const LATER: readonly (readonly [
  string,
  {
    readonly isFailsafeMode?: boolean;
    readonly map?: Readonly<Record<string, string>>;
    readonly tags?: Partial<typeof NO_TAGS>;
  },
  readonly [enabled: number, listed: number, priority: number],
])[] = [
  ["nothing is configured", {}, [0, 0, 1]],
  ["failsafe mode, not listed yet", {
    isFailsafeMode: true,
    map: { n2: "http://n2" },
  }, [1, 0, 1]],
  ["failsafe mode, listed", {
    isFailsafeMode: true,
    map: { n1: "http://n1" },
  }, [1, 1, 1]],
  ["a priority", { tags: { failoverPriority: 7 } }, [0, 0, 7]],
  ["nofailover beats a priority", {
    tags: { failoverPriority: 7, isNofailover: true },
  }, [0, 0, 0]],
];

for (const [name, { isFailsafeMode = false, map, tags }, wanted] of LATER) {
  Deno.test(`GET /metrics has failsafe mode and failover priority: ${name}`, async () => {
    const bench = new RestBench();
    const status = leadingStatus();
    bench.api.current = leadingStatus({
      settings: { ...status.settings, isFailsafeMode },
      tags: { ...NO_TAGS, ...tags },
    });
    bench.api.failsafeMap = map ?? null;
    const { text } = await bench.ask("GET /metrics");
    const values = [
      "failsafe_mode_enabled",
      "failsafe_member",
      "failover_priority",
    ]
      .map((each) => new RegExp(`^patroni_${each}\\S+ (.*)$`, "m").exec(text))
      .map((match) => Number(match?.[1]));
    assert.deepEqual(values, wanted);
  });
}

Deno.test("GET /metrics leaves streaming out while PostgreSQL is down", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({ postgres: { kind: "empty" } });
  const { text } = await bench.ask("GET /metrics");
  assert.ok(!text.includes("patroni_postgres_streaming"));
  assert.ok(text.includes('patroni_postgres_state{scope="main",name="n1"} -1'));
  assert.match(text, /patroni_postgres_server_version\S+ 0\n/);
});

Deno.test("GET /metrics shows positions and times with all their digits", async () => {
  const bench = new RestBench();
  const large = 0xffff_ffff_ffff_fff0n;
  bench.api.current = leadingStatus({
    postgres: primaryView({
      flushedLsn: lsn(large),
      postmasterStartTime: "2024-08-28 19:39:26.352526+00",
    }),
  });
  const { text } = await bench.ask("GET /metrics");
  assert.ok(text.includes(` ${large}\n`));
  assert.ok(text.includes(" 1724873966.352526\n"));
});

function sample(
  name: string,
  value: number,
  labels: Readonly<Record<string, string>>,
) {
  return { name, help: "Help", type: "gauge", value, labels } as const;
}
