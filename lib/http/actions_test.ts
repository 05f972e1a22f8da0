import assert from "node:assert/strict";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import type { RestartFilters } from "../core/model/request.ts";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import {
  followingStatus,
  leadingStatus,
  threeMembers,
} from "../../tests/helpers/stub_agent_api.ts";

const NO_FILTERS: RestartFilters = {
  role: null,
  postgresVersion: null,
  isPendingOnly: false,
  timeoutMs: null,
};

Deno.test("POST /restart takes an absent, empty or filled body", async () => {
  const cases: readonly (readonly [string | undefined, RestartFilters])[] = [
    [undefined, NO_FILTERS],
    ["", NO_FILTERS],
    ["{}", NO_FILTERS],
    ['{"role": "replica"}', { ...NO_FILTERS, role: "replica" }],
    ['{"restart_pending": false}', { ...NO_FILTERS, isPendingOnly: true }],
    ['{"timeout": 2}', { ...NO_FILTERS, timeoutMs: 2000 }],
    ['{"timeout": "1min"}', { ...NO_FILTERS, timeoutMs: 60_000 }],
    [
      '{"postgres_version": "16.4"}',
      { ...NO_FILTERS, postgresVersion: "16.4" },
    ],
    [
      '{"postgres_version": "9.6.24"}',
      { ...NO_FILTERS, postgresVersion: "9.6.24" },
    ],
  ];
  for (const [text, filters] of cases) {
    const bench = new RestBench();
    const options = text === undefined ? {} : { text };
    assert.equal(
      await bench.line("POST /restart", options),
      "200 restarted successfully",
      text ?? "no body",
    );
    assert.deepEqual(bench.api.calls, [["restart", filters]]);
  }
});

Deno.test("POST /restart refuses filters it cannot read", async () => {
  const role = "400 PostgreSQL role should be either primary, " +
    "standby_leader, or replica";
  const version = "400 Invalid PostgreSQL version format: X.Y or X.Y.Z is " +
    "accepted: ";
  const timeout = "400 Timeout should be a positive number of seconds";
  const cases: readonly (readonly [unknown, string])[] = [
    [{ role: "master" }, role],
    [{ role: 1 }, role],
    [{ postgres_version: "16" }, `${version}16`],
    [{ postgres_version: "9.6" }, `${version}9.6`],
    [{ postgres_version: "9.6.1.2" }, `${version}9.6.1.2`],
    [{ postgres_version: "latest" }, "400 Invalid PostgreSQL version: latest"],
    [{ timeout: 0 }, timeout],
    [{ timeout: "-1" }, timeout],
    [{ timeout: "1 parsec" }, timeout],
    [{ timeout: null }, timeout],
    [{ force: 1 }, "400 Unknown filter for the scheduled restart: force"],
    [{ role: "master", timeout: 0 }, role],
    [{ timeout: 0, role: "master" }, timeout],
    [
      { schedule: "2020-01-01T00:00Z" },
      "422 Cannot schedule restart in the past",
    ],
    [
      { schedule: "2999-01-01T00:00" },
      "400 Timezone information is mandatory for the scheduled restart",
    ],
    [
      { schedule: 5 },
      "422 Unable to parse scheduled timestamp. It should be in an " +
      "unambiguous format, e.g. ISO 8601",
    ],
  ];
  for (const [json, wanted] of cases) {
    const bench = new RestBench();
    assert.equal(await bench.line("POST /restart", { json }), wanted);
    assert.deepEqual(bench.api.calls, []);
  }
});

Deno.test("POST and DELETE /restart keep and drop a schedule", async () => {
  const bench = new RestBench();
  const json = { schedule: "2999-01-01T00:00Z", role: "replica" };
  assert.equal(
    await bench.line("POST /restart", { json }),
    "202 Restart scheduled",
  );
  const filters = { ...NO_FILTERS, role: "replica" };
  assert.deepEqual(bench.api.calls, [[
    "scheduleRestart",
    filters,
    "2999-01-01T00:00:00+00:00",
  ]]);
  bench.api.scheduleOutcome = { status: 409, text: "Another one" };
  assert.equal(await bench.line("POST /restart", { json }), "409 Another one");
  bench.api.isRestartScheduled = true;
  assert.equal(
    await bench.line("DELETE /restart"),
    "200 scheduled restart deleted",
  );
});

Deno.test("POST /restart: schedules are refused in pause before all else", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({
    settings: { ...DEFAULT_SETTINGS, isPaused: true },
  });
  assert.equal(
    await bench.line("POST /restart", { json: { role: "x", schedule: "" } }),
    "500 Can't schedule restart in the paused state",
  );
});

Deno.test("POST /restart passes the outcome on; a crash is 400", async () => {
  const bench = new RestBench();
  bench.api.restartOutcome = {
    status: 503,
    text: "postgres is still starting",
  };
  assert.equal(
    await bench.line("POST /restart"),
    "503 postgres is still starting",
  );
  bench.api.restartOutcome = new Error("boom");
  assert.equal(await bench.line("POST /restart"), "400 restart failed");
});

Deno.test("DELETE /restart, POST /reload, /sigterm, /citus and /mpp", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("DELETE /restart"),
    "404 no restarts are scheduled",
  );
  assert.equal(await bench.line("POST /reload"), "202 reload scheduled");
  assert.equal(await bench.line("POST /sigterm"), "202 shutdown scheduled");
  const json = { type: "before_demote" };
  assert.equal(await bench.line("POST /citus", { json }), "200 OK");
  assert.equal(await bench.line("POST /mpp", { json }), "200 OK");
  assert.deepEqual(bench.api.calls, [
    ["cancelScheduledRestart"],
    ["reload"],
    ["shutDown"],
  ]);
});

Deno.test("POST /reinitialize needs another member as leader", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("POST /reinitialize"),
    "503 I am the leader, can not reinitialize",
  );
  bench.api.freshViews = [threeMembers({ leader: null })];
  assert.equal(
    await bench.line("POST /reinitialize"),
    "503 Cluster has no leader, can not reinitialize",
  );
});

Deno.test("POST /reinitialize reads force and from_leader; bad bodies do nothing", async () => {
  const bench = new RestBench();
  bench.api.identity = { ...bench.api.identity, name: "n2" };
  bench.api.current = followingStatus();
  assert.equal(
    await bench.line("POST /reinitialize", {
      json: { force: "on", from_leader: 1 },
    }),
    "200 reinitialize started",
  );
  const plain = { json: { "from-leader": true, force: null } };
  await bench.ask("POST /reinitialize", plain);
  const wrong = { json: { force: "maybe", from_leader: [] } };
  assert.match(
    await bench.line("POST /reinitialize", wrong),
    /^400 force: .*on, off.*; from_leader: /,
  );
  assert.equal(
    (await bench.ask("POST /reinitialize", { text: "{" })).status,
    400,
  );
  assert.deepEqual(bench.api.calls, [
    ["reinitialize", { isForced: true, isForcedFromLeader: true }],
    ["reinitialize", { isForced: false, isForcedFromLeader: false }],
  ]);
  bench.api.reinitializeOutcome = {
    status: 503,
    text: "restart already in progress",
  };
  assert.equal(
    await bench.line("POST /reinitialize"),
    "503 restart already in progress",
  );
});

Deno.test("GET /failsafe sends the map as last known, also without store", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({ view: null });
  bench.api.failsafeMap = { n1: "http://10.0.0.1:8008/patroni" };
  assert.equal(
    await bench.line("GET /failsafe"),
    '200 {"n1": "http://10.0.0.1:8008/patroni"}',
  );
  bench.api.failsafeMap = null;
  assert.equal((await bench.ask("GET /failsafe")).status, 502);
  bench.api.current = leadingStatus({ view: null, dcsLastSeen: 0 });
  assert.equal(await bench.line("GET /failsafe"), "200 {}");
});

const PING = {
  name: "n1",
  conn_url: "postgres://10.0.0.1:5432/postgres",
  api_url: "http://10.0.0.1:8008/patroni",
  slots: { n2: 7, broken: "x" },
};

Deno.test("POST /failsafe is heard by replicas while the mode is on", async () => {
  const bench = new RestBench();
  const settings = { ...DEFAULT_SETTINGS, isFailsafeMode: true };
  bench.api.current = followingStatus({ settings });
  const text = JSON.stringify({ ...PING, ttl: 30 });
  const answer = await bench.ask("POST /failsafe", { text });
  assert.deepEqual(
    [answer.status, answer.text, answer.headers.get("lsn")],
    [200, "Accepted", "7"],
  );
  assert.deepEqual(bench.api.calls, [["acceptFailsafe", {
    name: "n1",
    connUrl: PING.conn_url,
    apiUrl: PING.api_url,
    slots: { n2: 7n },
    ttlMs: 30_000,
  }]]);
  await bench.ask("POST /failsafe", { text: JSON.stringify(PING) });
  assert.equal(Object(bench.api.calls[1]?.[1]).ttlMs, null);
});

Deno.test("POST /failsafe is refused by leaders and without the mode", async () => {
  const bench = new RestBench();
  const text = JSON.stringify(PING);
  bench.api.current = followingStatus();
  assert.equal((await bench.ask("POST /failsafe", { text })).status, 502);
  const settings = { ...DEFAULT_SETTINGS, isFailsafeMode: true };
  bench.api.current = leadingStatus({ settings });
  const refusal = "500 Running as a leader";
  assert.equal(await bench.line("POST /failsafe", { text }), refusal);
  bench.api.current = followingStatus({ settings });
  bench.api.consent = { kind: "refused", why: "leading" };
  assert.equal(await bench.line("POST /failsafe", { text }), refusal);
  assert.equal((await bench.ask("POST /failsafe")).status, 411);
  assert.match(
    await bench.line("POST /failsafe", { json: { name: "n2", api_url: 1 } }),
    /^400 conn_url: .*; api_url: /,
  );
});
