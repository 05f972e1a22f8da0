/**
 * Ten thousand stalls of up to a second, played with the product's own functions:
 * of the network, of the leader's agent, of the voter's, and of two of them at
 * once. In none of them may the voter suspect its leader, whose PostgreSQL says
 * nothing all the time. A leader that is lost is suspected in each of them.
 *
 * What is played is what pulse_lines.ts and pulse_listener.ts do: a pulse every
 * 500 ms, a first look when pulse_rest.ts says that one is missing, then one every
 * 100 ms, each with a dial.
 */
import assert from "node:assert/strict";
import { restAfterPulse } from "../../lib/adapters/peers/pulse_rest.ts";
import { moment } from "../../lib/core/base/units.ts";
import {
  heardAtOf,
  heardNow,
  lookAgain,
  type Silence,
} from "../../lib/core/calc/takeover/silence.ts";
import { isSuspected } from "../../lib/core/calc/takeover/suspicion.ts";
import { PULSE_GRACE_MS, PULSE_MS } from "../../lib/ports/pulse.ts";
import { Rng } from "./world/rng.ts";

const STALLS = 10_000;
const TIMING = { suspectAfterMs: 1_500, vetoTimeMs: 700 };
const NO_VETO = { count: 0, lastAt: null };
const LOOK_MS = 100;
/** The kernel sends again after that time, twice that, and so on. */
const RESEND_MS = 200;
const END_MS = 8_000;

/** From, until. */
type Span = readonly [number, number];

interface Stalls {
  /** Packets are lost. */
  readonly network: Span | null;
  readonly leader: Span | null;
  readonly voter: Span | null;
  /** It is gone from then on. */
  readonly lostAt: number;
}

const NONE: Stalls = {
  network: null,
  leader: null,
  voter: null,
  lostAt: Infinity,
};

function isIn(at: number, span: Span | null): boolean {
  return span !== null && at >= span[0] && at < span[1];
}

/** When whoever stands still at `at` goes on. */
function awake(at: number, span: Span | null): number {
  return span !== null && isIn(at, span) ? span[1] : at;
}

/** Moments at which pulses arrive at the voter's host over the first connection. */
function arrivals(stalls: Stalls, rng: Rng): number[] {
  const found: number[] = [];
  // What was lost is sent again before anything else is.
  let blockedUntil = 0;
  for (let due = rng.int(0, PULSE_MS); due < END_MS; due += PULSE_MS) {
    let at = awake(due + rng.int(0, 20), stalls.leader);
    if (at >= stalls.lostAt) break;
    at = Math.max(at, blockedUntil);
    for (let wait = RESEND_MS; isIn(at, stalls.network); wait *= 2) at += wait;
    blockedUntil = at;
    if (at < stalls.lostAt) found.push(at + rng.int(0, 5));
  }
  return found;
}

/** When a new connection, dialled at that moment, brings its first pulse; null: it does not. */
function dialled(at: number, stalls: Stalls, rng: Rng): number | null {
  if (isIn(at, stalls.network)) return null;
  const spoken = awake(at + rng.int(1, 10), stalls.leader);
  const isThere = spoken < stalls.lostAt && !isIn(spoken, stalls.network) &&
    spoken - at < 1_000;
  return isThere ? spoken + rng.int(1, 10) : null;
}

/** What the product does; without one of them it would suspect needlessly. */
interface Habits {
  readonly dials: boolean;
  readonly leavesOutOwnFreeze: boolean;
}

const HABITS: Habits = { dials: true, leavesOutOwnFreeze: true };

/** When the voter suspects; null: never. */
function suspicionOf(
  stalls: Stalls,
  rng: Rng,
  habits: Habits = HABITS,
): number | null {
  const look = (heard: Silence, at: number, restMs: number): Silence =>
    lookAgain(heard, moment(at), habits.leavesOutOwnFreeze ? restMs : Infinity);
  const coming = arrivals(stalls, rng);
  let silence: Silence | null = null;
  let restMs = 0;
  let now = 0;
  let next = Infinity;
  let pulseAt = 0;
  /** While it speaks: when the look is meant to be. */
  let lookAt: number | null = null;
  const rest = (): boolean => {
    const lookMs = restAfterPulse(now - pulseAt);
    lookAt = lookMs > 0 ? now + lookMs : null;
    if (lookAt === null) return false;
    restMs = Math.max(0, lookAt - pulseAt - PULSE_GRACE_MS);
    next = lookAt + rng.int(0, 15);
    return true;
  };
  while (now < END_MS) {
    const pulse = coming.reduce((a, b) => Math.min(a, b), Infinity);
    const due = silence === null ? pulse : Math.min(pulse, next);
    if (due === Infinity) return null;
    // A process that goes on looks at its timers before it reads.
    now = awake(due, stalls.voter);
    const isLate = now > due && silence !== null && next <= now;
    if (isLate && silence !== null && !(lookAt !== null && rest())) {
      silence = look(silence, now, restMs);
    }
    const heardBy = coming.filter((at) => at <= now);
    if (silence !== null && isSuspect(silence, now)) return now;
    if (heardBy.length > 0) {
      for (const at of heardBy) coming.splice(coming.indexOf(at), 1);
      silence = heardNow(moment(now + PULSE_GRACE_MS));
      pulseAt = now;
      if (lookAt === null) rest();
      else restMs = Math.max(0, lookAt - pulseAt - PULSE_GRACE_MS);
      continue;
    }
    if (lookAt !== null && rest()) continue;
    if (silence !== null) {
      silence = look(silence, now, restMs);
      if (isSuspect(silence, now)) return now;
      restMs = LOOK_MS;
      const first = habits.dials ? dialled(now, stalls, rng) : null;
      if (first !== null) coming.push(first);
    }
    next = now + restMs + rng.int(0, 15);
  }
  return null;
}

function isSuspect(silence: Silence, now: number): boolean {
  const signs = { heardAt: heardAtOf(silence), walAt: null, isRefused: false };
  return isSuspected(moment(now), signs, { timing: TIMING, vetoes: NO_VETO });
}

function span(rng: Rng, msMax = 1_000): Span {
  const begin = rng.int(1_000, 2_000);
  return [begin, begin + rng.int(1, msMax)];
}

const KINDS: Readonly<Record<string, (rng: Rng) => Stalls>> = {
  "of the network": (rng) => ({ ...NONE, network: span(rng) }),
  "of the leader's agent": (rng) => ({ ...NONE, leader: span(rng) }),
  // Of whatever length: nobody suspects by what he did not hear himself.
  "of the voter's agent": (rng) => ({ ...NONE, voter: span(rng, 5_000) }),
  "of both agents at once": (rng) => {
    const [begin, end] = span(rng);
    return { ...NONE, leader: [begin, end], voter: [begin + 100, end + 100] };
  },
};

for (const [name, make] of Object.entries(KINDS)) {
  Deno.test(`no suspicion in ${STALLS / 4} stalls ${name}`, () => {
    for (let n = 0; n < STALLS / 4; n++) {
      const stalls = make(new Rng(n, name));
      const at = suspicionOf(stalls, new Rng(n, `${name}, chance`));
      assert.equal(at, null, JSON.stringify({ n, stalls }));
    }
  });
}

Deno.test("a leader that is lost is suspected in time, whatever stalled before", () => {
  const times: number[] = [];
  for (let n = 0; n < 1_000; n++) {
    const rng = new Rng(n, "lost");
    const lostAt = rng.int(3_000, 4_000);
    const stalls = { ...NONE, network: span(rng), lostAt };
    const at = suspicionOf(stalls, rng);
    assert.ok(at !== null, JSON.stringify({ n, stalls }));
    times.push(at - lostAt);
  }
  const latest = TIMING.suspectAfterMs + PULSE_GRACE_MS;
  assert.ok(Math.max(...times) < latest + 150, `${Math.max(...times)}`);
});

/** How many of 500 stalls of that kind are taken for a loss. */
function needless(kind: string, habits: Habits): number {
  let count = 0;
  for (let n = 0; n < 500; n++) {
    const stalls = KINDS[kind]?.(new Rng(n, kind)) ?? NONE;
    const at = suspicionOf(stalls, new Rng(n, `${kind}, chance`), habits);
    if (at !== null) count++;
  }
  return count;
}

Deno.test("the play finds a voter that does not dial, or counts its own freeze", () => {
  assert.ok(needless("of the network", { ...HABITS, dials: false }) > 0);
  const counts = { ...HABITS, leavesOutOwnFreeze: false };
  assert.ok(needless("of the voter's agent", counts) > 0);
});

Deno.test("the play finds a leader that stands still for two seconds", () => {
  for (let n = 0; n < 200; n++) {
    const rng = new Rng(n, "longer");
    const begin = rng.int(1_000, 2_000);
    const stalls = { ...NONE, leader: [begin, begin + 2_000] } as const;
    assert.ok(suspicionOf(stalls, rng) !== null);
  }
});
