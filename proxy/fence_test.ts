import assert from "node:assert/strict";
import type { FencedInstance, FenceWord } from "../lib/core/model/fence.ts";
import { revision } from "../lib/core/base/units.ts";
import type { DcsResult, DcsWrite } from "../lib/ports/dcs.ts";
import { ManualClock, settle } from "../tests/helpers/manual_clock.ts";
import { KeptLog } from "../tests/helpers/tcp.ts";
import { Fence } from "./fence.ts";

const DONE: DcsResult = { kind: "done", revision: revision(99) };
const WORD: FenceWord = {
  instance: "primary",
  isPaused: false,
  isStandingDown: false,
  stopBudgetMs: 5_000,
  leaderRevision: "12",
  vips: [],
};

/** A fence over an instance that obeys a fast stop, if `obeys`. */
class Rig {
  readonly clock = new ManualClock();
  readonly log = new KeptLog();
  readonly did: string[] = [];
  readonly writes: DcsWrite[] = [];
  readonly fence: Fence;
  instance: FencedInstance = "running";
  obeys: readonly string[] = ["fast", "immediate", "kill"];
  answer: () => DcsResult = () => DONE;

  constructor() {
    this.fence = new Fence({
      clock: this.clock,
      log: this.log,
      graceMs: 5_000,
      dcsTimeoutMs: 1_000,
      vip: null,
      endProcess: (pid) => void this.did.push(`end ${pid}`),
      onCut: () => void this.did.push("cut"),
      server: {
        remember: () => Promise.resolve(),
        look: () => Promise.resolve(this.instance),
        stop: (mode) => {
          this.did.push(mode);
          if (this.obeys.includes(mode)) this.instance = "down";
          return Promise.resolve();
        },
      },
      dcs: {
        write: (write) => {
          this.writes.push(write);
          this.did.push("key");
          return Promise.resolve().then(this.answer);
        },
      },
    });
  }

  beat(word: Partial<FenceWord> = {}, facts: Readonly<Beat> = {}): void {
    const { pid = 1, leaseDeadlineMs = 30_000, aliveEveryMs = null } = facts;
    const fence = { ...WORD, ...word };
    const said = { role: "primary", pid, leaseDeadlineMs, aliveEveryMs };
    this.fence.heard({ ...said, fence });
  }

  /** Time in small steps, as timers see it. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      await this.clock.advance(Math.min(10, left));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.fence.close();
    await settle();
    await closing;
  }
}

interface Beat {
  readonly pid?: number;
  readonly leaseDeadlineMs?: number | null;
  readonly aliveEveryMs?: number | null;
}

/** What an agent of this version promises. */
const ALIVE = { aliveEveryMs: 1_000 };

Deno.test("a dead agent's primary is stopped after the grace, its key given back", async () => {
  await using rig = new Rig();
  rig.beat();
  await rig.pass(1_000);
  rig.fence.gone();
  await rig.pass(4_990);
  assert.deepEqual(rig.did, []);
  await rig.pass(200);
  assert.deepEqual(rig.did, ["cut", "fast", "key"]);
  assert.deepEqual(rig.writes, [{
    when: [{ kind: "revision_is", key: "leader", revision: revision(12) }],
    edits: [{ kind: "delete", key: "leader" }],
  }]);
  assert.equal(rig.fence.stats.state, "fenced");
  assert.equal(rig.fence.stats.keysGivenBack, 1);
});

Deno.test("an agent that comes back in time keeps its primary", async () => {
  await using rig = new Rig();
  rig.beat();
  rig.fence.gone();
  await rig.pass(4_900);
  rig.beat({}, { pid: 2, leaseDeadlineMs: null });
  await rig.pass(10_000);
  assert.deepEqual(rig.did, []);
  assert.match(rig.log.lines.join("\n"), /process 2\) is back in time/);
});

Deno.test("an agent that comes back while PostgreSQL stops keeps its key", async () => {
  await using rig = new Rig();
  rig.obeys = [];
  rig.beat();
  rig.fence.gone();
  await rig.pass(5_200);
  assert.deepEqual(rig.did, ["cut", "fast"]);
  rig.beat({}, { pid: 2, leaseDeadlineMs: 60_000 });
  rig.instance = "down";
  await rig.pass(20_000);
  assert.deepEqual(rig.did, ["cut", "fast"]);
  assert.equal(rig.fence.stats.calledOff, 1);
});

Deno.test("a frozen agent's primary is down before its lease ends, however it resists", async () => {
  await using rig = new Rig();
  rig.obeys = ["kill"];
  rig.beat();
  await rig.pass(25_500);
  assert.deepEqual(rig.did, []);
  await rig.pass(4_400);
  assert.deepEqual(rig.did, ["cut", "fast", "immediate", "kill"]);
  assert.equal(rig.instance, "down");
  await rig.pass(500);
  assert.equal(rig.did.at(-1), "key");
});

Deno.test("an agent that stands still is ended, and then fenced as a dead one", async () => {
  await using rig = new Rig();
  rig.beat({}, ALIVE);
  for (let second = 0; second < 20; second++) {
    await rig.pass(1_000);
    rig.fence.spoke();
  }
  assert.deepEqual(rig.did, []);
  await rig.pass(4_000);
  assert.deepEqual(rig.did, ["end 1"]);
  assert.match(rig.log.lines.join("\n"), /process 1\) has not moved for 3.3 s/);
  rig.fence.gone();
  await rig.pass(2_000);
  assert.deepEqual(rig.did, ["end 1", "cut", "fast", "key"]);
});

Deno.test("a new agent after one that was ended keeps the primary", async () => {
  await using rig = new Rig();
  rig.beat({}, ALIVE);
  await rig.pass(3_600);
  assert.deepEqual(rig.did, ["end 1"]);
  rig.fence.gone();
  await rig.pass(500);
  rig.beat({}, { ...ALIVE, pid: 2, leaseDeadlineMs: null });
  await rig.pass(2_500);
  rig.fence.spoke();
  await rig.pass(2_500);
  assert.deepEqual(rig.did, ["end 1"]);
});

Deno.test("no agent is ended while this process is late itself", async () => {
  await using rig = new Rig();
  rig.beat({}, { ...ALIVE, leaseDeadlineMs: 300_000 });
  for (let look = 0; look < 40; look++) await rig.clock.advance(900);
  assert.deepEqual(rig.did, []);
});

Deno.test("no agent is ended that has nothing to fence, or promised nothing", async () => {
  for (const word of [{ instance: "other" }, { isPaused: true }] as const) {
    await using rig = new Rig();
    rig.beat(word, ALIVE);
    await rig.pass(20_000);
    assert.deepEqual(rig.did, []);
  }
  await using rig = new Rig();
  rig.beat();
  await rig.pass(20_000);
  assert.deepEqual(rig.did, []);
});

Deno.test("a heartbeat that arrives with the deadline calls the fence off", async () => {
  await using rig = new Rig();
  rig.beat();
  await rig.pass(25_490);
  // The timer is due, but what waited in the socket is heard first.
  await rig.clock.advance(15);
  rig.beat({}, { leaseDeadlineMs: 60_000 });
  await rig.pass(1_000);
  assert.deepEqual(rig.did, []);
});

Deno.test("replicas, pause and goodbyes are left alone", async () => {
  for (const word of [{ instance: "other" }, { isPaused: true }] as const) {
    await using rig = new Rig();
    rig.beat(word);
    rig.fence.gone();
    await rig.pass(40_000);
    assert.deepEqual(rig.did, []);
    assert.equal(rig.fence.stats.state, "off");
  }
  await using rig = new Rig();
  rig.beat();
  rig.fence.heard({ role: "demoted", pid: 1, leaseDeadlineMs: null });
  rig.fence.gone();
  await rig.pass(40_000);
  assert.deepEqual(rig.did, []);
});

Deno.test("a pause that ends with an old lease does not stop anything", async () => {
  await using rig = new Rig();
  rig.beat({ isPaused: true }, { leaseDeadlineMs: 1_000 });
  await rig.pass(5_000);
  rig.beat({}, { leaseDeadlineMs: 1_000 });
  await rig.pass(1_000);
  assert.deepEqual(rig.did, []);
});

Deno.test("a store that is away is asked again until it answers", async () => {
  await using rig = new Rig();
  let isAway = true;
  rig.answer = () => {
    if (isAway) throw new Error("no store");
    return { kind: "condition_failed" };
  };
  rig.beat();
  rig.fence.gone();
  await rig.pass(7_500);
  assert.ok(rig.writes.length >= 2);
  isAway = false;
  await rig.pass(1_100);
  assert.equal(rig.fence.stats.state, "fenced");
  assert.equal(rig.fence.stats.keysGivenBack, 0);
  const complaints = rig.log.lines.filter((l) => /Cannot give/.test(l));
  assert.equal(complaints.length, 1);
});
