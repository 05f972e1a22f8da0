import assert from "node:assert/strict";
import { lsn, revision } from "../core/base/units.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import {
  leadingStatus,
  threeMembers,
} from "../../tests/helpers/stub_agent_api.ts";

const STORED = '{"ttl": 30, "loop_wait": 10}';

Deno.test("GET /cluster shows members, scope and options in order", async () => {
  const bench = new RestBench();
  bench.api.freshViews = [threeMembers({
    config: { document: { pause: true }, revision: revision(1) },
    failover: {
      leader: "n1",
      candidate: "n2",
      scheduledAt: "2026-11-21T00:00:00+00:00",
      revision: revision(3),
    },
  })];
  const { status, text } = await bench.ask("GET /cluster/anything");
  assert.equal(status, 200);
  const document = JSON.parse(text);
  assert.deepEqual(Object.keys(document), [
    "members",
    "scope",
    "pause",
    "scheduled_switchover",
  ]);
  assert.ok(text.startsWith(
    '{"members": [{"name": "n1", "role": "leader", "state": "running", ' +
      '"api_url": "http://10.0.0.1:8008/patroni", "host": "10.0.0.1", ' +
      '"port": 5432, "timeline": 3}, {"name": "n2", "role": "replica", ' +
      '"state": "streaming", ',
  ));
  assert.ok(text.endsWith(
    '"scope": "main", "pause": true, "scheduled_switchover": {"at": ' +
      '"2026-11-21T00:00:00+00:00", "from": "n1", "to": "n2"}}',
  ));
});

Deno.test("GET /history sends lines, old ones shorter", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({
    view: threeMembers({
      history: [
        {
          timeline: 1,
          switchpoint: lsn(25_623_960),
          reason: "no recovery target specified",
          timestamp: null,
          newLeader: null,
        },
        {
          timeline: 2,
          switchpoint: lsn(26_000_000),
          reason: "x",
          timestamp: "2026-11-20T05:00:00+00:00",
          newLeader: "n1",
        },
      ],
    }),
  });
  assert.equal(
    await bench.line("GET /history"),
    '200 [[1, 25623960, "no recovery target specified"], [2, 26000000, "x", ' +
      '"2026-11-20T05:00:00+00:00", "n1"]]',
  );
  bench.api.current = leadingStatus({ view: threeMembers({ history: null }) });
  assert.equal(await bench.line("GET /history"), "200 []");
});

Deno.test("GET /config sends the document as stored, else 502", async () => {
  const bench = new RestBench();
  assert.equal(await bench.line("GET /config"), `200 ${STORED}`);
  bench.api.current = leadingStatus({ view: null });
  assert.equal(await bench.line("GET /config"), `200 ${STORED}`);
  bench.api.freshViews = [threeMembers({ config: null })];
  const answer = await bench.ask("GET /config");
  assert.equal(answer.status, 502);
  assert.match(answer.text, /Error response/);
  assert.match(answer.text, /502 - /);
});

Deno.test("PATCH /config merges, writes by compare-and-set and wakes", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("PATCH /config", {
      json: { ttl: 20, slots: { a: null } },
    }),
    '200 {"ttl": 20, "loop_wait": 10, "slots": {"a": null}}',
  );
  assert.deepEqual(bench.api.calls, [
    [
      "writeConfig",
      { ttl: 20, loop_wait: 10, slots: { a: null } },
      revision(5),
    ],
    ["wake"],
  ]);
});

Deno.test("PATCH /config does not write what is no change", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("PATCH /config", { json: { ttl: "30", gone: null } }),
    `200 ${STORED}`,
  );
  assert.deepEqual(bench.api.calls, [["wake"]]);
});

Deno.test("PATCH /config: 409 if somebody was faster, 503 without a document", async () => {
  const bench = new RestBench();
  bench.api.configWrite = "conflict";
  const patch = { json: { ttl: 20 } };
  assert.equal((await bench.ask("PATCH /config", patch)).status, 409);
  bench.api.freshViews = [threeMembers({ config: null })];
  assert.equal((await bench.ask("PATCH /config", patch)).status, 503);
});

Deno.test("PUT /config replaces, does not wake, 502 if not written", async () => {
  const bench = new RestBench();
  const json = { ttl: 25, name: "ü", big: 1 };
  assert.equal(
    await bench.line("PUT /config", { json }),
    '200 {"ttl": 25, "name": "\\u00fc", "big": 1}',
  );
  assert.deepEqual(bench.api.calls, [["writeConfig", json, null]]);
  bench.api.configWrite = "failed";
  assert.equal((await bench.ask("PUT /config", { json })).status, 502);
});

Deno.test("PUT /config does not write an equal document", async () => {
  const bench = new RestBench();
  const json = { loop_wait: "10", ttl: 30 };
  assert.equal((await bench.ask("PUT /config", { json })).status, 200);
  assert.deepEqual(bench.api.calls, []);
});

Deno.test("/config keeps whole numbers beyond 2^53", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("PUT /config", { text: '{"a":9007199254740993}' }),
    '200 {"a": 9007199254740993}',
  );
});

Deno.test("mandatory bodies: 411 without length, 400 for anything unusable", async () => {
  const bench = new RestBench();
  const mandatory = [
    "PATCH /config",
    "PUT /config",
    "POST /switchover",
    "POST /failover",
    "POST /citus",
    "POST /mpp",
  ];
  const deep = '{"a":'.repeat(200) + "1" + "}".repeat(200);
  for (const line of mandatory) {
    const missing = await bench.ask(line);
    assert.equal(missing.status, 411, line);
    assert.match(missing.text, /Client must specify Content-Length/);
    for (const text of ["", "{}", "[]", "[1]", "1", "null", "{", "x", deep]) {
      const answer = await bench.ask(line, { text });
      assert.equal(answer.status, 400, `${line} ${text.slice(0, 20)}`);
      assert.match(answer.text, /400 - Bad request syntax or unsupported meth/);
      assert.equal(
        answer.headers.get("content-type"),
        "text/html;charset=utf-8",
      );
    }
    const headers = { "content-length": "2000000" };
    assert.equal((await bench.ask(line, { text: "x", headers })).status, 413);
  }
  assert.deepEqual(bench.api.calls, []);
});

Deno.test("no reply where the DCS cannot be read", async () => {
  for (
    const error of [
      new DcsUnreachableError("timeout"),
      new DcsRefusedError("auth"),
    ]
  ) {
    const bench = new RestBench();
    bench.api.freshViews = [error];
    bench.api.current = leadingStatus({ view: null });
    const json = { leader: "n1", candidate: "n2" };
    for (
      const line of [
        "GET /cluster",
        "GET /history",
        "GET /config",
        "PATCH /config",
        "PUT /config",
        "POST /switchover",
        "POST /failover",
        "DELETE /switchover",
      ]
    ) {
      const options = /^(GET|DELETE)/.test(line) ? {} : { json };
      await assert.rejects(bench.ask(line, options), error, line);
    }
    await assert.rejects(bench.ask("POST /restart"), error);
    await assert.rejects(bench.ask("POST /reinitialize"), error);
    assert.equal((await bench.ask("GET /patroni")).status, 200);
    assert.equal((await bench.ask("DELETE /restart")).status, 404);
    assert.equal((await bench.ask("POST /reload")).status, 202);
    assert.equal((await bench.ask("GET /metrics")).status, 200);
  }
});

Deno.test("GET /history and /config live on the cached view", async () => {
  const bench = new RestBench();
  bench.api.freshViews = [new DcsUnreachableError("timeout")];
  assert.equal((await bench.ask("GET /history")).status, 200);
  assert.equal((await bench.ask("GET /config")).status, 200);
});

Deno.test("methods that nobody serves get the 501 page patronictl looks for", async () => {
  const bench = new RestBench();
  for (
    const line of [
      "DELETE /failover",
      "POST /",
      "POST /patroni",
      "PUT /switchover",
      "DELETE /config",
      "PATCH /restart",
      "POST /unknown",
      "DELETE /reinitialize",
    ]
  ) {
    const answer = await bench.ask(line, { json: { a: 1 } });
    assert.equal(answer.status, 501, line);
    const method = line.split(" ")[0];
    assert.equal(answer.statusText, `Unsupported method ('${method}')`);
    assert.match(answer.text, /Server does not support this operation/);
  }
});

Deno.test("server_tokens and extra headers stand on replies", async () => {
  const bench = new RestBench();
  bench.settings = {
    ...bench.settings,
    serverTokens: "minimal",
    extraHeaders: { "X-Frame-Options": "SAMEORIGIN" },
  };
  const header = async (line: string, name: string) =>
    (await bench.ask(line)).headers.get(name);
  assert.equal(await header("GET /patroni", "server"), "Patroni/4.1.4");
  for (const line of ["GET /patroni", "GET /metrics", "POST /reload"]) {
    assert.equal(await header(line, "x-frame-options"), "SAMEORIGIN", line);
  }
  assert.equal(await header("POST /nowhere", "x-frame-options"), null);
  assert.equal(await header("OPTIONS /", "x-frame-options"), null);
  bench.settings = { ...bench.settings, serverTokens: "productonly" };
  assert.equal(await header("GET /cluster", "server"), "Patroni");
  bench.settings = { ...bench.settings, serverTokens: "original" };
  assert.equal(await header("GET /cluster", "server"), "Matriarch");
});
