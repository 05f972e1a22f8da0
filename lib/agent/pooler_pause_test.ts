import assert from "node:assert/strict";
import { moment, revision } from "../core/base/units.ts";
import type { Poolers } from "../ports/poolers.ts";
import { answer, cluster, member } from "../../tests/helpers/builders.ts";
import { ManualClock, settle } from "../../tests/helpers/manual_clock.ts";
import { KeptLog } from "../../tests/helpers/tcp.ts";
import { PoolerPause } from "./pooler_pause.ts";

/** Poolers that only count, and the world around a pause. */
function scene(given: { readonly wasLeftPaused?: boolean } = {}) {
  const clock = new ManualClock();
  const world = {
    pauses: 0,
    resumes: 0,
    canResume: true,
    leader: "n1",
    isPrimary: false,
    deadline: NaN,
  };
  const poolers: Poolers = {
    pauseMsMax: 60_000,
    pause: () => {
      world.pauses++;
      return Promise.resolve();
    },
    resume: () => {
      world.resumes++;
      return Promise.resolve(world.canResume);
    },
    wasLeftPaused: () => Promise.resolve(given.wasLeftPaused ?? false),
  };
  const log = new KeptLog();
  const ending = new AbortController();
  const pause = new PoolerPause({
    clock,
    log,
    poolers,
    config: () => ({ self: "n1" }),
    last: {
      get view() {
        return cluster({
          leader: {
            name: world.leader,
            isHeld: false,
            revision: revision(1),
          },
          members: [member("n1"), member("n2")],
        });
      },
    },
    right: {
      get deadline() {
        return Number.isNaN(world.deadline) ? null : moment(world.deadline);
      },
    },
    peers: {
      ask: ([one]) => {
        const isInRecovery = !world.isPrimary;
        return Promise.resolve([answer(one?.name ?? "", { isInRecovery })]);
      },
    },
  });
  return { clock, world, pause, ending, log };
}

async function passed(clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 100) await clock.advance(100);
}

Deno.test("PoolerPause resumes when the next leader takes writes, and not before", async () => {
  const { clock, world, pause, ending } = scene();
  const running = pause.run(ending.signal);
  await settle();
  world.deadline = 30_000;
  await pause.begin(new AbortController().signal);
  await passed(clock, 2_000);
  assert.deepEqual([world.pauses, world.resumes], [1, 0]);
  pause.end();
  // The view is from before the lease was given back.
  world.deadline = NaN;
  await passed(clock, 1_000);
  world.leader = "n2";
  await passed(clock, 1_000);
  assert.equal(world.resumes, 0);
  world.isPrimary = true;
  await passed(clock, 300);
  assert.equal(world.resumes, 1);
  await passed(clock, 5_000);
  assert.equal(world.resumes, 1);
  ending.abort();
  await running;
  assert.equal(world.resumes, 1, "nothing is paused at the end");
});

Deno.test("PoolerPause resumes when its member leads on after all", async () => {
  const { clock, world, pause, ending } = scene();
  const running = pause.run(ending.signal);
  await settle();
  await pause.begin(new AbortController().signal);
  world.deadline = 30_000;
  pause.end();
  await passed(clock, 300);
  assert.equal(world.resumes, 1);
  ending.abort();
  await running;
});

Deno.test("PoolerPause lets nobody wait for longer than it may, and says so", async () => {
  const { clock, world, pause, ending, log } = scene();
  const running = pause.run(ending.signal);
  await settle();
  await pause.begin(new AbortController().signal);
  await passed(clock, 59_000);
  assert.equal(world.resumes, 0);
  world.canResume = false;
  await passed(clock, 3_500);
  assert.ok(world.resumes >= 2, "it is told again while it does not");
  assert.ok(log.lines.some((line) => /go on after 60 s/.test(line)));
  world.canResume = true;
  await passed(clock, 1_500);
  const told = world.resumes;
  await passed(clock, 5_000);
  assert.equal(world.resumes, told);
  ending.abort();
  await running;
});

Deno.test("PoolerPause ends what a killed agent has left, and its own at its end", async () => {
  const left = scene({ wasLeftPaused: true });
  const running = left.pause.run(left.ending.signal);
  await settle();
  assert.equal(left.world.resumes, 1);
  await left.pause.begin(new AbortController().signal);
  left.ending.abort();
  await running;
  assert.equal(left.world.resumes, 2);
});

Deno.test("PoolerPause of a new leader lets clients go on at once", async () => {
  const { world, pause, ending } = scene();
  const running = pause.run(ending.signal);
  await settle();
  pause.leads();
  await settle();
  assert.equal(world.resumes, 1);
  ending.abort();
  await running;
});

Deno.test("PoolerPause of an agent that ends is over when another member takes writes", async () => {
  const { clock, world, pause, ending } = scene();
  const running = pause.run(ending.signal);
  await settle();
  ending.abort();
  await running;
  await pause.beginLast(new AbortController().signal);
  let isFinished = false;
  const finishing = pause.finish().then(() => isFinished = true);
  // The view still names the member that has stopped.
  await passed(clock, 3_000);
  assert.deepEqual([world.pauses, world.resumes, isFinished], [1, 0, false]);
  world.isPrimary = true;
  await passed(clock, 300);
  await finishing;
  assert.equal(world.resumes, 1);
  await pause.finish();
  assert.equal(world.resumes, 1);
});

Deno.test("PoolerPause of an agent that ends does not outlive it for long", async () => {
  const { clock, world, pause, log } = scene();
  await pause.beginLast(new AbortController().signal);
  const finishing = pause.finish();
  await passed(clock, 9_000);
  assert.equal(world.resumes, 0);
  await passed(clock, 2_000);
  await finishing;
  assert.equal(world.resumes, 1);
  assert.ok(log.lines.some((line) => /nobody leads 10 s after/.test(line)));
});

Deno.test("PoolerPause of an agent that ends begins after the one before was ended", async () => {
  const { clock, world, pause, ending } = scene();
  const running = pause.run(ending.signal);
  await settle();
  await pause.begin(new AbortController().signal);
  ending.abort();
  await pause.beginLast(new AbortController().signal);
  await running;
  assert.deepEqual([world.pauses, world.resumes], [2, 1]);
  world.isPrimary = true;
  const finishing = pause.finish();
  await passed(clock, 300);
  await finishing;
  assert.deepEqual([world.pauses, world.resumes], [2, 2]);
});
