/**
 * Whatever a client sends, it is never the server's fault: no rejected reply, no
 * 5xx from a body or a query, no change of state by nonsense, and no status that
 * the OpenAPI document does not know.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ENDPOINTS, repliesOf } from "./openapi/endpoints.ts";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import { followingStatus } from "../../tests/helpers/stub_agent_api.ts";

const RUNS = { numRuns: 300 };

/** The statuses that are described for a method of a path. */
function describedStatuses(line: string): readonly number[] {
  const endpoint = ENDPOINTS.find(({ method, path }) =>
    `${method.toUpperCase()} ${path}` === line
  );
  assert.ok(endpoint !== undefined, line);
  return repliesOf(endpoint).map(([status]) => status);
}

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
    "POST /mpp",
    "POST /failsafe",
  ];
  const counts = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...lines), BODIES, async (line, text) => {
      const bench = new RestBench();
      bench.api.identity = { ...bench.api.identity, name: "n2" };
      bench.api.current = followingStatus({
        settings: { ...DEFAULT_SETTINGS, isFailsafeMode: true },
      });
      const { status } = await bench.ask(line, { text });
      counts.set(status, (counts.get(status) ?? 0) + 1);
      assert.ok(status < 500, `${line} ${text}: ${status}`);
      assert.ok(describedStatuses(line).includes(status), `${line}: ${status}`);
      if (status < 400) return;
      const written = bench.api.calls.filter(([name]) => name !== "askPeers");
      assert.deepEqual(written, [], `${line} ${text} changed something`);
    }),
    { numRuns: 1_000 },
  );
  console.log("replies by status:", Object.fromEntries(counts));
  assert.ok([...counts.keys()].some((status) => status < 300), "some pass");
});

/** A body that passes, and by which word its refusal names each field. */
interface Form {
  readonly line: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly words: Readonly<Record<string, RegExp>>;
}

const FORMS: readonly Form[] = [
  ...["switchover", "failover"].map((action) => ({
    line: `POST /${action}`,
    body: { leader: "n1", candidate: "n2" },
    words: named("leader", "candidate", "member", "scheduled_at"),
  })),
  {
    line: "POST /restart",
    body: {},
    words: {
      role: /role/,
      postgres_version: /PostgreSQL version/,
      timeout: /^400 Timeout/,
      schedule: /^422 Unable to parse scheduled timestamp/,
    },
  },
  {
    line: "POST /reinitialize",
    body: {},
    words: named("force", "from_leader"),
  },
  {
    line: "POST /failsafe",
    body: { name: "n1", conn_url: "postgres://a", api_url: "http://a" },
    words: named("name", "conn_url", "api_url", "slots"),
  },
];

function named(...fields: readonly string[]): Form["words"] {
  return Object.fromEntries(
    fields.map((field) => [field, new RegExp(`^400 .*\\b${field}: `)]),
  );
}

/** Nothing that any of the fields could mean. */
const SENSELESS = fc.oneof(
  fc.array(fc.jsonValue(), { minLength: 1 }),
  fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 })
    .map((map) => [map]),
);

Deno.test("fuzz: the answer names the field at fault", async () => {
  const fields = FORMS.flatMap((form) =>
    Object.keys(form.words).map((field) => ({ form, field }))
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...fields),
      SENSELESS,
      async ({ form: { line, body, words }, field }, value) => {
        const bench = new RestBench();
        bench.api.identity = { ...bench.api.identity, name: "n2" };
        bench.api.current = followingStatus({
          settings: { ...DEFAULT_SETTINGS, isFailsafeMode: true },
        });
        const reply = await bench.line(line, {
          json: { ...body, [field]: value },
        });
        assert.match(reply, words[field] ?? /never/, `${line} ${field}`);
        assert.deepEqual(bench.api.calls, []);
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("fuzz: methods and paths that nobody serves are 501", async () => {
  const served = new Set(
    ENDPOINTS.map(({ method, path }) => `${method.toUpperCase()} ${path}`),
  );
  const paths = fc.oneof(
    fc.webPath().map((path) => path.startsWith("/") ? path : `/${path}`),
    fc.constantFrom(...ENDPOINTS.map(({ path }) => path)),
  );
  const methods = fc.constantFrom("POST", "PUT", "PATCH", "DELETE", "PROPFIND");
  await fc.assert(
    fc.asyncProperty(methods, paths, BODIES, async (method, path, text) => {
      const first = `/${path.split("/").find((part) => part !== "") ?? ""}`;
      const isServed = [first, path].some((one) =>
        served.has(`${method} ${one}`)
      );
      if (isServed) return;
      const bench = new RestBench();
      const { status } = await bench.ask(`${method} ${path}`, { text });
      assert.equal(status, 501, `${method} ${path}`);
      assert.deepEqual(bench.api.calls, []);
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
