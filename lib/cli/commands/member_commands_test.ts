/**
 * `restart`, `reload`, `reinit` and `flush`: each text, question and request, as
 * Patroni's own program gives them in the same situation.
 */
import assert from "node:assert/strict";
import type { HttpReply } from "../context.ts";
import { DEMO_KEYS, member, runIn, type World } from "../fake_context_test.ts";

/** What follows the table. */
function after(text: string): string {
  return text.slice(text.lastIndexOf("-+\n") + 3);
}

const N2_WAITS = {
  ...DEMO_KEYS,
  "members/n2": member({
    host: "10.0.0.2",
    state: "running",
    role: "replica",
    pending_restart: true,
    scheduled_restart: { schedule: "2030-01-01T00:00:00+00:00" },
  }),
};

const PAUSED = { ...DEMO_KEYS, config: '{"pause":true,"loop_wait":7}' };

interface Case {
  readonly argv: string;
  readonly input?: readonly string[];
  readonly keys?: Readonly<Record<string, string>>;
  readonly reply?: HttpReply;
  readonly out: string;
  readonly err?: string;
  readonly requests?: readonly string[];
  readonly code?: number;
}

const WHEN =
  "When should the restart take place (e.g. 2026-11-18T12:06)  [now]: ";
const VERSION =
  "Restart if the PostgreSQL version is less than provided (e.g. 9.5.2)  []: ";
const NODES = "The nodes needing a restart will be identified at the " +
  "scheduled time, and might be different from the ones showing pending " +
  "restart right now. Is this fine? [y/N]: ";

const CASES: readonly Case[] = [
  {
    argv: "restart demo n2 n9 n1",
    input: ["now", "y", ""],
    out: `${WHEN}Are you sure you want to restart members n1, n2? [y/N]: ` +
      `${VERSION}Success: restart on member n1\n` +
      "Success: restart on member n2\n",
    requests: [
      "POST http://10.0.0.1:8008/restart {}",
      "POST http://10.0.0.2:8008/restart {}",
    ],
  },
  {
    argv: "restart demo n2",
    input: ["", "n"],
    out: `${WHEN}Are you sure you want to restart members n2? [y/N]: `,
    err: "Error: Aborted restart\n",
    code: 1,
  },
  { argv: "restart demo", out: WHEN, err: "Aborted!\n", code: 1 },
  {
    argv: "restart demo n2 --scheduled 2030-01-01T00:00+00",
    input: ["n"],
    out: "Are you sure you want to schedule restart of members n2 at " +
      "2030-01-01 00:00:00+00:00? [y/N]: ",
    err: "Error: Aborted scheduled restart\n",
    code: 1,
  },
  {
    argv: "restart demo -r replica --pending --scheduled 2030-01-01T00:00Z",
    input: ["y", "16.3"],
    reply: { status: 202, body: "ok" },
    out: `${NODES}${VERSION}Success: restart scheduled on member n2\n` +
      "Success: restart scheduled on member n3\n",
    requests: ["n2", "n3"].map((name) =>
      `POST http://${
        name === "n2" ? "10.0.0.2" : "db-with-a-long-name.internal"
      }:8008/restart {"restart_pending":true,"postgres_version":"16.3",` +
      '"schedule":"2030-01-01T00:00:00+00:00"}'
    ),
  },
  {
    argv: "restart demo n2 --force --scheduled 2030-01-01T00:00+00 --timeout 5",
    keys: N2_WAITS,
    reply: { status: 409, body: "" },
    out: "Failed: another restart is already scheduled on member n2\n",
    requests: [
      "DELETE http://10.0.0.2:8008/restart ",
      "POST http://10.0.0.2:8008/restart " +
      '{"schedule":"2030-01-01T00:00:00+00:00","timeout":"5"}',
    ],
  },
  {
    argv: "restart demo --force --pending",
    keys: N2_WAITS,
    reply: { status: 503, body: "restart failed" },
    out: "Failed: restart for member n2, status code=503, (restart failed)\n",
    requests: ['POST http://10.0.0.2:8008/restart {"restart_pending":true}'],
  },
  {
    argv: "restart demo --force --any",
    out: "Success: restart on member n2\n",
    requests: ["POST http://10.0.0.2:8008/restart {}"],
  },
  { argv: "restart demo n1 --force --pending", out: "", requests: [] },
  {
    argv: "restart demo n1 --force --pg-version 16",
    out: "",
    err:
      "Error: Invalid PostgreSQL version format: X.Y or X.Y.Z is accepted: 16\n",
    code: 1,
  },
  {
    argv: "restart demo n1 --force --pg-version x",
    out: "",
    err: "Error: Invalid PostgreSQL version: x\n",
    code: 1,
  },
  {
    argv: "restart demo n1 --force --scheduled 2030-01-01T00:00Z",
    keys: PAUSED,
    out: " Maintenance mode: on\n",
    err: "Error: Can't schedule restart in the paused state\n",
    code: 1,
  },
  {
    argv: "restart demo n7 --force -r leader",
    out: "",
    err: "Error: No 'leader' among provided members\n",
    code: 1,
  },
  {
    argv: "restart nope --force",
    out: "",
    err: "Error: nope cluster doesn't have any members\n",
    code: 1,
  },
  {
    argv: "reload demo n1",
    input: ["y"],
    out: "Are you sure you want to reload members n1? [y/N]: " +
      "No changes to apply on member n1\n",
    requests: ["POST http://10.0.0.1:8008/reload "],
  },
  {
    argv: "reload demo -r leader --force",
    keys: PAUSED,
    reply: { status: 202, body: "" },
    out: " Maintenance mode: on\nReload request received for member n1 and " +
      "will be processed within 7 seconds\n",
  },
  {
    argv: "reload demo -r primary --force",
    reply: { status: 500, body: "x" },
    out: "Failed: reload for member n1, status code=500, (x)\n",
  },
  {
    argv: "reload demo -r standby-leader --force",
    out: "",
    err: "Error: demo cluster doesn't have any members\n",
    code: 1,
  },
  {
    argv: "reload demo",
    input: ["n"],
    out: "Are you sure you want to reload members n1, n2, n3? [y/N]: ",
    err: "Error: Aborted reload\n",
    code: 1,
  },
  { argv: "reinit demo --force", out: "", requests: [] },
  {
    argv: "reinit demo",
    input: ["n1"],
    out: "Which member do you want to reinitialize [n2, n3]? []: ",
    err: "Error: n1 is not a member of cluster\n",
    code: 1,
  },
  {
    argv: "reinit demo",
    input: ["n2", "y"],
    out: "Which member do you want to reinitialize [n2, n3]? []: " +
      "Are you sure you want to reinitialize members n2? [y/N]: " +
      "Success: reinitialize for member n2\n",
    requests: [
      "POST http://10.0.0.2:8008/reinitialize " +
      '{"force":false,"from_leader":false}',
    ],
  },
  {
    argv: "reinit demo n2",
    input: ["y", "y", "n"],
    reply: { status: 503, body: "reinitialize already in progress" },
    out: "Are you sure you want to reinitialize members n2? [y/N]: " +
      "Failed: reinitialize for member n2, status code=503, " +
      "(reinitialize already in progress)\n" +
      "Do you want to cancel it and reinitialize anyway? [y/N]: " +
      "Failed: reinitialize for member n2, status code=503, " +
      "(reinitialize already in progress)\n" +
      "Do you want to cancel it and reinitialize anyway? [y/N]: ",
    requests: ["false", "true"].map((force) =>
      "POST http://10.0.0.2:8008/reinitialize " +
      `{"force":${force},"from_leader":false}`
    ),
  },
  {
    argv: "reinit demo n2 --force --from-leader",
    reply: { status: 503, body: "reinitialize already in progress" },
    out: "Failed: reinitialize for member n2, status code=503, " +
      "(reinitialize already in progress)\n",
    requests: [
      "POST http://10.0.0.2:8008/reinitialize " +
      '{"force":true,"from_leader":true}',
    ],
  },
  {
    argv: "reinit demo n1 --force",
    out: "",
    err: "Error: No replica among provided members\n",
    code: 1,
  },
  {
    argv: "flush demo restart --force",
    keys: N2_WAITS,
    out: "No scheduled restart for member n1\n" +
      "Success: flush scheduled restart for member n2\n" +
      "No scheduled restart for member n3\n",
    requests: ["DELETE http://10.0.0.2:8008/restart "],
  },
  {
    argv: "flush demo n2 restart",
    input: ["y"],
    keys: N2_WAITS,
    reply: { status: 404, body: "boo" },
    out: "Are you sure you want to flush members n2? [y/N]: " +
      "Failed: flush scheduled restart for member n2, status code=404, " +
      "(boo)\n",
  },
  {
    argv: "flush demo restart",
    input: ["n"],
    out: "Are you sure you want to flush members n1, n2, n3? [y/N]: ",
    err: "Error: Aborted flush\n",
    code: 1,
  },
];

for (const each of CASES) {
  const name = `${each.argv} <- ${(each.input ?? []).join(", ")} gives ` +
    (each.err ?? each.out).slice(0, 60).trim();
  Deno.test(name, async () => {
    const world: World = {
      keys: each.keys ?? DEMO_KEYS,
      input: each.input ?? [],
      wallTimeMs: new Date(2026, 10, 18, 11, 6).getTime(),
      reply: () => each.reply ?? { status: 200, body: "" },
    };
    const seen = await runIn(world, each.argv.split(" "));
    assert.equal(after(seen.out), each.out);
    assert.equal(seen.err, each.err ?? "");
    assert.equal(seen.code, each.code ?? 0);
    if (each.requests !== undefined) {
      assert.deepEqual(
        seen.requests.map(({ method, url, body }) =>
          `${method} ${url} ${body ?? ""}`
        ),
        each.requests,
      );
    }
  });
}

Deno.test("reinit --wait asks until every member has its data", async () => {
  let round = 0;
  const { out, sleeps } = await runIn({
    keys: DEMO_KEYS,
    reply: ({ method, url }) => {
      if (method === "POST") return { status: 200, body: "" };
      round += 1;
      if (round === 1) throw new Error("refused");
      const isDone = round > 4 || url.includes("10.0.0.2");
      const state = isDone ? "running" : "creating replica";
      return { status: 200, body: JSON.stringify({ state }) };
    },
    sleepsMax: 9,
  }, ["reinit", "demo", "n2", "n3", "--force", "--wait"]);
  assert.equal(
    after(out),
    `\
Success: reinitialize for member n2
Success: reinitialize for member n3
Waiting for reinitialize to complete on: n2, n3
Reinitialize is completed on: n2
Waiting for reinitialize to complete on: n3
Reinitialize is completed on: n3
`,
  );
  assert.deepEqual(new Set(sleeps), new Set([2000]));
});

const SWITCHOVER = {
  ...DEMO_KEYS,
  failover:
    '{"leader":"n1","member":"n2","scheduled_at":"2030-01-01T00:00:00+00:00"}',
};

Deno.test("flush switchover without a scheduled one does nothing", async () => {
  const { out, requests } = await runIn(
    { keys: DEMO_KEYS },
    ["flush", "demo", "switchover"],
  );
  assert.equal(out, "No pending scheduled switchover\n");
  assert.deepEqual(requests, []);
});

Deno.test("flush switchover asks the leader first and takes its word", async () => {
  for (const [status, word] of [[200, "Success"], [404, "Failed"]] as const) {
    const { out, requests } = await runIn(
      { keys: SWITCHOVER, reply: () => ({ status, body: "text" }) },
      ["flush", "demo", "switchover"],
    );
    assert.equal(out, `${word}: text\n`);
    assert.deepEqual(requests.map(({ url }) => url), [
      "http://10.0.0.1:8008/switchover",
    ]);
  }
});

Deno.test("flush switchover empties the key itself if nobody can", async () => {
  const { out, err, keys } = await runIn({
    keys: SWITCHOVER,
    reply: ({ url }) => {
      if (url.includes("10.0.0.1")) throw new Error("refused");
      return { status: 503, body: "busy" };
    },
  }, ["flush", "demo", "switchover"]);
  assert.match(
    out,
    /^Failed: member=n2, status_code=503, \(busy\)\nFailed: member=n3, status_code=503, \(busy\)\n\d{4}-\S+ [\d:.]{14} Could not find any accessible member of cluster demo\n$/,
  );
  assert.match(err, / - WARNING - Member n1 is not accessible: refused\n$/);
  assert.equal(keys["failover"], "{}");
});

Deno.test("flush needs to know what", async () => {
  const usage = "Usage: patronictl flush [OPTIONS] CLUSTER_NAME " +
    "[MEMBER_NAMES]...\n                        {restart|switchover}\n" +
    "Try 'patronictl flush --help' for help.\n\nError: ";
  const none = await runIn({ keys: DEMO_KEYS }, ["flush", "demo"]);
  assert.equal(
    none.err,
    `${usage}Missing argument '{restart|switchover}'. Choose from:\n` +
      "\trestart,\n\tswitchover\n",
  );
  const other = await runIn({ keys: DEMO_KEYS }, ["flush", "demo", "n1"]);
  assert.equal(
    other.err,
    `${usage}Invalid value for '{restart|switchover}': 'n1' is not one of ` +
      "'restart', 'switchover'.\n",
  );
});
