import assert from "node:assert/strict";
import { leaderObservation } from "../../tests/helpers/builders.ts";
import { ManualClock, settle } from "../../tests/helpers/manual_clock.ts";
import {
  ABLE,
  TAKEOVER_ON,
  TERM,
  voters,
} from "../../tests/helpers/pledge_builders.ts";
import { type Moment, revision } from "../core/base/units.ts";
import type { Observation } from "../core/model/observation.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import { PULSE_MS } from "../ports/pulse.ts";
import { DoubtWatch } from "./doubt_watch.ts";

/** n1 leads, n2 and n3 vote, and one of them is enough to know better. */
function scene() {
  const clock = new ManualClock();
  const answered = new Map<string, Moment>();
  const store = { term: TERM, isThere: true, reads: 0, wakes: 0 };
  const said: string[] = [];
  const say = (text: string): void => void said.push(text);
  const changes: boolean[] = [];
  const watch: DoubtWatch = new DoubtWatch({
    clock,
    log: { info: say, warning: say },
    pulse: {
      speaker: {
        speak: () => {},
        answeredAt: () => answered,
        untilPulse: (signal) => clock.sleep(PULSE_MS, signal),
      },
      listener: {
        listenTo: () => {},
        sight: () => null,
        untilSilent: () => Promise.resolve(),
      },
    },
    reader: {
      freshView: () => {
        store.reads++;
        if (!store.isThere) {
          return Promise.reject(new DcsUnreachableError("gone"));
        }
        const leader = { name: "n1", isHeld: true, revision: store.term };
        return Promise.resolve(voters({ leader }));
      },
    },
    leases: { answeredAt: null },
    inbox: { wake: () => void store.wakes++ },
  }, () => changes.push(watch.isInDoubt));
  const heard = (...names: string[]): void => {
    for (const name of names) answered.set(name, clock.now());
  };
  return { clock, watch, store, changes, heard };
}

function leading(changes: Partial<Observation> = {}): Observation {
  const view = voters();
  return leaderObservation({ ...TAKEOVER_ON, view, pledge: ABLE, ...changes });
}

/** Runs `body` while the watch runs. */
async function during(
  { watch, clock }: ReturnType<typeof scene>,
  body: () => Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  const running = watch.run(ending.signal);
  await body();
  ending.abort();
  await clock.advance(1_000);
  await running;
}

async function pass(
  { clock }: ReturnType<typeof scene>,
  ms: number,
): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) await clock.advance(250);
}

Deno.test("a leader asks the store only when enough voters are silent", async () => {
  const all = scene();
  await during(all, async () => {
    all.watch.follow(leading());
    await settle();
    for (let step = 0; step < 8; step++) {
      all.heard("n2");
      await pass(all, 500);
    }
    assert.equal(all.store.reads, 0);
    await pass(all, 3_000);
    assert.ok(all.store.reads > 0);
    assert.equal(all.watch.isInDoubt, false, "the store answers");
  });
});

Deno.test("without store and voters a leader doubts, until either is back", async () => {
  for (const back of ["store", "voters"] as const) {
    const all = scene();
    await during(all, async () => {
      all.watch.follow(leading());
      await settle();
      all.heard("n2", "n3");
      all.store.isThere = false;
      await pass(all, 3_000);
      assert.equal(all.watch.isInDoubt, true);
      if (back === "store") all.store.isThere = true;
      else all.heard("n3");
      await pass(all, 1_000);
      assert.deepEqual(all.changes, [true, false], back);
    });
  }
});

Deno.test("a leader whose key is another one's looks at once, and stays in doubt", async () => {
  const all = scene();
  await during(all, async () => {
    all.watch.follow(leading());
    await settle();
    all.store.term = revision(11);
    await pass(all, 3_000);
    assert.ok(all.store.wakes > 0);
    assert.equal(all.watch.isInDoubt, true);
    all.watch.follow(leading({ lease: { kind: "lost" } }));
    assert.equal(all.watch.isInDoubt, false, "it knows now");
  });
});

Deno.test("where nobody could take over there is no doubt", async () => {
  const all = scene();
  await during(all, async () => {
    all.store.isThere = false;
    const { settings } = TAKEOVER_ON;
    all.watch.follow(leading({ settings: { ...settings, takeover: null } }));
    await settle();
    await pass(all, 5_000);
    assert.equal(all.watch.isInDoubt, false);
    assert.equal(all.store.reads, 0);
  });
});
