import assert from "node:assert/strict";
import {
  leaderObservation,
  observation,
  stopped,
} from "../../tests/helpers/builders.ts";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import { moment } from "../core/base/units.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../core/model/settings.ts";
import type { WatchdogMode } from "../core/calc/host/watchdog.ts";
import { BARE_VIP, type Vip } from "../core/model/vip.ts";
import type { VipCarrier, VipWish } from "../ports/vip.ts";
import { type Watchdog, WatchdogError } from "../ports/watchdog.ts";
import { Guards } from "./guards.ts";
import { Memory } from "./memory.ts";

const VIP: Vip = {
  address: "10.0.0.9",
  prefixLength: 32,
  interface: "eth0",
  role: "primary",
  gateway: null,
  isReplicaFallback: false,
  ...BARE_VIP,
  announceEveryMs: null,
};

/** Writes down what it is told. */
class ToyWatchdog implements Watchdog {
  readonly device = "/dev/toy";
  readonly calls: string[] = [];
  isActive = false;
  usable = true;
  refusal: string | null = null;
  actualS: number | null | undefined = undefined;

  isUsable(): boolean {
    return this.usable;
  }
  describe(): string {
    return "toy";
  }
  activate(timeoutS: number): { timeoutS: number | null } {
    if (this.refusal !== null) throw new WatchdogError(this.refusal);
    this.isActive = true;
    this.calls.push(`activate ${timeoutS}`);
    return { timeoutS: this.actualS === undefined ? timeoutS : this.actualS };
  }
  setTimeout(timeoutS: number): { timeoutS: number | null } {
    this.calls.push(`set ${timeoutS}`);
    return { timeoutS };
  }
  keepalive(): void {
    this.calls.push("keep");
  }
  disable(): void {
    this.isActive = false;
    this.calls.push("disable");
  }
}

class ToyCarrier implements VipCarrier {
  readonly calls: string[] = [];
  reconcile(wishes: readonly VipWish[]): void {
    const texts = wishes.map(({ vip, part }) => `${part.kind} ${vip.address}`);
    this.calls.push(texts.join(", "));
  }
  dropAll(vips: readonly Vip[]): Promise<void> {
    this.calls.push(`drop ${vips.map(({ address }) => address).join(", ")}`);
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}

function rig(mode: WatchdogMode = "automatic", vips: readonly Vip[] = []) {
  const clock = new ManualClock();
  const watchdog = new ToyWatchdog();
  const vip = new ToyCarrier();
  const lines: string[] = [];
  const say = (text: string) => void lines.push(text);
  const log = {
    ...{ debug: say, info: say, warning: say },
    ...{ error: say, critical: say },
  };
  const inForce = { settings: DEFAULT_SETTINGS as ClusterSettings };
  const memory = new Memory();
  const config = { vips, watchdog: { mode, safetyMarginS: 5 } };
  const doubt = { isInDoubt: false };
  const guards = new Guards({
    ...{ clock, log, watchdog, vip, inForce, memory },
    config: () => config,
    doubt,
  });
  return {
    doubt,
    clock,
    watchdog,
    vip,
    lines,
    inForce,
    memory,
    config,
    guards,
  };
}

const DEADLINE = moment(29_920);

Deno.test("guards: the first renewal starts the watchdog, each one feeds it", () => {
  const { guards, watchdog } = rig();
  assert.equal(guards.covered(DEADLINE), 25_000);
  guards.covered(DEADLINE);
  assert.deepEqual(watchdog.calls, ["activate 25", "keep", "keep"]);
});

Deno.test("guards: a renewal that took long does not let the device fire after the lease", () => {
  const { guards, watchdog } = rig();
  guards.covered(DEADLINE);
  assert.equal(guards.covered(moment(21_500)), 21_000);
  assert.equal(guards.covered(DEADLINE), 25_000);
  assert.deepEqual(watchdog.calls.slice(2), [
    ...["set 21", "keep"],
    ...["set 25", "keep"],
  ]);
});

Deno.test("guards: a new TTL reaches the device with the next keepalive", () => {
  const { guards, watchdog, inForce } = rig();
  guards.covered(DEADLINE);
  inForce.settings = { ...DEFAULT_SETTINGS, ttlMs: 20_000 };
  guards.covered(moment(19_930));
  assert.deepEqual(watchdog.calls.slice(2), ["set 15", "keep"]);
});

Deno.test("guards: pause, an empty directory and the end of the lead switch it off", () => {
  const paused = { ...DEFAULT_SETTINGS, isPaused: true };
  const ends = [
    leaderObservation({ settings: paused }),
    leaderObservation({ postgres: { kind: "empty" } }),
    observation({ postgres: stopped() }),
    observation(),
  ];
  for (const o of ends) {
    const { guards, watchdog } = rig();
    guards.covered(DEADLINE);
    guards.afterCycle(o);
    assert.equal(watchdog.isActive, false);
  }
});

Deno.test("guards: it stays on while a primary without a lease still runs", () => {
  const { guards, watchdog } = rig();
  guards.covered(DEADLINE);
  const o = leaderObservation();
  guards.afterCycle({ ...o, lease: { kind: "none" } });
  assert.equal(watchdog.isActive, true);
});

Deno.test("guards: in pause no renewal starts it", () => {
  const { guards, watchdog, inForce } = rig();
  inForce.settings = { ...DEFAULT_SETTINGS, isPaused: true };
  assert.equal(guards.covered(DEADLINE), DEADLINE);
  assert.deepEqual(watchdog.calls, []);
});

Deno.test("guards: a required device that refuses forbids to lead, for a while", async () => {
  const { guards, watchdog, memory, clock } = rig("required");
  watchdog.refusal = "busy";
  assert.equal(guards.covered(DEADLINE), DEADLINE);
  assert.equal(memory.now.hasWatchdogFailed, true);
  guards.afterCycle(observation());
  assert.equal(memory.now.hasWatchdogFailed, true);
  await clock.advance(60_010);
  guards.afterCycle(observation());
  assert.equal(memory.now.hasWatchdogFailed, false);
  watchdog.refusal = null;
  guards.covered(moment(clock.now() + 29_920));
  assert.equal(watchdog.isActive, true);
});

Deno.test("guards: a required device that is missing forbids to lead", () => {
  const { guards, watchdog, memory } = rig("required");
  watchdog.usable = false;
  guards.afterCycle(observation());
  assert.equal(memory.now.hasWatchdogFailed, true);
});

Deno.test("guards: an automatic device that refuses changes nothing but the log", () => {
  const { guards, watchdog, memory, lines } = rig();
  watchdog.refusal = "busy";
  guards.covered(DEADLINE);
  guards.covered(DEADLINE);
  assert.equal(memory.now.hasWatchdogFailed, false);
  assert.deepEqual(lines, ["busy; going on without a watchdog"]);
});

Deno.test("guards: a device that fires too late fails only where it is required", () => {
  for (const mode of ["automatic", "required"] as const) {
    const { guards, watchdog, memory } = rig(mode);
    watchdog.actualS = 60;
    guards.covered(DEADLINE);
    assert.equal(memory.now.hasWatchdogFailed, mode === "required");
    assert.equal(watchdog.isActive, mode === "automatic");
  }
});

Deno.test("guards: a device quicker than loop_wait is not used", () => {
  const { guards, watchdog, config } = rig("automatic");
  config.watchdog.safetyMarginS = 21;
  assert.equal(guards.covered(DEADLINE), DEADLINE);
  assert.deepEqual(watchdog.calls, []);
});

Deno.test("guards: addresses follow each cycle, and go before a stop", async () => {
  const { guards, vip } = rig("off", [VIP]);
  guards.afterCycle(leaderObservation());
  await guards.standDown();
  guards.afterCycle(observation());
  assert.deepEqual(vip.calls, [
    "carry 10.0.0.9",
    "drop 10.0.0.9",
    "none 10.0.0.9",
  ]);
});

Deno.test("guards: an address that a reload removed is taken away once", () => {
  const { guards, vip, config } = rig("off", [VIP]);
  guards.afterCycle(leaderObservation());
  config.vips = [];
  guards.afterCycle(leaderObservation());
  guards.afterCycle(leaderObservation());
  assert.deepEqual(vip.calls, ["carry 10.0.0.9", "none 10.0.0.9"]);
});
