/** `explain` and `switchover --dry-run`: verdicts, sentences, and no change at all. */
import assert from "node:assert/strict";
import type { HttpRequest } from "../context.ts";
import { member, runIn } from "../fake_context_test.ts";

const HERE = 67_108_960;

/** n1 leads; what the others publish and answer is up to the test. */
function keysOf(
  config: string,
  tags: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, string>> {
  const replicas = ["n2", "n3"].map((name) => [
    `members/${name}`,
    member({ host: name, state: "running", role: "replica", ...tags }),
  ]);
  return {
    leader: "n1",
    config,
    status: `{"optime":${HERE}}`,
    history: '[[2,67108864,"no recovery target specified","2026-11-20","n1"]]',
    "members/n1": member({ host: "n1", state: "running", role: "primary" }),
    ...Object.fromEntries(replicas),
  };
}

type Answers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

async function run(
  argv: readonly string[],
  { keys, answers }: {
    readonly keys: Readonly<Record<string, string>>;
    readonly answers: Answers;
  },
): Promise<{ lines: readonly string[]; err: string; code: number }> {
  const seen = await runIn({
    keys,
    programName: "matriarch",
    reply: ({ url }: HttpRequest) => {
      const answer = answers[new URL(url).hostname];
      if (answer === undefined) throw new Error("refused");
      return { status: 200, body: JSON.stringify(answer) };
    },
  }, argv);
  assert.deepEqual(seen.keys, keys, "nothing may be written");
  assert.ok(seen.requests.every(({ method }) => method === "GET"));
  const lines = seen.out.split("\n").filter((line) => !/^[+|]|^$/.test(line));
  return { lines, err: seen.err, code: seen.code };
}

const LEADER = { primary: true, position: HERE };

Deno.test("explain says who could take over and what would be lost", async () => {
  const { lines } = await run(["explain", "demo"], {
    keys: keysOf("{}"),
    answers: {
      n1: { primary: true, position: HERE + 100 },
      n2: { position: HERE },
      n3: { position: HERE - 1 },
    },
  });
  assert.deepEqual(lines, [
    "Leader: n1; synchronous mode: off",
    "n1: leads now",
    "n2: could take over, its WAL ends at 0/4000060",
    "n3: could not take over: peer_ahead - n2 has more WAL (0/4000060 " +
    "against 0/400005F)",
    "100 bytes of WAL would be lost: the leader is at 0/40000C4, the best " +
    "replica at 0/4000060",
    "If the leader's host is lost, its lease has to end first: off (the setting takeover is off)",
    "Last change of leader at 2026-11-20: n1 was promoted; timeline 3 began " +
    "after 0/4000000 of timeline 2",
    "  How the lead before ended is told by nobody who answers",
  ]);
});

Deno.test("explain gives the core's code for each refusal", async () => {
  const sync = JSON.stringify({ leader: "n1", sync_standby: "n2" });
  const cases: readonly {
    readonly code: string;
    readonly keys: Readonly<Record<string, string>>;
    readonly answers: Answers;
  }[] = [
    {
      code: "no_answer",
      keys: keysOf("{}"),
      answers: { n2: { position: HERE } },
    },
    {
      code: "paused",
      keys: keysOf('{"pause":true}'),
      answers: { n3: { position: HERE } },
    },
    {
      code: "nofailover",
      keys: keysOf("{}", { tags: { nofailover: true } }),
      answers: { n3: { position: HERE } },
    },
    {
      code: "not_synchronous",
      keys: { ...keysOf('{"synchronous_mode":true}'), sync },
      answers: { n2: { position: HERE }, n3: { position: HERE } },
    },
    {
      code: "watchdog_failed",
      keys: keysOf("{}"),
      answers: { n3: { position: HERE, watchdog_failed: true } },
    },
    { code: "position_unknown", keys: keysOf("{}"), answers: { n3: {} } },
    {
      code: "lag_exceeds_maximum",
      keys: keysOf('{"maximum_lag_on_failover":10}'),
      answers: { n3: { position: HERE - 11 } },
    },
    {
      code: "timeline_behind",
      keys: {
        ...keysOf('{"check_timeline":true}'),
        history: '[[7,1,"x"]]',
      },
      answers: { n3: { position: HERE } },
    },
    {
      code: "peer_priority_higher",
      keys: keysOf("{}"),
      answers: { n2: { position: HERE, priority: 2 }, n3: { position: HERE } },
    },
  ];
  for (const { code, keys, answers } of cases) {
    const { lines } = await run(["explain", "demo"], { keys, answers });
    const line = lines.find((each) => each.startsWith("n3:")) ?? "";
    assert.ok(line.startsWith(`n3: could not take over: ${code} - `), line);
  }
});

Deno.test("explain knows when nothing can be lost, and when nobody can lead", async () => {
  const sync = '{"leader":"n1","sync_standby":"n2,n3"}';
  const covered = await run(["explain", "demo"], {
    keys: { ...keysOf('{"synchronous_mode":true}'), sync },
    answers: { n1: LEADER, n2: { position: HERE }, n3: { position: HERE } },
  });
  assert.match(covered.lines.join("\n"), /Nothing that was acknowledged would/);
  const alone = await run(["explain", "demo"], {
    keys: keysOf("{}"),
    answers: { n1: LEADER },
  });
  assert.match(alone.lines.join("\n"), /Without the leader nobody could lead/);
});

Deno.test("explain says that the leader is silent, and that there is none", async () => {
  const silent = await run(["explain", "demo"], {
    keys: keysOf("{}"),
    answers: { n2: { position: HERE } },
  });
  assert.match(
    silent.lines.join("\n"),
    /n1: leads now, but its REST API does not answer \(refused\); if it is/,
  );
  const { leader: _, ...rest } = keysOf('{"pause":true}');
  const none = await run(["explain", "demo"], { keys: rest, answers: {} });
  assert.equal(
    none.lines[0],
    "Leader: nobody; synchronous mode: off; maintenance mode: on",
  );
  assert.match(none.lines.join("\n"), /Nobody leads and nobody can take over/);
});

Deno.test("explain names members whose key is gone, each once", async () => {
  const { "members/n3": _, ...keys } = keysOf(
    '{"synchronous_mode":true,"ttl":20}',
  );
  const { lines } = await run(["explain", "demo"], {
    keys: {
      ...keys,
      sync: JSON.stringify({ leader: "n1", sync_standby: "n2,N-3" }),
      status: JSON.stringify({
        optime: HERE,
        slots: { n1: HERE, n2: HERE, n_3: HERE - 100 },
        retain_slots: ["n1", "n2", "n_3", "n4"],
      }),
    },
    answers: { n1: LEADER, n2: { position: HERE } },
  });
  const absent = lines.filter((line) => line.includes("not_registered"));
  assert.deepEqual(absent.map((line) => line.split(":")[0]), ["N-3", "n4"]);
  assert.equal(
    absent[0],
    "N-3: could not take over: not_registered - it has no member key: for " +
      "more than ttl (20 s) its agent is not running, is frozen, or does not " +
      "reach the store; start it or look at its log; its slot on the leader " +
      "stands at 0/3FFFFFC, 100 bytes behind",
  );
});

Deno.test("explain tells a dead agent from one that hangs", async () => {
  const detailOf = async (message: string): Promise<string> => {
    const { out } = await runIn({
      keys: keysOf("{}"),
      programName: "matriarch",
      reply: () => {
        throw new Error(message);
      },
    }, ["explain", "demo"]);
    return out;
  };
  assert.match(
    await detailOf("connect ECONNREFUSED 10.0.0.1:8008"),
    /n2: .*no_answer - .*8008\): its agent is not running there, start it/,
  );
  assert.match(
    await detailOf("no answer from http://n2/patroni within 2 s"),
    /n2: .*no_answer - .* 2 s\): its agent hangs or is frozen, its host is/,
  );
});

Deno.test("explain without the store says where to ask", async () => {
  const { err, code } = await runIn(
    { keys: null, programName: "matriarch" },
    ["explain", "demo"],
  );
  assert.match(err, /^Error: Cannot reach etcd\n[^]*GET \/explain/);
  assert.equal(code, 1);
});

/** As an agent's `GET /explain` has it. */
function decision(
  decision: string,
  reason: string,
  second: number,
): Readonly<Record<string, unknown>> {
  const last_at = `2026-11-20T10:00:0${second}.000Z`;
  return { rule: "R1", decision, reason, text: `why ${reason}`, last_at };
}

Deno.test("explain says by which decisions the leader last changed", async () => {
  const { lines } = await run(["explain", "demo"], {
    keys: keysOf("{}"),
    answers: {
      n1: {
        ...LEADER,
        decisions: [
          decision("acquire_lease", "healthiest", 2),
          decision("wait", "leading", 9),
        ],
      },
      n2: {
        position: HERE,
        decisions: [
          { ...decision("start_task", "lease_lost", 1), task: "demote" },
          { text: "no decision" },
          decision("wait", "following", 8),
        ],
      },
      n3: { position: HERE, decisions: "nonsense" },
    },
  });
  assert.deepEqual(lines.slice(-5), [
    "  2026-11-20T10:00:01.000Z n2: start_task demote, lease_lost - why " +
    "lease_lost (R1)",
    "  2026-11-20T10:00:02.000Z n1: acquire_lease, healthiest - why " +
    "healthiest (R1)",
    "Last decision of each member:",
    "  2026-11-20T10:00:09.000Z n1: wait, leading - why leading (R1)",
    "  2026-11-20T10:00:08.000Z n2: wait, following - why following (R1)",
  ]);
});

Deno.test("explain does not take a bid that lost the race for the last change", async () => {
  const { lines } = await run(["explain", "demo"], {
    keys: keysOf("{}"),
    answers: {
      n1: {
        ...LEADER,
        decisions: [decision("acquire_lease", "healthiest", 4)],
      },
      n2: {
        position: HERE,
        decisions: [decision("acquire_lease", "healthiest", 5)],
      },
    },
  });
  const at = lines.findIndex((line) => line.startsWith("Last decision"));
  assert.match(lines[at - 1] ?? "", /n1: acquire_lease, healthiest/);
  assert.match(
    lines[at - 2] ?? "",
    /^ {2}How the lead before ended is told by/,
  );
});

Deno.test("explain leaves out who stepped down for an earlier change", async () => {
  const { lines } = await run(["explain", "demo"], {
    keys: {
      ...keysOf("{}"),
      history: JSON.stringify([
        [1, 1, "no recovery target specified", "2026-11-20T10:00:02Z", "n3"],
        [2, 2, "no recovery target specified", "2026-11-20T10:00:05Z", "n1"],
      ]),
    },
    answers: {
      n1: {
        ...LEADER,
        decisions: [decision("acquire_lease", "healthiest", 4)],
      },
      n2: { position: HERE, decisions: [decision("release_lease", "x", 1)] },
    },
  });
  const at = lines.findIndex((line) => line.startsWith("Last change"));
  assert.match(lines[at] ?? "", /T10:00:05Z: n1 was promoted after n3; /);
  assert.match(lines[at + 1] ?? "", /^ {2}How the lead of n3 ended is told by/);
  assert.match(lines[at + 2] ?? "", /n1: acquire_lease, healthiest/);
  assert.match(lines[at + 3] ?? "", /^Last decision of each member/);
});

Deno.test("explain gives the same as JSON", async () => {
  const { lines } = await run(["explain", "demo", "-f", "json"], {
    keys: keysOf("{}"),
    answers: { n1: LEADER, n2: { position: HERE } },
  });
  const { members, request } = JSON.parse(lines.join("\n"));
  assert.deepEqual(members.slice(0, 2), [
    { name: "n1", verdict: "leads", text: "n1: leads now" },
    {
      name: "n2",
      verdict: "can",
      text: "n2: could take over, its WAL ends at 0/4000060",
    },
  ]);
  assert.equal(members[2].reason, "no_answer");
  assert.equal(request, null);
});

Deno.test("switchover --dry-run names the successor and changes nothing", async () => {
  const { lines, code } = await run(["switchover", "demo", "--dry-run"], {
    keys: keysOf("{}"),
    answers: { n1: LEADER, n2: { position: HERE }, n3: { position: HERE - 8 } },
  });
  assert.deepEqual(lines.slice(0, 3), [
    "Current cluster topology",
    "n1: would step down",
    "n2: would take over",
  ]);
  assert.match(lines[3] ?? "", /^n3: would not take over: peer_ahead - /);
  assert.equal(lines[4], "Nothing was changed (dry run)");
  assert.equal(code, 0);
});

Deno.test("switchover --dry-run keeps to the named candidate", async () => {
  const { lines } = await run(
    ["switchover", "demo", "--dry-run", "--candidate", "n3"],
    {
      keys: keysOf("{}"),
      answers: {
        n1: LEADER,
        n2: { position: HERE },
        n3: { position: HERE - 8 },
      },
    },
  );
  assert.deepEqual(lines.slice(2, 4), [
    "n2: would not take over: candidate_only - only n3 was named",
    "n3: would take over",
  ]);
});

Deno.test("switchover --dry-run in pause wants a candidate, as the cluster does", async () => {
  const world = {
    keys: keysOf('{"pause":true}'),
    answers: { n1: LEADER, n2: { position: HERE } },
  };
  const none = await run(["switchover", "demo", "--dry-run"], world);
  assert.match(none.err, /only to a specific candidate in a paused state/);
  assert.equal(none.code, 1);
  const named = ["switchover", "demo", "--dry-run", "--candidate", "n2"];
  const { lines } = await run(named, world);
  assert.ok(lines.includes("n2: would take over"), lines.join("\n"));
  assert.match(lines.join("\n"), /n3: would not take over: no_answer - /);
});

Deno.test("switchover --dry-run fails where the switchover would", async () => {
  const far = await run(["switchover", "demo", "--dry-run"], {
    keys: keysOf('{"maximum_lag_on_failover":10}'),
    answers: { n1: LEADER, n2: { position: HERE - 99 } },
  });
  assert.match(far.lines.join("\n"), /n2: would not .*lag_exceeds_maximum/);
  assert.equal(
    far.err,
    "Error: Nobody could take over, the switchover would fail\n",
  );
  assert.equal(far.code, 1);
  const { leader: _, ...rest } = keysOf("{}");
  const none = await run(["switchover", "demo", "--dry-run"], {
    keys: rest,
    answers: {},
  });
  assert.equal(none.err, "Error: This cluster has no leader\n");
});

Deno.test("explain says whether a lost leader would be taken over from, and if not why", async () => {
  const keys: Readonly<Record<string, string>> = {
    ...keysOf('{"synchronous_mode":"quorum","takeover":true}'),
    sync: '{"leader":"n1","quorum":1,"sync_standby":"n2,n3"}',
  };
  const able = Object.fromEntries(
    ["n1", "n2", "n3"].map((name) => {
      const key = `members/${name}`;
      const told = JSON.parse(keys[key] ?? "{}");
      return [key, JSON.stringify({ ...told, pledging: "ready" })];
    }),
  );
  const answers = { n1: LEADER, n2: { position: HERE } };
  const works = await run(["explain", "demo"], {
    keys: { ...keys, ...able },
    answers,
  });
  assert.match(works.lines.join("\n"), /takeover would work now/);
  const { "members/n3": _, ...others } = able;
  const one = await run(["explain", "demo"], {
    keys: { ...keys, ...others },
    answers,
  });
  assert.match(one.lines.join("\n"), /first: voter_cannot_pledge n3 \(/);
});

Deno.test("explain says whether a lost leader's host would be fenced, by whom, and if not why", async () => {
  const keys: Readonly<Record<string, string>> = keysOf('{"takeover":true}');
  const told = (fencing: Readonly<Record<string, string>>) =>
    Object.fromEntries(
      ["n1", "n2", "n3"].map((name) => {
        const key = `members/${name}`;
        const member = JSON.parse(keys[key] ?? "{}");
        return [key, JSON.stringify({ ...member, fencing: fencing[name] })];
      }),
    );
  const answers = { n1: LEADER, n2: { position: HERE } };
  const explained = async (fencing: Readonly<Record<string, string>>) => {
    const { lines } = await run(["explain", "demo"], {
      keys: { ...keys, ...told(fencing) },
      answers,
    });
    return lines.join("\n");
  };
  assert.match(
    await explained({ n1: "aware", n2: "ready", n3: "aware" }),
    /the fencing command of n2 ends it first/,
  );
  assert.match(
    await explained({ n2: "ready" }),
    /asynchronous .*; nor can it be fenced: leader_cannot_object n1 \(/,
  );
  const { lines } = await run(["explain", "demo", "--format", "json"], {
    keys: { ...keys, ...told({ n1: "ready" }) },
    answers,
  });
  const { takeover: { by, fencing } } = JSON.parse(lines.join("\n"));
  assert.equal(by, null);
  assert.equal(fencing.obstacles[0].code, "no_fencing_command");
});

Deno.test("explain says what voters tell of themselves, if the others are too few", async () => {
  const keys = (quorum: number): Readonly<Record<string, string>> => {
    const all = keysOf('{"synchronous_mode":"quorum","takeover":true}');
    const able = ["n1", "n2", "n3"].map((name) => {
      const told = JSON.parse(all[`members/${name}`] ?? "{}");
      return [
        `members/${name}`,
        JSON.stringify({ ...told, pledging: "ready" }),
      ];
    });
    const sync = { leader: "n1", quorum, sync_standby: "n2,n3" };
    return {
      ...all,
      ...Object.fromEntries(able),
      sync: JSON.stringify(sync),
    };
  };
  const telling = (...codes: string[]) => ({
    n1: LEADER,
    n2: {
      position: HERE,
      takeover: { obstacles: codes.map((code) => ({ code })) },
    },
    n3: { position: HERE, takeover: { obstacles: "nonsense" } },
  });
  const text = async (quorum: number, ...codes: string[]) => {
    const answers = telling(...codes);
    const { lines } = await run(["explain", "demo"], {
      keys: keys(quorum),
      answers,
    });
    return lines.join("\n");
  };
  assert.match(
    await text(1, "leader_unheard"),
    /its lease has to end first: leader_unheard n2 \(this voter has not/,
  );
  assert.match(
    await text(1, "consent_may_stand", "off"),
    /its lease has to end first: consent_may_stand n2 \([^;]*\)$/m,
  );
  assert.match(await text(0, "leader_unheard"), /takeover would work now/);
  assert.match(
    await text(0, "pledges_refused"),
    /takeover would work now\npledges_refused n2 \(the store refuses its key/,
  );
});
