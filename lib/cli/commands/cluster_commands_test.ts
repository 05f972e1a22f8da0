/**
 * `pause`, `resume`, `history`, `dsn`, `remove`, `demote-cluster` and
 * `promote-cluster`: texts as Patroni's own program gives them.
 */
import assert from "node:assert/strict";
import { encodeFailovers } from "../../core/codec/failovers_codec.ts";
import { localTime } from "../timestamps.ts";
import type { HttpReply, HttpRequest } from "../context.ts";
import { DEMO_KEYS, member, runIn, type World } from "../fake_context_test.ts";

function ok(): HttpReply {
  return { status: 200, body: "" };
}

const PAUSED = { ...DEMO_KEYS, config: '{"pause":true,"loop_wait":2}' };

function sent(requests: readonly HttpRequest[]): readonly string[] {
  return requests.map(({ method, url, body }) =>
    `${method} ${url} ${body ?? ""}`
  );
}

interface Case {
  readonly argv: readonly string[];
  readonly world?: World;
  readonly out?: string;
  readonly err?: string;
  readonly code?: number;
}

const HISTORY = {
  history: '[[1,67108864,"why","2026-11-20T04:00:00+00:00","n2"]]',
  failovers: encodeFailovers([{
    term: "77",
    leader: "n2",
    before: "n1",
    timeline: 2,
    rule: "R310",
    reason: "healthiest",
    sentence: "bid \u001b[2J",
    facts: { former: "n1", candidate: null },
    phases: [{ name: "detected", atMs: 1_000 }, {
      name: "promoted",
      atMs: 1_640,
    }],
    lostBytes: 16,
    leftBehind: [{ member: "n1", bytes: 160 }],
    felt: [{
      ...{ proxy: "n3", closedAtMs: 900, routedAtMs: 1_700 },
      ...{ ended: 3, waited: 2, longestWaitMs: 790, failed: 1 },
    }],
  }]),
};

/** Times are shown in the zone of who asks. */
const FIRST_AT = `${localTime(1_000).text}.000`;

const VERBOSE =
  `+----+----------+--------+---------------------------+------------+
| TL |      LSN | Reason | Timestamp                 | New Leader |
+----+----------+--------+---------------------------+------------+
|  1 | 67108864 | why    | 2026-11-20T04:00:00+00:00 | n2         |
+----+----------+--------+---------------------------+------------+
TL 2, ${FIRST_AT}: n1 -> n2
  decided by R310, healthiest: bid \\u001b[2J (former: n1)
  detected +0 ms, promoted +640 ms, routed +700 ms
  WAL: 16 bytes that the store knew of were lost; n1 left at least 160 bytes behind
  clients of n3: no way to a leader for 800 ms, 3 sessions ended, 2 clients waited, the longest 790 ms, 1 in vain
`;

const CASES: readonly Case[] = [
  {
    argv: ["pause", "demo"],
    world: { reply: ok },
    out: "Success: cluster management is paused\n",
  },
  {
    argv: ["resume"],
    world: { keys: PAUSED, reply: ok },
    out: "Success: cluster management is resumed\n",
  },
  {
    argv: ["pause"],
    world: { keys: PAUSED },
    err: "Error: Cluster is already paused\n",
    code: 1,
  },
  { argv: ["resume"], err: "Error: Cluster is not paused\n", code: 1 },
  {
    argv: ["resume"],
    world: { keys: PAUSED, reply: () => ({ status: 503, body: "x" }) },
    out: "Failed: resume cluster management status code=503, (x)\n",
  },
  {
    argv: ["history", "-f", "tsv"],
    world: {
      keys: {
        history:
          '[[1,67108864,"why","2026-11-20T04:00:00+00:00","n2"],[2,67208864,"x"]]',
      },
    },
    out: "TL\tLSN\tReason\tTimestamp\tNew Leader\n" +
      "1\t67108864\twhy\t2026-11-20T04:00:00+00:00\tn2\n" +
      "2\t67208864\tx\t\t\n",
  },
  {
    argv: ["history", "-f", "json"],
    world: { keys: { history: '[[2,67208864,"x"]]' } },
    out: '[{"TL": 2, "LSN": 67208864, "Reason": "x", "Timestamp": "", ' +
      '"New Leader": ""}]\n',
  },
  { argv: ["history", "-f", "json"], out: "[]\n" },
  { argv: ["history", "-v"], world: { keys: HISTORY }, out: VERBOSE },
  {
    argv: ["history", "-v", "-f", "json"],
    world: { keys: { ...HISTORY, failovers: "rubbish" } },
    out: '[{"TL": 1, "LSN": 67108864, "Reason": "why", "Timestamp": ' +
      '"2026-11-20T04:00:00+00:00", "New Leader": "n2", "Failover": null}]\n',
  },
  {
    argv: ["history", "-v", "-f", "json"],
    world: { keys: HISTORY },
    out: '[{"TL": 1, "LSN": 67108864, "Reason": "why", "Timestamp": ' +
      '"2026-11-20T04:00:00+00:00", "New Leader": "n2", "Failover": ' +
      '{"term": "77", "leader": "n2", "before": "n1", "timeline": 2, ' +
      '"rule": "R310", "reason": "healthiest", "text": "bid \\u001b[2J", ' +
      '"facts": {"former": "n1", "candidate": null}, "phases": ' +
      '[{"phase": "detected", "at_ms": 1000}, ' +
      '{"phase": "promoted", "at_ms": 1640}], "lost_bytes": 16, ' +
      '"left_behind": [{"member": "n1", "bytes": 160}], "clients": ' +
      '[{"proxy": "n3", "closed_at_ms": 900, "routed_at_ms": 1700, ' +
      '"ended": 3, "waited": 2, "longest_wait_ms": 790, "failed": 1}]}}]\n',
  },
  { argv: ["dsn"], out: "host=10.0.0.1 port=5432\n" },
  { argv: ["dsn", "-r", "replica"], out: "host=10.0.0.2 port=5432\n" },
  { argv: ["dsn", "-m", "n2"], out: "host=10.0.0.2 port=5432\n" },
  {
    argv: ["dsn", "-m", "n9"],
    err: "Error: Can not find a suitable member\n",
    code: 1,
  },
  {
    argv: ["dsn", "-m", "n2", "-r", "any"],
    err: "Error: --role and --member are mutually exclusive options\n",
    code: 1,
  },
  {
    argv: ["demote-cluster"],
    err: "Error: At least --host, --port or --restore-command should be " +
      "specified\n",
    code: 1,
  },
  {
    argv: ["demote-cluster", "--port", "5"],
    world: { keys: {} },
    err: "Error: Cluster has no leader, demotion is not possible\n",
    code: 1,
  },
  {
    argv: ["promote-cluster"],
    world: { keys: {} },
    err: "Error: Cluster has no leader, promotion is not possible\n",
    code: 1,
  },
  {
    argv: ["promote-cluster"],
    err: "Error: Cluster is already in the required state\n",
    code: 1,
  },
];

for (const { argv, world, out, err, code } of CASES) {
  const result = (err ?? out ?? "").slice(0, 60).trim();
  Deno.test(`${argv.join(" ")} gives ${result}`, async () => {
    const seen = await runIn({ keys: DEMO_KEYS, ...world }, argv);
    assert.deepEqual(
      { out: seen.out, err: seen.err, code: seen.code },
      { out: out ?? "", err: err ?? "", code: code ?? 0 },
    );
  });
}

Deno.test("history draws a table without a title", async () => {
  const { out } = await runIn({
    keys: { history: '[[1,67108864,"why","2026-11-20T04:00:00+00:00","n2"]]' },
  }, ["history"]);
  assert.equal(
    out,
    `\
+----+----------+--------+---------------------------+------------+
| TL |      LSN | Reason | Timestamp                 | New Leader |
+----+----------+--------+---------------------------+------------+
|  1 | 67108864 | why    | 2026-11-20T04:00:00+00:00 | n2         |
+----+----------+--------+---------------------------+------------+
`,
  );
});

Deno.test("pause goes to the first member that answers, the leader first", async () => {
  const { out, err, requests } = await runIn({
    keys: DEMO_KEYS,
    reply: ({ url }) => {
      if (url.includes("10.0.0.1")) throw new Error("refused");
      return { status: 200, body: "{}" };
    },
  }, ["pause"]);
  assert.equal(out, "Success: cluster management is paused\n");
  assert.match(err, / - WARNING - Member n1 is not accessible: refused\n$/);
  assert.deepEqual(sent(requests), [
    'PATCH http://10.0.0.1:8008/config {"pause":true}',
    'PATCH http://10.0.0.2:8008/config {"pause":true}',
  ]);
  const silent = await runIn({ keys: PAUSED }, ["resume"]);
  assert.match(
    silent.err,
    /\nError: Can not find accessible cluster member\n$/,
  );
  assert.equal(silent.requests.length, 3);
});

function memberKey(over: Readonly<Record<string, unknown>>): string {
  return member({ host: "h", state: "running", role: "replica", ...over });
}

Deno.test("pause --wait ends when every member knows", async () => {
  const before = { "members/a": memberKey({}), leader: "a" };
  const seen = await runIn({
    keys: before,
    reply: ok,
    sleepsMax: 20,
    onSleep: (set) => set("members/a", memberKey({ pause: true })),
  }, ["pause", "--wait"]);
  assert.equal(
    seen.out,
    "'pause' request sent, waiting until it is recognized by all nodes\n" +
      "Success: cluster management is paused\n",
  );
  assert.deepEqual(seen.sleeps, [1000]);
});

Deno.test("resume --wait names the members that went on without knowing", async () => {
  let position = 0;
  const seen = await runIn({
    keys: {
      leader: "a",
      config: '{"pause":true,"loop_wait":2}',
      "members/a": memberKey({ pause: true }),
      "members/b": memberKey({ pause: true }),
    },
    reply: ok,
    sleepsMax: 20,
    onSleep: (set) => {
      position += 1;
      set("members/a", memberKey({ pause: true, xlog_location: position }));
    },
  }, ["resume", "--wait"]);
  assert.equal(
    seen.out,
    "'resume' request sent, waiting until it is recognized by all nodes\n" +
      "a members didn't recognized pause state after 2 seconds\n",
  );
});

Deno.test("remove deletes nothing until all three answers are right", async () => {
  const answers: readonly (readonly [readonly string[], string])[] = [
    [["", "dem"], "Cluster names specified do not match"],
    [["demo", "yes"], 'You did not exactly type "Yes I am aware"'],
    [
      ["demo", "Yes I am aware", "n2"],
      "You did not specify the current leader of the cluster",
    ],
  ];
  for (const [input, message] of answers) {
    const world = { keys: DEMO_KEYS, input };
    const seen = await runIn(world, ["remove", "demo"]);
    assert.equal(seen.err, `Error: ${message}\n`);
    assert.deepEqual(seen.keys, DEMO_KEYS);
    assert.equal(seen.code, 1);
  }
});

Deno.test("remove asks, deletes all keys and says nothing more", async () => {
  const input = ["demo", "Yes I am aware", "n1"];
  const { out, keys, code } = await runIn(
    { keys: DEMO_KEYS, input },
    ["remove", "demo", "-f", "json"],
  );
  const [table = "", ...rest] = out.split("\n");
  assert.equal(JSON.parse(table).length, 3);
  assert.equal(
    rest.join("\n"),
    "Please confirm the cluster name to remove: You are about to remove all " +
      'information in DCS for demo, please type: "Yes I am aware": This ' +
      "cluster currently is healthy. Please specify the leader name to " +
      "continue: ",
  );
  assert.deepEqual(keys, {});
  assert.equal(code, 0);
});

Deno.test("demote-cluster patches, then waits for the new roles", async () => {
  const leaderKey = (role: string, state: string): string =>
    member({ host: "10.0.0.1", state, role });
  const states = ["stopping", "running"];
  const { out, requests } = await runIn({
    keys: DEMO_KEYS,
    input: ["y"],
    reply: ok,
    onSleep: (set) =>
      set("members/n1", leaderKey("standby_leader", states.shift() ?? "")),
  }, ["demote-cluster", "--host", "r", "--primary-slot-name", "s"]);
  assert.deepEqual(sent(requests), [
    "PATCH http://10.0.0.1:8008/config " +
    '{"standby_cluster":{"host":"r","primary_slot_name":"s"}}',
  ]);
  const lines = out.split("\n");
  assert.equal(lines[0], "Current cluster topology");
  assert.deepEqual(
    lines.filter((line) => /^[A0-9]/.test(line))
      .map((line) => line.replace(/[\d-]{10} [\d:]{8} /, "")),
    [
      "Are you sure you want to demote demo cluster? [y/N]: " +
      "cluster is unlocked: False, leader role: primary, leader state: running",
      "cluster is unlocked: False, leader role: standby_leader, " +
      "leader state: stopping",
      "cluster is successfully demoted",
    ],
  );
});

Deno.test("a refused change of the cluster's role is an error", async () => {
  const failed = "Failed to demote demo cluster: ";
  const argv = ["demote-cluster", "--port", "5", "--force"];
  const refused = await runIn({
    keys: DEMO_KEYS,
    reply: () => ({ status: 500, body: "xx" }),
  }, argv);
  assert.equal(
    refused.err,
    `Error: ${failed}${failed}/config PATCH status code=500, (xx)\n`,
  );
  const silent = await runIn({ keys: DEMO_KEYS }, argv);
  assert.equal(silent.err, `Error: ${failed}connection refused\n`);
  const declined = await runIn(
    { keys: DEMO_KEYS, input: ["n"] },
    argv.slice(0, 3),
  );
  assert.equal(declined.err, "Error: Aborted cluster demotion\n");
});
