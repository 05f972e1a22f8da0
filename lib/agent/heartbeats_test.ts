import assert from "node:assert/strict";
import { leaderObservation } from "../../tests/helpers/builders.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { moment, revision } from "../core/base/units.ts";
import { DEFAULT_SETTINGS } from "../core/model/settings.ts";
import { FIRST_MEMORY } from "../core/model/memory.ts";
import type { DcsProof } from "../ports/dcs.ts";
import type { ProxyHeartbeat } from "../ports/proxy_process.ts";
import { type HeartbeatParts, Heartbeats } from "./heartbeats.ts";

function scene() {
  const told: ProxyHeartbeat[] = [];
  const world: { proof: DcsProof | null } = { proof: null };
  const doubt = { isInDoubt: false };
  const parts: HeartbeatParts = {
    clock: new ManualClock(),
    dcs: { proof: () => world.proof },
    proxy: { heartbeat: (heartbeat) => told.push(heartbeat) },
    status: { observation: null },
    inForce: { settings: DEFAULT_SETTINGS },
    memory: { now: FIRST_MEMORY },
    config: () => ({ vips: [] }),
    right: { deadline: moment(30_000) },
    leases: { term: revision(7n) },
    tasks: { view: { kind: "idle" } },
    doubt,
  };
  return { beats: new Heartbeats(parts), told, world, doubt };
}

Deno.test("each cycle is told, and within it only what is new", () => {
  const { beats, told } = scene();
  const o = leaderObservation();
  beats.observed(o);
  beats.settled(o);
  assert.equal(told.length, 1);
  beats.covered(moment(40_000));
  assert.equal(told.length, 2);
  beats.observed(o);
  beats.observed(o);
  assert.equal(told.length, 4);
});

Deno.test("an answer of the store within the cycle is handed on", () => {
  const { beats, told, world } = scene();
  const o = leaderObservation();
  beats.observed(o);
  assert.equal(told.at(-1)?.storeProof, null);
  world.proof = { mark: "9", askedAt: moment(5) };
  beats.settled(o);
  assert.deepEqual(told.at(-1)?.storeProof, { revision: "9", askedAtMs: 5 });
  beats.settled(o);
  assert.equal(told.length, 2);
});

Deno.test("a doubt is told at once, and so is its end", () => {
  const { beats, told, doubt } = scene();
  beats.observed(leaderObservation());
  assert.equal(told.at(-1)?.isInDoubt, undefined);
  doubt.isInDoubt = true;
  beats.changed();
  assert.equal(told.at(-1)?.isInDoubt, true);
  doubt.isInDoubt = false;
  beats.changed();
  assert.equal(told.at(-1)?.isInDoubt, undefined);
  assert.equal(told.length, 3);
});
