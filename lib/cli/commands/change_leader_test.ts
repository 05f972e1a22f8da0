import assert from "node:assert/strict";
import { DEMO_KEYS, member, runIn, type World } from "../fake_context_test.ts";

const DONE = 'Successfully switched over to "n2"';
const TIME = /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{5} /;

function world(over: World = {}): World {
  return {
    keys: DEMO_KEYS,
    reply: () => ({ status: 200, body: DONE }),
    ...over,
  };
}

/** Output after the first table and before the second. */
function dialog(out: string): string {
  return out.split(/^[+|].*\n/m).filter((part) => part !== "").at(1) ?? "";
}

Deno.test("switchover asks, requests and shows the new topology", async () => {
  const input = ["", "n2", "", "Y"];
  const { out, err, code, requests } = await runIn(
    world({ input }),
    ["switchover"],
  );
  assert.match(out, /^Current cluster topology\n\+ Cluster: demo /);
  assert.match(
    dialog(out),
    /^Primary \[n1\]: Candidate \['n2', 'n3'\] \[\]: When should the switchover take place \(e\.g\. \d{4}-\d\d-\d\dT\d\d:\d\d \) {2}\[now\]: Are you sure you want to switchover cluster demo, demoting current leader n1\? \[y\/N\]: /,
  );
  assert.match(dialog(out), new RegExp(`${TIME.source}${DONE}\n$`));
  assert.equal(out.match(/^\+ Cluster: demo /gm)?.length, 2);
  assert.deepEqual(
    requests.map(({ method, url, body }) => ({ method, url, body })),
    [{
      method: "POST",
      url: "http://10.0.0.1:8008/switchover",
      body: '{"leader":"n1","candidate":"n2"}',
    }],
  );
  assert.deepEqual({ err, code }, { err: "", code: 0 });
});

Deno.test("switchover --force asks nothing and lets the cluster choose", async () => {
  const { out, code, requests } = await runIn(
    world(),
    ["switchover", "--force"],
  );
  assert.match(dialog(out), new RegExp(`^${TIME.source}${DONE}\n$`));
  assert.equal(requests[0]?.body, '{"leader":"n1","candidate":null}');
  assert.equal(code, 0);
});

Deno.test("switchover can be scheduled, with the zone as typed", async () => {
  const { out, requests } = await runIn(
    world({
      input: ["y"],
      reply: () => ({ status: 202, body: "Switchover scheduled" }),
    }),
    [
      "switchover",
      "--leader",
      "n1",
      "--candidate",
      "n2",
      "--scheduled",
      "2030-01-01T10:00-03",
    ],
  );
  assert.match(
    dialog(out),
    /^Are you sure you want to schedule switchover of cluster demo at 2030-01-01T10:00:00-03:00, demoting current leader n1\? \[y\/N\]: /,
  );
  assert.equal(
    requests[0]?.body,
    '{"leader":"n1","candidate":"n2","scheduled_at":"2030-01-01T10:00:00-03:00"}',
  );
});

Deno.test("a refusal by the cluster is reported with exit code 0, without table", async () => {
  const { out, code } = await runIn(
    world({
      reply: () => ({ status: 412, body: "leader name does not match" }),
    }),
    ["switchover", "--force"],
  );
  assert.match(
    out,
    /\nSwitchover failed, details: 412, leader name does not match\n$/,
  );
  assert.equal(code, 0);
});

Deno.test("a server that only knows /failover gets the same body there", async () => {
  const { requests } = await runIn(
    world({
      reply: ({ url }) =>
        url.endsWith("/switchover")
          ? { status: 501, body: "Server does not support this operation" }
          : { status: 200, body: DONE },
    }),
    ["switchover", "--force"],
  );
  assert.deepEqual(
    requests.map(({ url, body }) => [new URL(url).pathname, body]),
    [
      ["/switchover", '{"leader":"n1","candidate":null}'],
      ["/failover", '{"leader":"n1","candidate":null}'],
    ],
  );
});

Deno.test("without a REST reply the request goes into the failover key", async () => {
  const { reply: _unused, ...silent } = world();
  const switched = await runIn(silent, ["switchover", "--force"]);
  assert.match(
    dialog(switched.out),
    new RegExp(
      `^${TIME.source}Could not switchover using Patroni api, falling back to DCS\n$`,
    ),
  );
  assert.match(switched.err, / - ERROR - .*connection refused\n$/);
  assert.equal(switched.keys["failover"], '{"leader":"n1"}');
  assert.equal(switched.code, 0);
  const failed = await runIn(silent, [
    "failover",
    "--candidate",
    "n2",
    "--force",
  ]);
  assert.match(
    failed.out,
    /Could not failover using Patroni api, falling back to DCS\n/,
  );
  assert.equal(failed.keys["failover"], '{"member":"n2"}');
});

Deno.test("failover asks twice before it takes an asynchronous member", async () => {
  const { out, err, code } = await runIn(
    world({ input: ["n3", "y", "n"] }),
    ["failover"],
  );
  assert.equal(
    dialog(out),
    "Candidate ['n2', 'n3'] []: Are you sure you want to failover to the asynchronous node n3? [y/N]: " +
      "Are you sure you want to failover cluster demo, demoting current leader n1? [y/N]: ",
  );
  assert.deepEqual({ err, code }, {
    err: "Error: Aborting failover\n",
    code: 1,
  });
});

Deno.test("failover without a leader asks the candidate itself", async () => {
  const { leader: _gone, ...keys } = DEMO_KEYS;
  const { out, requests } = await runIn(
    world({ keys, input: ["y"] }),
    ["failover", "--candidate", "n2"],
  );
  assert.match(
    dialog(out),
    /^Are you sure you want to failover cluster demo\? \[y\/N\]: /,
  );
  assert.equal(requests[0]?.url, "http://10.0.0.2:8008/failover");
  assert.equal(requests[0]?.body, '{"candidate":"n2"}');
});

interface Refusal {
  readonly argv: string;
  readonly message: string;
  readonly input?: readonly string[];
  readonly keys?: Readonly<Record<string, string>>;
}

const { leader: _leader, ...LEADERLESS } = DEMO_KEYS;
const PAUSED = { ...DEMO_KEYS, config: '{"pause":true}' };
const NOBODY_ELSE = {
  ...DEMO_KEYS,
  "members/n2": member({ host: "h", tags: { nofailover: true } }),
  "members/n3": member({ host: "i", tags: { failover_priority: 0 } }),
};

const REFUSALS: readonly Refusal[] = [
  {
    argv: "switchover --force",
    keys: LEADERLESS,
    message: "This cluster has no leader",
  },
  {
    argv: "switchover --force --primary n2",
    message: "Member n2 is not the leader of cluster demo",
  },
  {
    argv: "switchover --force",
    keys: NOBODY_ELSE,
    message: "No candidates found to switchover to",
  },
  {
    argv: "failover --force",
    keys: NOBODY_ELSE,
    message: "No candidates found to failover to",
  },
  {
    argv: "failover --force",
    message: "Failover could be performed only to a specific candidate",
  },
  {
    argv: "switchover --force --candidate n1",
    message: "Member n1 is already the leader of cluster demo",
  },
  {
    argv: "failover --force --candidate x",
    message:
      "Member x does not exist in cluster demo or is tagged as nofailover",
  },
  {
    argv: "failover",
    input: ["n3", "n"],
    message: "Aborting failover",
  },
  {
    argv: "switchover --force --scheduled 2030-01-01T10:00",
    keys: PAUSED,
    message: "Can't schedule switchover in the paused state",
  },
  {
    argv: "switchover --force --scheduled soon",
    message:
      "Unable to parse scheduled timestamp (soon). It should be in an unambiguous format (e.g. ISO 8601)",
  },
  {
    argv: "switchover",
    input: ["", "", "", ""],
    message: "Aborting switchover",
  },
  {
    argv: "switchover",
    input: ["", "", "2030-01-01T10:00Z", "no"],
    message: "Aborting scheduled switchover",
  },
];

for (const { argv, message, input, keys } of REFUSALS) {
  const answers = input === undefined ? "" : ` (${input.join(", ")})`;
  Deno.test(`${argv}${answers} ends with: ${message}`, async () => {
    const { err, code, requests } = await runIn(
      world({ input: input ?? [], keys: keys ?? DEMO_KEYS }),
      argv.split(" "),
    );
    assert.equal(err, `Error: ${message}\n`);
    assert.equal(code, 1);
    assert.deepEqual(requests, []);
  });
}

Deno.test("the end of the input aborts at every question", async () => {
  const answers = ["", "n2", "now", "y"];
  for (let typed = 0; typed < answers.length; typed++) {
    const { err, code, requests } = await runIn(
      world({ input: answers.slice(0, typed) }),
      ["switchover"],
    );
    assert.deepEqual({ err, code }, { err: "Aborted!\n", code: 1 });
    assert.deepEqual(requests, []);
  }
});

Deno.test("an answer that is neither yes nor no is asked for again", async () => {
  const { out, code } = await runIn(
    world({ input: ["", "", "", "maybe", "y"] }),
    ["switchover"],
  );
  assert.match(out, /\[y\/N\]: Error: invalid input\nAre you sure/);
  assert.equal(code, 0);
});
