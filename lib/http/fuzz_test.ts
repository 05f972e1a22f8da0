/**
 * Whatever a client sends, it is never the server's fault: no rejected reply, no
 * 5xx from a body or a query, no change of state by nonsense.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import { followingStatus } from "../../tests/helpers/stub_agent_api.ts";

const RUNS = { numRuns: 300 };

const FIELDS = [
  "leader",
  "candidate",
  "member",
  "scheduled_at",
  "schedule",
  "role",
  "postgres_version",
  "timeout",
  "restart_pending",
  "force",
  "from_leader",
  "name",
  "api_url",
  "__proto__",
  "ttl",
];

const VALUES = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom("n1", "n2", "16.4", "1min", "2999-01-01T00:00Z", "", null),
);

const BODIES = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.json(),
  fc.dictionary(fc.oneof(fc.constantFrom(...FIELDS), fc.string()), VALUES)
    .map((body) => JSON.stringify(body)),
);

Deno.test("fuzz: bodies get 2xx or 4xx", async () => {
  const lines = [
    "PATCH /config",
    "PUT /config",
    "POST /switchover",
    "POST /failover",
    "POST /restart",
    "POST /reinitialize",
    "POST /citus",
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...lines), BODIES, async (line, text) => {
      const bench = new RestBench();
      bench.api.identity = { ...bench.api.identity, name: "n2" };
      const { status } = await bench.ask(line, { text });
      // A well-formed scheduled restart is the one thing not served yet.
      const isUnserved = status === 501 && text.includes("schedule");
      assert.ok(status < 500 || isUnserved, `${line} ${text}: ${status}`);
      if (status < 400) return;
      const written = bench.api.calls.filter(([name]) => name !== "askPeers");
      assert.deepEqual(written, [], `${line} ${text} changed something`);
    }),
    RUNS,
  );
});

Deno.test("fuzz: paths and queries get 200 or 503 with a document", async () => {
  const queries = fc.array(
    fc.tuple(
      fc.constantFrom("lag", "mode", "tag_a", "tag_", "x"),
      fc.oneof(fc.string(), fc.constantFrom("1MB", "1e999", "-5", "0x")),
    ),
    { maxLength: 4 },
  ).map((pairs) => new URLSearchParams(pairs).toString());
  const paths = fc.oneof(
    fc.webPath(),
    fc.constantFrom("/replica", "/read-only", "/readiness", "/sync", "/"),
  );
  await fc.assert(
    fc.asyncProperty(paths, queries, async (path, query) => {
      const bench = new RestBench();
      bench.api.current = followingStatus();
      const url = `${path.startsWith("/") ? path : `/${path}`}?${query}`;
      for (const method of ["GET", "OPTIONS"]) {
        const { status } = await bench.ask(`${method} ${url}`);
        assert.ok([200, 503].includes(status), `${method} ${url}: ${status}`);
      }
      assert.deepEqual(bench.api.calls, []);
    }),
    RUNS,
  );
});

Deno.test("fuzz: authorization headers never pass", async () => {
  const bench = new RestBench();
  const credentials = { username: "user", password: "secret" };
  bench.settings = { ...bench.settings, credentials };
  const headers = fc.oneof(
    fc.stringMatching(/^[ -~]{0,60}$/),
    fc.base64String().map((text) => `Basic ${text}`),
  );
  await fc.assert(
    fc.asyncProperty(headers, async (authorization) => {
      const answer = await bench.ask("POST /reload", {
        headers: { authorization },
      });
      assert.equal(answer.status, 401);
    }),
    RUNS,
  );
  assert.deepEqual(bench.api.calls, []);
});
