/** What a voter does while its leader is silent, on a clock that is moved by hand. */
import assert from "node:assert/strict";
import { observation } from "../../tests/helpers/builders.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import {
  ABLE,
  TAKEOVER_ON,
  voters,
} from "../../tests/helpers/pledge_builders.ts";
import { PulseDuty } from "./pulse_duty.ts";

/** n2 listens to n1, which is silent for as long as the test says. */
function scene() {
  const clock = new ManualClock();
  const waiters: { ms: number; resolve: () => void }[] = [];
  const silence = { ms: 0 };
  const tell = (): void => {
    for (const { ms, resolve } of waiters) if (ms <= silence.ms) resolve();
  };
  const events: string[] = [];
  const duty = new PulseDuty({
    clock,
    pulse: {
      speaker: {
        speak: () => {},
        answeredAt: () => new Map(),
        untilPulse: () => Promise.resolve(),
      },
      listener: {
        listenTo: () => {},
        sight: () => null,
        untilSilent: (ms, signal) => {
          const { promise, resolve } = Promise.withResolvers<void>();
          signal.addEventListener("abort", () => resolve(), { once: true });
          waiters.push({ ms, resolve });
          tell();
          return promise;
        },
      },
    },
    dcs: { takeHint: ({ kind }) => void events.push(kind) },
    inbox: { wake: () => void events.push("wake") },
    inForce: TAKEOVER_ON,
    config: () => ({ self: "n2" }),
  });
  const view = voters();
  duty.follow(
    observation({ ...TAKEOVER_ON, self: "n2", view, pledge: ABLE }),
  );
  /** Says nothing for that much longer. */
  const stayFor = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      silence.ms += 100;
      tell();
      await clock.advance(100);
    }
  };
  return { clock, duty, silence, events, stayFor };
}

Deno.test("a silent leader's store is looked after before it is suspected", async () => {
  const { clock, duty, silence, events, stayFor } = scene();
  const ending = new AbortController();
  const running = duty.run(ending.signal);
  await stayFor(500);
  assert.deepEqual(events, []);
  await stayFor(100);
  assert.deepEqual(events, ["suspicion"], "0.9 s before it is suspected");
  await stayFor(800);
  assert.deepEqual(events, ["suspicion"]);
  await stayFor(100);
  assert.deepEqual(events, ["suspicion", "wake"]);
  await stayFor(1_000);
  const once = events.filter((event) => event === "suspicion");
  assert.deepEqual(once, ["suspicion"], "not with each look");
  silence.ms = 0;
  await stayFor(10_000);
  const again = events.filter((event) => event === "suspicion");
  assert.equal(again.length, 3, "every five seconds");
  ending.abort();
  await clock.advance(1_000);
  await running;
});
