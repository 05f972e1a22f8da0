import assert from "node:assert/strict";
import { revision } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import { RestBench } from "../../tests/helpers/rest_app.ts";
import {
  goodAnswer,
  leadingStatus,
  registered,
  threeMembers,
} from "../../tests/helpers/stub_agent_api.ts";
import { parseScheduledTime } from "./timestamps.ts";

const FUTURE = "2999-01-02T03:04:05+02:00";
const UNREADABLE = "422 Unable to parse scheduled timestamp. It should be in " +
  "an unambiguous format, e.g. ISO 8601";

function withConfig(
  document: Readonly<Record<string, unknown>>,
  changes: Partial<ClusterView> = {},
): ClusterView {
  return threeMembers({
    config: { document, revision: revision(5) },
    ...changes,
  });
}

/** The failover key is there until the new leader has taken over. */
function switching(leader: string | null): ClusterView {
  return threeMembers({
    leader: leader === null
      ? null
      : { name: leader, isHeld: true, revision: revision(20) },
    failover: {
      leader: "n1",
      candidate: null,
      scheduledAt: null,
      revision: revision(19),
    },
  });
}

Deno.test("POST /switchover and /failover: every refusal of the form", async () => {
  const paused = withConfig({ pause: true });
  const cases: readonly (readonly [string, unknown, string, ClusterView?])[] = [
    [
      "failover",
      { leader: "n1" },
      "400 Failover could be performed only to a specific candidate",
    ],
    [
      "failover",
      { candidate: "" },
      "400 Failover could be performed only to a specific candidate",
    ],
    [
      "switchover",
      { candidate: "n2" },
      "400 Switchover could be performed only from a specific leader",
    ],
    [
      "failover",
      { candidate: "n2", scheduled_at: FUTURE },
      "400 Failover can't be scheduled",
    ],
    [
      "switchover",
      { leader: "n1", scheduled_at: FUTURE },
      "400 Can't schedule switchover in the paused state",
      paused,
    ],
    [
      "switchover",
      { leader: "n1", scheduled_at: "2999-01-02T03:04" },
      "400 Timezone information is mandatory for the scheduled switchover",
    ],
    [
      "switchover",
      { leader: "n1", scheduled_at: "2019-09-24T12:00+00" },
      "422 Cannot schedule switchover in the past",
    ],
    ["switchover", { leader: "n1", scheduled_at: "tomorrow" }, UNREADABLE],
    [
      "switchover",
      { leader: "n1" },
      "400 Switchover is possible only to a specific candidate in a paused " +
      "state",
      paused,
    ],
    [
      "switchover",
      { leader: "n1", member: "n1" },
      "400 Switchover target and source are the same",
    ],
    [
      "switchover",
      { leader: "n1", candidate: "n1", scheduled_at: FUTURE },
      "400 Switchover target and source are the same",
    ],
  ];
  for (const [action, json, wanted, view] of cases) {
    const bench = new RestBench();
    if (view !== undefined) bench.api.freshViews = [view];
    assert.equal(await bench.line(`POST /${action}`, { json }), wanted);
    assert.deepEqual(bench.api.calls, [], wanted);
  }
});

Deno.test("POST /switchover and /failover: every refusal of the members", async () => {
  const sync = { leader: "n1", quorum: 0, standbys: ["N2"], revision: null };
  const synchronous = withConfig({ synchronous_mode: true }, { sync });
  const cases: readonly (readonly [string, unknown, string, ClusterView?])[] = [
    ["switchover", { leader: "n2" }, "leader name does not match"],
    [
      "switchover",
      { leader: "n1" },
      "leader name does not match",
      threeMembers({ leader: null }),
    ],
    [
      "switchover",
      { leader: "n1", candidate: "n3" },
      "candidate name does not match with sync_standby",
      synchronous,
    ],
    [
      "switchover",
      { leader: "n1", candidate: "n9" },
      "candidate does not exists",
    ],
    ["failover", { candidate: "n9" }, "candidate does not exists"],
    [
      "switchover",
      { leader: "n1" },
      "switchover is not possible: can not find sync_standby",
      withConfig({ synchronous_mode: "on" }),
    ],
    [
      "switchover",
      { leader: "n1" },
      "switchover is not possible: cluster does not have members except leader",
      threeMembers({
        members: [registered("n1"), registered("n2", { apiUrl: null })],
      }),
    ],
    [
      "switchover",
      { leader: "n1" },
      "switchover is not possible: no good candidates have been found",
    ],
    [
      "failover",
      { candidate: "n2" },
      "failover is not possible: no good candidates have been found",
    ],
    [
      "failover",
      { leader: "n1", candidate: "n2" },
      "switchover is not possible: no good candidates have been found",
    ],
  ];
  for (const [action, json, wanted, view] of cases) {
    const bench = new RestBench();
    if (view !== undefined) bench.api.freshViews = [view];
    assert.equal(
      await bench.line(`POST /${action}`, { json }),
      `412 ${wanted}`,
    );
    const isWritten = bench.api.calls.some(([name]) => name !== "askPeers");
    assert.equal(isWritten, false, wanted);
  }
});

Deno.test("POST /switchover asks only those who may take over", async () => {
  const asked = async (view: ClusterView, json: unknown) => {
    const bench = new RestBench();
    bench.api.freshViews = [view];
    await bench.ask("POST /switchover", { json });
    return bench.api.calls.find(([name]) => name === "askPeers")?.slice(1);
  };
  const sync = { leader: "n1", quorum: 0, standbys: ["N3"], revision: null };
  const leader = { leader: "n1" };
  assert.deepEqual(await asked(threeMembers(), leader), ["n2", "n3"]);
  assert.deepEqual(
    await asked(threeMembers(), { ...leader, candidate: "n3" }),
    ["n3"],
  );
  assert.deepEqual(
    await asked(withConfig({ synchronous_mode: true }, { sync }), leader),
    ["n3"],
  );
  assert.deepEqual(
    await asked(withConfig({ synchronous_mode: "quorum" }, { sync }), leader),
    ["n2", "n3"],
  );
});

Deno.test("POST /switchover refuses peers that could not take over", async () => {
  const bench = new RestBench();
  bench.api.answers = [
    goodAnswer("n2", { isNofailover: true }),
    goodAnswer("n3", { hasWatchdogFailed: true }),
  ];
  const json = { leader: "n1" };
  assert.equal((await bench.ask("POST /switchover", { json })).status, 412);
  bench.api.answers = [goodAnswer("n2", { position: null })];
  assert.equal((await bench.ask("POST /switchover", { json })).status, 412);
});

Deno.test("POST /switchover writes the key, wakes and waits for the new leader", async () => {
  const bench = new RestBench();
  bench.api.answers = [goodAnswer("n2")];
  bench.api.freshViews = [
    threeMembers(),
    switching("n1"),
    new DcsUnreachableError("election"),
    switching(null),
    switching("n2"),
  ];
  assert.equal(
    await bench.line("POST /switchover", {
      json: { leader: "n1", candidate: "n2", other: 1, scheduled_at: null },
    }),
    '200 Successfully switched over to "n2"',
  );
  assert.deepEqual(bench.api.calls, [
    ["askPeers", "n2"],
    ["writeFailover", { leader: "n1", member: "n2" }, null],
    ["wake"],
    ["askPeers", "n1"],
  ]);
});

Deno.test("POST /switchover says whom the old leader ended", async () => {
  const bench = new RestBench();
  const endedReceivers = ["logical slot feed", "physical slot archive"];
  bench.api.answers = [goodAnswer("n1", { endedReceivers }), goodAnswer("n2")];
  bench.api.freshViews = [threeMembers(), switching("n2")];
  assert.equal(
    await bench.line("POST /switchover", { json: { leader: "n1" } }),
    '200 Successfully switched over to "n2". n1 ended what held up its stop: ' +
      "logical slot feed, physical slot archive. " +
      "What was not confirmed is sent again",
  );
});

Deno.test("POST /failover and /switchover tell how it ended", async () => {
  const ending = async (
    action: string,
    json: unknown,
    views: (ClusterView | Error)[],
  ) => {
    const bench = new RestBench();
    bench.api.answers = [goodAnswer("n2")];
    bench.api.freshViews = [threeMembers(), ...views];
    return await bench.line(`POST /${action}`, { json });
  };
  const candidate = { candidate: "n2" };
  const both = { leader: "n1", ...candidate };
  assert.equal(
    await ending("failover", candidate, [switching("n2")]),
    '200 Successfully failed over to "n2"',
  );
  assert.equal(
    await ending("failover", candidate, [switching("n3")]),
    '200 Failed over to "n3" instead of "n2"',
  );
  assert.equal(
    await ending("switchover", both, [switching("n3")]),
    '200 Switched over to "n3" instead of "n2"',
  );
  assert.equal(
    await ending("failover", both, [switching("n2")]),
    '200 Successfully switched over to "n2"',
  );
  assert.equal(
    await ending("switchover", both, [threeMembers()]),
    "503 Switchover failed",
  );
  assert.equal(
    await ending("failover", candidate, [threeMembers()]),
    "503 Failover failed",
  );
  assert.equal(
    await ending("switchover", both, [switching("n1")]),
    "503 Switchover status unknown",
  );
  assert.equal(
    await ending("failover", candidate, [new DcsUnreachableError("x")]),
    "503 Failover status unknown",
  );
});

Deno.test("POST /failover without a leader succeeds with any new leader", async () => {
  const bench = new RestBench();
  bench.api.answers = [goodAnswer("n2")];
  bench.api.freshViews = [threeMembers({ leader: null }), switching("n2")];
  assert.equal(
    await bench.line("POST /failover", { json: { member: "n2" } }),
    '200 Successfully failed over to "n2"',
  );
});

Deno.test("POST /switchover: 503 if the key cannot be written", async () => {
  const bench = new RestBench();
  bench.api.answers = [goodAnswer("n2")];
  bench.api.isFailoverWritable = false;
  assert.equal(
    await bench.line("POST /switchover", { json: { leader: "n1" } }),
    "503 failed to write failover key into DCS",
  );
});

Deno.test("POST /switchover schedules without asking anybody", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("POST /switchover", {
      json: { leader: "nobody", candidate: "n9", scheduled_at: FUTURE },
    }),
    "202 Switchover scheduled",
  );
  assert.deepEqual(bench.api.calls, [
    [
      "writeFailover",
      { leader: "nobody", member: "n9", scheduled_at: FUTURE },
      null,
    ],
    ["wake"],
  ]);
});

Deno.test("POST /switchover names the field of a wrong type", async () => {
  const bench = new RestBench();
  const json = { leader: 5, candidate: ["x"] };
  const answer = await bench.line("POST /switchover", { json });
  assert.match(answer, /^400 leader: .*string.*; candidate: .*string/);
});

Deno.test("POST /switchover reads the pause from the agent without a document", async () => {
  const bench = new RestBench();
  const { settings } = bench.api.current;
  bench.api.current = leadingStatus({
    settings: { ...settings, isPaused: true },
  });
  bench.api.freshViews = [threeMembers({ config: null })];
  assert.equal(
    await bench.line("POST /switchover", { json: { leader: "n1" } }),
    "400 Switchover is possible only to a specific candidate in a paused state",
  );
});

Deno.test("DELETE /switchover clears what is scheduled by compare-and-set", async () => {
  const bench = new RestBench();
  assert.equal(
    await bench.line("DELETE /switchover"),
    "404 no switchover is scheduled",
  );
  const failover = {
    leader: "n1",
    candidate: null,
    scheduledAt: FUTURE,
    revision: revision(19),
  };
  bench.api.freshViews = [threeMembers({ failover })];
  assert.equal(
    await bench.line("DELETE /switchover"),
    "200 scheduled switchover deleted",
  );
  assert.deepEqual(bench.api.calls, [["writeFailover", {}, revision(19)]]);
  bench.api.isFailoverWritable = false;
  assert.equal((await bench.ask("DELETE /switchover")).status, 409);
});

Deno.test("parseScheduledTime() reads the usual spellings", () => {
  const cases: Readonly<Record<string, string>> = {
    "2019-09-24T12:00+00": "2019-09-24T12:00:00+00:00",
    "2026-11-20 04:38:48.6+00:00": "2026-11-20T04:38:48.600000+00:00",
    "2026-11-20T04:38:48Z": "2026-11-20T04:38:48+00:00",
    "2026-11-20 04:38 UTC": "2026-11-20T04:38:00+00:00",
    "2026-11-20 4:38-3": "2026-11-20T04:38:00-03:00",
    "20261120T043848+0530": "2026-11-20T04:38:48+05:30",
    " 2026-11-20T04:38:48,123456789-03:30 ": "2026-11-20T04:38:48.123456-03:30",
  };
  for (const [text, iso] of Object.entries(cases)) {
    const time = parseScheduledTime(text);
    assert.equal(time.kind === "time" ? time.iso : time.kind, iso, text);
    if (time.kind === "time") {
      assert.equal(time.epochMs, Date.parse(iso.replace(/(\.\d{3})\d*/, "$1")));
    }
  }
  for (const text of ["2026-11-20", "2026-11-20T04:38", "20261120"]) {
    assert.equal(parseScheduledTime(text).kind, "no_zone", text);
  }
  for (
    const text of [
      "",
      "now",
      "2026-02-30T00:00Z",
      "2026-13-01T00:00Z",
      "2026-11-20T25:00Z",
      "2026-11-20T04:38+24",
      "11/20/2026 04:38Z",
    ]
  ) assert.equal(parseScheduledTime(text).kind, "unreadable", text);
});
