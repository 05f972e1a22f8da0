import assert from "node:assert/strict";
import {
  cluster,
  leaderObservation,
  observation,
  starting,
} from "../../tests/helpers/builders.ts";
import { ManualClock, settle } from "../../tests/helpers/manual_clock.ts";
import type { Observation } from "../core/model/observation.ts";
import type { StandbyCluster } from "../core/model/standby_cluster.ts";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import type { PostgresPeer } from "../ports/postgres.ts";
import { Neighbours } from "./neighbours.ts";
import { StartAid } from "./start_aid.ts";

/** A member `name` that sees `o`, and whom it asked. */
function scene(o: Observation): {
  readonly aid: StartAid;
  readonly asked: readonly string[];
  readonly clock: ManualClock;
  readonly status: { observation: Observation };
} {
  const clock = new ManualClock();
  const asked: string[] = [];
  const status = { observation: o };
  const known = {
    config: () => ({ self: o.self, tags: o.tags }),
    inForce: { settings: o.settings },
    last: { view: o.dcs.kind === "reachable" ? o.dcs.view : null },
  };
  const upstream = {
    writeRecord({ name, host, port }: PostgresPeer): Promise<void> {
      asked.push(`${name} at ${host}:${port}`);
      return Promise.reject(new Error("it is as it is"));
    },
  };
  const aid = new StartAid({
    ...known,
    clock,
    log: { debug: () => {} },
    postgres: { upstream },
    neighbours: new Neighbours(known),
    status,
    tasks: { view: o.task },
  });
  return { aid, asked, clock, status };
}

/** Resolves when it is told to. */
function pending(): { readonly end: () => void; readonly done: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { end: resolve, done: promise };
}

const STANDBY = observation({ postgres: starting({ isStandby: true }) });
const REMOTE: StandbyCluster = {
  host: "10.9.9.9",
  port: 5432,
  primarySlotName: null,
  createReplicaMethods: [],
  restoreCommand: null,
  archiveCleanupCommand: null,
  recoveryMinApplyDelay: null,
};

Deno.test("StartAid asks the leader while a start lasts, ever more seldom", async () => {
  const { aid, asked, clock } = scene(STANDBY);
  const start = pending();
  const result = aid.during(() => start.done);
  await clock.advance(499);
  assert.equal(asked.length, 0);
  await clock.advance(1);
  assert.deepEqual(asked, ["n1 at 127.0.0.1:5431"]);
  await clock.advance(999);
  assert.equal(asked.length, 1);
  await clock.advance(1);
  assert.equal(asked.length, 2);
  start.end();
  await result;
  await clock.advance(60_000);
  assert.equal(asked.length, 2);
  assert.equal(clock.sleepers, 0);
});

Deno.test("StartAid.look() helps a standby that starts by itself", async () => {
  const { aid, asked, clock, status } = scene(STANDBY);
  aid.look();
  aid.look();
  await clock.advance(500);
  assert.equal(asked.length, 1);
  status.observation = observation();
  aid.look();
  await settle();
  assert.equal(clock.sleepers, 0);
});

const NOBODY: readonly (readonly [string, Observation])[] = [
  ["a running replica needs nothing", observation()],
  [
    "a primary waits for nobody",
    leaderObservation({ postgres: starting({ isStandby: false }) }),
  ],
  ["nobody leads", {
    ...STANDBY,
    dcs: { kind: "reachable", view: cluster({ leader: null }) },
  }],
  ["it leads itself", { ...STANDBY, self: "n1" }],
  ["the leader's address is not known", {
    ...STANDBY,
    dcs: { kind: "reachable", view: cluster({ members: [] }) },
  }],
  ["a standby cluster has an archive only", {
    ...STANDBY,
    settings: {
      ...DEFAULT_SETTINGS,
      standbyCluster: { ...REMOTE, host: null },
    },
  }],
];

for (const [why, o] of NOBODY) {
  Deno.test(`StartAid.look() asks nobody: ${why}`, async () => {
    const { aid, asked, clock } = scene(o);
    aid.look();
    await clock.advance(500);
    assert.deepEqual(asked, []);
    aid.close();
    await settle();
  });
}

Deno.test("StartAid asks the remote of a standby cluster", async () => {
  const settings = { ...DEFAULT_SETTINGS, standbyCluster: REMOTE };
  const { aid, asked, clock } = scene({ ...STANDBY, settings });
  aid.look();
  await clock.advance(500);
  assert.deepEqual(asked, ["remote member at 10.9.9.9:5432"]);
  aid.close();
  await settle();
});
