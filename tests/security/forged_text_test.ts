/**
 * Whoever can write to the store, answer as a member or send a request chooses
 * texts that others read: they must not move a cursor, colour a line, turn the
 * direction of writing, or forge a line of a table or of the log.
 */
import assert from "node:assert/strict";
import { plainFormatter } from "../../lib/adapters/log/log_format.ts";
import { LogStream } from "../../lib/adapters/log/log_stream.ts";
import { member, runIn } from "../../lib/cli/fake_context_test.ts";
import { redact } from "../../lib/config/secrets.ts";
import { checkBody, manualFailoverBody } from "../../lib/http/schemas.ts";

const HOSTILE = "x\u001b[2J\u202e\u009b\nn9\tLeader\r";
// deno-lint-ignore no-control-regex -- control characters are the subject
const ACTING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

const KEYS = {
  leader: "n1",
  config: "{}",
  history: JSON.stringify([
    [1, 1, `why ${HOSTILE}`, `2026-11-20 ${HOSTILE}`, `n1${HOSTILE}`],
  ]),
  failover: JSON.stringify({
    leader: "n1",
    member: `n1${HOSTILE}`,
    scheduled_at: "2030-01-01T10:00:00+00:00",
  }),
  "members/n1": member({ host: "n1", state: "running", role: "primary" }),
  [`members/n2${HOSTILE}`]: member({
    host: "n2",
    state: "running",
    role: "replica",
    tags: { zone: HOSTILE, [`k${HOSTILE}`]: 1 },
  }),
};

const COMMANDS: readonly (readonly string[])[] = [
  ["list", "demo"],
  ["list", "demo", "-f", "tsv"],
  ["list", "demo", "-f", "json"],
  ["list", "demo", "-f", "yaml"],
  ["topology", "demo"],
  ["history", "demo"],
  ["history", "demo", "-f", "tsv"],
  ["explain", "demo"],
  ["explain", "demo", "-f", "json"],
  ["top", "demo"],
  ["switchover", "demo", "--dry-run"],
  ["restart", "demo", "no such member", "--force"],
];

Deno.test("no command passes on what a terminal acts on", async () => {
  for (const argv of COMMANDS) {
    const { out, err } = await runIn({
      keys: KEYS,
      programName: "matriarch",
      reply: () => ({
        status: 200,
        body: JSON.stringify({
          ...{ role: "replica", xlog: { received_location: 1 } },
          decisions: [{
            ...{ rule: "R1", decision: `wait${HOSTILE}`, reason: HOSTILE },
            ...{ text: HOSTILE, last_at: "2026-11-20T10:00:00.000Z" },
          }],
        }),
      }),
    }, argv);
    const what = argv.join(" ");
    assert.ok(out.length + err.length > 0, what);
    assert.doesNotMatch(out + err, ACTING, what);
    assert.doesNotMatch(out, /^n9/m, `${what}: no forged line`);
  }
});

Deno.test("a result of one line stays one line, whatever a member's name", async () => {
  const name = "n2\nSuccess: restart on member n1";
  const keys = {
    ...{ leader: "n1", config: "{}" },
    "members/n1": KEYS["members/n1"],
    [`members/${name}`]: member({
      host: "n2",
      state: "running",
      role: "replica",
    }),
  };
  const forged = "no\nSuccess: all is well";
  for (
    const argv of [
      ["restart", "demo", "--force"],
      ["reload", "demo", "--force"],
      ["reinit", "demo", name, "--force"],
      ["flush", "demo", "restart", "--force"],
      ["switchover", "demo", "--candidate", name, "--force"],
      ["version", "demo"],
      ["pause", "demo"],
      ["dsn", "demo", "-m", name],
    ]
  ) {
    for (const status of [200, 202, 503]) {
      const reply = () => ({ status, body: forged });
      const { out, err } = await runIn({ keys, reply }, argv);
      const what = `${argv.join(" ")}: ${out}${err}`;
      assert.doesNotMatch(out + err, /^Success: all is well/m, what);
      const lines = out.split("\n").filter((line) =>
        line === "Success: restart on member n1"
      );
      const wanted = argv[0] === "restart" && status < 300 ? 1 : 0;
      assert.ok(lines.length <= wanted, what);
    }
  }
});

Deno.test("no command takes a cluster's name that parts the keys", async () => {
  for (const name of ["a/b", "../demo", "demo/", "de\nmo", " demo"]) {
    for (
      const argv of [["list", name], ["remove", name], ["edit-config", name]]
    ) {
      const { err, code } = await runIn({ keys: KEYS }, argv);
      assert.equal(code, 1, argv.join(" "));
      assert.match(err, /No cluster can be named/, argv.join(" "));
    }
  }
});

Deno.test("no message forges an entry of the log, or fills it", () => {
  const lines: string[] = [];
  const log = new LogStream({
    level: "INFO",
    formatter: plainFormatter("%(levelname)s: %(message)s", {
      ...{ name: "matriarch", processId: 1 },
    }),
    sink: { writeLine: (line) => lines.push(...line.split("\n")) },
    redact,
    wallTimeMs: () => 0,
  });
  log.info("member a\nCRITICAL: all is lost\u001b[2J", { peer: HOSTILE });
  log.warning("x".repeat(100_000));
  assert.equal(lines.filter((line) => !line.startsWith(" ")).length, 2);
  assert.ok(lines.every((line) => !ACTING.test(line)), lines.join("\n"));
  assert.ok(lines.every((line) => line.length < 10_000));
});

Deno.test("a request names members in one line of text", () => {
  for (const field of ["leader", "candidate", "member"]) {
    for (const name of [HOSTILE, "n1\nn2", "n".repeat(257), "\u202en1"]) {
      const { kind } = checkBody(manualFailoverBody, { [field]: name });
      assert.equal(kind, "invalid", `${field}: ${name}`);
    }
    for (const name of ["n1", "node-1.example.org", "Zürich", "", null]) {
      const { kind } = checkBody(manualFailoverBody, { [field]: name });
      assert.equal(kind, "valid", `${field}: ${name}`);
    }
  }
});
