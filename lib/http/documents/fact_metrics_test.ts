import assert from "node:assert/strict";
import { RestBench } from "../../../tests/helpers/rest_app.ts";
import {
  followingStatus,
  leadingStatus,
  primaryView,
  replicaView,
} from "../../../tests/helpers/stub_agent_api.ts";
import { lsn } from "../../core/base/units.ts";
import type { Obstacle } from "../../core/calc/takeover/obstacles.ts";
import type { SlotView } from "../../core/model/postgres_view.ts";

const SLOT: SlotView = {
  name: "n2",
  type: "physical",
  isActive: true,
  restartLsn: lsn(1_000n),
  confirmedFlushLsn: null,
  xmin: null,
  catalogXmin: null,
  database: null,
  plugin: null,
  walStatus: "reserved",
  isNeverSynced: false,
};

/** Lines of one metric, without its name and the member's own labels. */
async function lines(
  bench: RestBench,
  metric: string,
): Promise<readonly string[]> {
  const { text } = await bench.ask("GET /metrics");
  const start = `matriarch_${metric}{scope="main",name="n1"`;
  return text.split("\n").filter((line) => line.startsWith(start))
    .map((line) => line.slice(start.length));
}

Deno.test("GET /metrics tells what each slot retains", async () => {
  const bench = new RestBench();
  bench.api.current = leadingStatus({
    postgres: primaryView({
      flushedLsn: lsn(5_000_000_000_000n),
      slots: [
        SLOT,
        { ...SLOT, name: "cdc", type: "logical", isActive: false },
        { ...SLOT, name: "unused", restartLsn: null },
        { ...SLOT, name: "ahead", restartLsn: lsn(6_000_000_000_000n) },
      ],
    }),
  });
  assert.deepEqual(await lines(bench, "slot_retained_bytes"), [
    ',slot="n2",type="physical",active="yes"} 4999999999000',
    ',slot="cdc",type="logical",active="no"} 4999999999000',
    ',slot="ahead",type="physical",active="yes"} 0',
  ]);
});

Deno.test("GET /metrics tells slots of a replica by what it has received", async () => {
  const bench = new RestBench();
  const received = replicaView({
    receivedLsn: lsn(3_000n),
    replayedLsn: lsn(2_000n),
    slots: [SLOT],
  });
  bench.api.current = followingStatus({ postgres: received });
  assert.deepEqual(await lines(bench, "slot_retained_bytes"), [
    ',slot="n2",type="physical",active="yes"} 2000',
  ]);
  const unknown = { ...received, receivedLsn: null, replayedLsn: null };
  bench.api.current = followingStatus({ postgres: unknown });
  assert.deepEqual(await lines(bench, "slot_retained_bytes"), []);
  bench.api.current = followingStatus({ postgres: { kind: "empty" } });
  assert.deepEqual(await lines(bench, "slot_retained_bytes"), []);
});

Deno.test("GET /metrics tells whether a takeover would work, and why not", async () => {
  const bench = new RestBench();
  const told = async (obstacles: readonly Obstacle[] | null) => {
    bench.api.obstacles = obstacles;
    return [
      ...await lines(bench, "takeover_works"),
      ...await lines(bench, "takeover_obstacle"),
    ];
  };
  assert.deepEqual(await told([]), ["} 1"]);
  assert.deepEqual(await told(null), []);
  assert.deepEqual(
    await told([
      { code: "asynchronous" },
      { code: "voter_cannot_pledge", member: 'n"2', version: null },
      { code: "voters_behind", members: ["n3", "n4"] },
    ]),
    [
      "} 0",
      ',code="asynchronous"} 1',
      ',code="voter_cannot_pledge",member="n\\"2"} 1',
      ',code="voters_behind",member="n3"} 1',
      ',code="voters_behind",member="n4"} 1',
    ],
  );
});

Deno.test("GET /metrics tells that fencing makes up for pledges", async () => {
  const bench = new RestBench();
  assert.deepEqual(await lines(bench, "fencing_works"), ["} 0"]);
  bench.api.fencing = { obstacles: [], members: ["n2"] };
  assert.deepEqual(await lines(bench, "fencing_works"), ["} 1"]);
  assert.deepEqual(await lines(bench, "takeover_works"), ["} 1"]);
  assert.deepEqual(await lines(bench, "takeover_obstacle"), []);
});
