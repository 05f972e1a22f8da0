import assert from "node:assert/strict";
import {
  leaderObservation,
  primary,
  sender,
} from "../../tests/helpers/builders.ts";
import { ManualClock, settle } from "../../tests/helpers/manual_clock.ts";
import { KeptLog } from "../../tests/helpers/tcp.ts";
import type { Observation } from "../core/model/observation.ts";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import { Inbox } from "./inbox.ts";
import { Liveness } from "./liveness.ts";
import { LoopRest } from "./loop_rest.ts";
import { LoopStatus } from "./loop_status.ts";
import { StandbyWatch } from "./standby_watch.ts";

const NEVER = new AbortController().signal;
const SETTINGS = { ...DEFAULT_SETTINGS, synchronousMode: "quorum" } as const;

/** A leader that n2 serves, and that lacks n3. */
const LACKING = leaderObservation({
  settings: SETTINGS,
  postgres: primary({ walSenders: [sender("n2")] }),
});

interface Rest {
  readonly clock: ManualClock;
  /** Who streams at the next look. */
  streaming: readonly string[];
  looks: number;
  isOver: boolean;
}

/** The usual rest of ten seconds after a cycle that saw `observation`. */
async function resting(observation: Observation): Promise<Rest> {
  const clock = new ManualClock();
  const rest: Rest = { clock, streaming: ["n2"], looks: 0, isOver: false };
  const status = new LoopStatus();
  status.observation = observation;
  const streaming = () => {
    rest.looks += 1;
    return Promise.resolve(rest.streaming);
  };
  const loop = new LoopRest({
    ...{ clock, status, inbox: new Inbox(clock) },
    liveness: new Liveness(
      { patienceMs: null, alive: () => {} },
      new KeptLog(),
    ),
    standbys: new StandbyWatch({ status, postgres: { streaming } }),
    right: { deadline: null },
    last: { view: null },
    inForce: { settings: SETTINGS },
    config: () => ({ self: "n1" }),
  });
  loop.rest(10_000, NEVER).then(() => rest.isOver = true);
  await settle();
  return rest;
}

Deno.test("a rest ends when a standby that was missed has come", async () => {
  const rest = await resting(LACKING);
  await rest.clock.advance(500);
  await rest.clock.advance(500);
  assert.equal(rest.isOver, false);
  assert.equal(rest.looks, 2);
  rest.streaming = ["n2", "n3"];
  await rest.clock.advance(500);
  assert.equal(rest.isOver, true);
});

Deno.test("a rest in which nobody comes has its whole time", async () => {
  const rest = await resting(LACKING);
  for (let look = 1; look < 20; look++) await rest.clock.advance(500);
  assert.equal(rest.isOver, false);
  await rest.clock.advance(500);
  assert.equal(rest.isOver, true);
});

Deno.test("a leader that lacks nobody does not look", async () => {
  const both = [sender("n2"), sender("n3")];
  const postgres = primary({ walSenders: both });
  const rest = await resting({ ...LACKING, postgres });
  for (let half = 1; half < 20; half++) await rest.clock.advance(500);
  assert.equal(rest.isOver, false);
  assert.equal(rest.looks, 0);
});
