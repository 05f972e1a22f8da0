import assert from "node:assert/strict";
import type { HttpReply, HttpRequest } from "../context.ts";
import { runIn } from "../fake_context_test.ts";

const API = ["--api-url", "http://barman:7480"];
const RECOVER = [
  ...["recover", "--barman-server", "main", "--ssh-command", "ssh pg@db1"],
];
/** As an agent adds to a clone method's command. */
const ADDED = [
  ...["--scope=demo", "--role=replica", "--datadir=/pg/main"],
  ...["--connstring=host=db2 port=5432", "--no_leader=1"],
];
const SWITCH = ["config-switch", "--barman-server", "main"];
const CALLBACK = ["on_role_change", "primary", "demo"];

const ID = "20261129T030000";
const CREATED: Answer = [202, `{"operation_id": "${ID}"}`];

/** Status and body; null: no answer. */
type Answer = readonly [number, string] | null;

function status(text: string): Answer {
  return [200, JSON.stringify({ operation_id: ID, status: text })];
}

/** A pg-backup-api whose answers are used up one by one, the last one stays. */
interface Api {
  readonly status?: Answer;
  readonly created?: readonly Answer[];
  readonly looks?: readonly Answer[];
}

function replyOf(api: Api): (request: HttpRequest) => HttpReply {
  const created = [...api.created ?? [CREATED]];
  const looks = [...api.looks ?? [status("DONE")]];
  const next = (queue: Answer[]) => queue.length > 1 ? queue.shift() : queue[0];
  return ({ method, url }) => {
    const path = new URL(url).pathname;
    const isStatus = path === "/status";
    const answer = isStatus
      ? api.status ?? [200, '"OK"']
      : next(method === "POST" ? created : looks);
    if (answer === null || answer === undefined) throw new Error("no answer");
    return { status: answer[0], body: answer[1] };
  };
}

async function barman(args: readonly string[], api: Api = {}) {
  const outcome = await runIn({
    ...{ programName: "matriarch", sleepsMax: 99 },
    reply: replyOf(api),
  }, ["barman", ...args]);
  const sent = outcome.requests.map(({ method, url, body }) =>
    `${method} ${url}${body === null ? "" : ` ${body}`}`
  );
  return { ...outcome, sent };
}

interface Case {
  readonly what: string;
  readonly args?: readonly string[];
  readonly api?: Api;
  readonly code: number;
  readonly says: RegExp;
  /** POSTs. */
  readonly created: number;
  readonly sleeps?: readonly number[];
}

const RECOVER_CASES: readonly Case[] = [
  {
    what: "in progress, then done",
    api: { looks: [status("IN_PROGRESS"), status("DONE")] },
    ...{ code: 0, says: /INFO: Recovery operation finished successfully/ },
    ...{ created: 1, sleeps: [10_000] },
  },
  {
    what: "failed",
    api: { looks: [status("FAILED")] },
    ...{ code: 1, says: /ERROR: Recovery operation failed/, created: 1 },
  },
  {
    what: "a look without an answer is repeated",
    api: { looks: [null, [500, "x"], [200, "{}"], status("DONE")] },
    ...{ code: 0, says: /Attempt 3 of 5 to ask for/, created: 1 },
    sleeps: [2000, 2000, 2000],
  },
  {
    what: "a status that nobody knows",
    api: { looks: [status("PAUSED")] },
    ...{ code: 2, says: /unknown status "PAUSED"/, created: 1 },
    sleeps: [2000, 2000, 2000, 2000],
  },
  {
    what: "refused to create, then created",
    api: { created: [[404, "no such server"], CREATED] },
    ...{ code: 0, says: /status 404: no such server/, created: 2 },
  },
  {
    what: "never created",
    args: ["--max-retries", "2", "--retry-wait", "7"],
    api: { created: [[400, "bad"]] },
    ...{ code: 2, says: /maximum of retries exceeded/, created: 2 },
    sleeps: [7000],
  },
  {
    what: "what may have been created is not created twice",
    api: { created: [null] },
    ...{ code: 2, says: /No answer on whether the operation/, created: 1 },
    sleeps: [],
  },
  {
    what: "the API is not well",
    api: { status: [200, '"Not OK"'] },
    ...{ code: 254, says: /is not up and running: Not OK/, created: 0 },
  },
  {
    what: "control characters of an answer are written out",
    api: { created: [[400, "\x1b[2J"]] },
    ...{ code: 2, says: /status 400: \\u001b\[2J/, created: 5 },
  },
];

for (const each of RECOVER_CASES) {
  Deno.test(`barman recover: ${each.what}`, async () => {
    const args = [...API, ...each.args ?? [], ...RECOVER, ...ADDED];
    const { code, err, sent, sleeps } = await barman(args, each.api);
    assert.equal(code, each.code, err);
    assert.match(err, each.says);
    const posts = sent.filter((line) => line.startsWith("POST"));
    assert.equal(posts.length, each.created);
    if (each.sleeps !== undefined) assert.deepEqual(sleeps, each.sleeps);
  });
}

Deno.test("barman recover asks for what its options say", async () => {
  const { sent } = await barman([
    ...["--api-url", "http://barman:7480/", ...RECOVER],
    ...["--backup-id", "first-full", "--data-directory=/pg/main"],
  ]);
  assert.deepEqual(sent, [
    "GET http://barman:7480/status",
    'POST http://barman:7480/servers/main/operations {"type":"recovery",' +
    '"backup_id":"first-full","remote_ssh_command":"ssh pg@db1",' +
    '"destination_directory":"/pg/main"}',
    `GET http://barman:7480/servers/main/operations/${ID}`,
  ]);
});

const MODEL = ["--barman-model", "main:db1"];

const SWITCH_CASES: readonly (readonly [
  what: string,
  args: readonly string[],
  code: number,
  posted: string | null,
])[] = [
  ["a model for a primary", [...MODEL, ...CALLBACK], 0, "main:db1"],
  ["a reset", ["--reset", ...CALLBACK], 0, '"reset":true'],
  [
    "not wanted for a replica",
    [...MODEL, "on_role_change", "replica", "demo"],
    1,
    null,
  ],
  [
    "wanted for a replica",
    [...MODEL, "--switch-when=demoted", "on_role_change", "replica", "demo"],
    0,
    "main:db1",
  ],
  [
    "not wanted for a primary",
    [...MODEL, "--switch-when=demoted", ...CALLBACK],
    1,
    null,
  ],
  [
    "a standby leader is neither",
    [...MODEL, "on_role_change", "standby_leader", "demo"],
    1,
    null,
  ],
  [
    "always",
    [
      ...[...MODEL, "--switch-when", "always"],
      ...["on_role_change", "standby_leader", "demo"],
    ],
    0,
    "main:db1",
  ],
  ["model and reset", [...MODEL, "--reset", ...CALLBACK], 4, null],
  ["neither", CALLBACK, 4, null],
  ["another callback", [...MODEL, "on_stop", "primary", "demo"], 4, null],
  ["no callback", MODEL, 4, null],
];

for (const [what, args, wanted, posted] of SWITCH_CASES) {
  Deno.test(`barman config-switch: ${what}`, async () => {
    const { code, err, requests } = await barman([...API, ...SWITCH, ...args]);
    assert.equal(code, wanted, err);
    const bodies = requests.flatMap(({ body }) => body === null ? [] : [body]);
    assert.equal(bodies.length, posted === null ? 0 : 1);
    assert.ok(bodies.every((body) => body.includes(posted ?? "")), err);
  });
}

Deno.test("barman config-switch: failures have codes of their own", async () => {
  const args = [...API, ...SWITCH, ...MODEL, ...CALLBACK];
  const failed = await barman(args, { looks: [status("FAILED")] });
  assert.equal(failed.code, 2);
  const lost = await barman(args, { looks: [[200, "[]"]] });
  assert.equal(lost.code, 3);
});

for (
  const [args, code, says] of [
    [RECOVER, 2, "Missing option '--data-directory'"],
    [[...RECOVER, "--datadir=/x"], 2, "Missing option '--api-url'"],
    [[...API, "recover", "--datadir=/x"], 2, "Missing option '--ssh-command'"],
    [[...API, "backup"], 2, "'backup' is not one of 'recover'"],
    [API, 2, "Missing argument 'OPERATION'"],
    [[...API, ...ADDED], 2, "Invalid value for 'OPERATION': ''"],
  ] as const
) {
  Deno.test(`barman ${args.join(" ")}: ${says}`, async () => {
    const outcome = await barman(args);
    assert.equal(outcome.code, code);
    assert.ok(outcome.err.includes(says), outcome.err);
    assert.deepEqual(outcome.requests, []);
  });
}

Deno.test("barman writes its lines to --log-file", async () => {
  const args = ["--log-file", "/var/log/barman.log", ...API, ...RECOVER];
  const { code, err, written } = await barman([...args, ...ADDED]);
  assert.equal(code, 0);
  assert.equal(err, "");
  assert.match(
    written.map(([, line]) => line).join(""),
    /^[\d-]{10} [\d:]{8},\d{3} INFO: Recovery .+ ID 2026\S+\n.+ successfully\n$/,
  );
});

Deno.test("barman is none of patronictl's commands", async () => {
  const { code, err } = await runIn({}, ["barman", ...API, ...RECOVER]);
  assert.equal(code, 2);
  assert.match(err, /No such command 'barman'/);
});
