import assert from "node:assert/strict";
import { type Backend, NO_ROUTES } from "../lib/core/model/routes.ts";
import { KeptLog } from "../tests/helpers/tcp.ts";
import { ManualClock } from "../tests/helpers/manual_clock.ts";
import { Gate, type GateSession } from "./gate.ts";
import { Ledger } from "./ledger.ts";
import { ServerPlaces } from "./server_places.ts";

function backend(name: string): Backend {
  return { name, host: name, port: 5432, via: "address" };
}

function session(): GateSession & {
  reroutes: number;
  areTurnsHeld: boolean;
} {
  const made = {
    reroutes: 0,
    areTurnsHeld: false,
    reroute: () => {
      made.reroutes++;
    },
    holdTurns: () => {
      made.areTurnsHeld = true;
    },
    freeTurns: () => {
      made.areTurnsHeld = false;
    },
    end: () => {},
  };
  return made;
}

function testGate(
  route: "primary" | "replica",
  ledger = Ledger.alone(),
): Gate {
  const to = route === "primary" ? "leader" : "replica";
  return new Gate({
    door: {
      name: route,
      port: 0,
      setting: "",
      rule: { to, zone: null, isFallback: null },
      balance: "least",
      connectionsMax: 100,
    },
    clock: new ManualClock(),
    ledger,
    places: ServerPlaces.alone([route], { perServerMax: 0, lineMax: 0 }),
    log: new KeptLog(),
    dialer: { dial: () => new Promise(() => {}) },
    connectTimeoutMs: 1_000,
  });
}

/** The backend that a session gets; one that leaves at once unless it is given. */
function pick(gate: Gate, given?: GateSession): Backend | null {
  const one = given ?? session();
  const seat = gate.seat(one, { source: "", ticket: null, isUrgent: false });
  if (given === undefined) gate.leave(one);
  assert.notEqual(seat, "full");
  return seat === "full" ? null : seat;
}

const [A, B] = [backend("a"), backend("b")];

Deno.test("gate gives a client the backend with the fewest sessions", () => {
  const gate = testGate("replica");
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  const names: (string | undefined)[] = [];
  for (let i = 0; i < 4; i++) {
    const one = session();
    gate.enter(one);
    const picked = pick(gate, one);
    names.push(picked?.name);
  }
  assert.deepEqual(names, ["a", "b", "a", "b"]);
});

Deno.test("gate spreads clients that come one after the other", () => {
  const gate = testGate("replica");
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  const names = [1, 2, 3].map(() => {
    const one = session();
    gate.enter(one);
    const picked = pick(gate, one);
    gate.leave(one);
    return picked?.name;
  });
  assert.deepEqual(names, ["a", "b", "a"]);
});

Deno.test("gate passes over what the client could not reach", () => {
  const gate = testGate("replica");
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  gate.noteFailure(A, "silent");
  assert.deepEqual([pick(gate)?.name, pick(gate)?.name], ["b", "b"]);
  gate.noteFailure(B, "silent");
  assert.equal(pick(gate), null);
});

Deno.test("gate passes over what another thread could not reach, unless there is nothing else", () => {
  const ledger = Ledger.alone();
  const gate = testGate("replica", ledger);
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  const slotOf = (one: Backend) => ledger.book.slotOf("replica", one);
  ledger.addTo(slotOf(A), "failing", 1);
  assert.deepEqual([pick(gate)?.name, pick(gate)?.name], ["b", "b"]);
  ledger.addTo(slotOf(B), "failing", 1);
  assert.notEqual(pick(gate), null);
});

Deno.test("gate forgets an outage of a backend that clients are not led to any more", () => {
  const ledger = Ledger.alone();
  const gate = testGate("replica", ledger);
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  gate.noteFailure(A, "silent");
  gate.update({ ...NO_ROUTES, readers: [B] });
  const slot = ledger.book.slotOf("replica", A);
  assert.equal(ledger.sums.isFailing(slot), false);
  gate.noteFailure(A, "a dial that was under way");
  assert.equal(ledger.sums.isFailing(slot), false);
  gate.update({ ...NO_ROUTES, readers: [A] });
  assert.equal(pick(gate)?.name, "a");
});

Deno.test("gate reroutes only sessions whose backend is out", () => {
  const ledger = Ledger.alone();
  const gate = testGate("replica", ledger);
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  const [onA, onB, held] = [session(), session(), session()];
  for (const one of [onA, onB, held]) gate.enter(one);
  gate.assign(onA, A);
  gate.assign(onB, B);
  gate.update({ ...NO_ROUTES, readers: [], resting: [B] });
  assert.deepEqual([onA.reroutes, onB.reroutes, held.reroutes], [1, 0, 0]);
  assert.equal(ledger.sums.inside("replica"), 3);
  gate.leave(onA);
  const slot = ledger.book.slotOf("replica", A);
  assert.deepEqual([
    ledger.sums.inside("replica"),
    ledger.sums.sessionsOn(slot),
  ], [2, 0]);
});

Deno.test("gate holds the turns of sessions whose backend is drained, and only those", () => {
  const gate = testGate("replica");
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  const [onA, onB] = [session(), session()];
  for (const one of [onA, onB]) gate.enter(one);
  gate.assign(onA, A);
  gate.assign(onB, B);
  const left = (name: string, reason: "stopping" | "lag_exceeds_maximum") => ({
    ...{ route: "replica", name, reason, facts: {} } as const,
  });
  gate.update({
    ...NO_ROUTES,
    resting: [A, B],
    exclusions: [left("a", "stopping"), left("b", "lag_exceeds_maximum")],
  });
  assert.deepEqual([onA.areTurnsHeld, onB.areTurnsHeld], [true, false]);
  assert.deepEqual([gate.isDrained(A), gate.isDrained(B)], [true, false]);
  gate.update({ ...NO_ROUTES, readers: [A, B] });
  assert.deepEqual([onA.areTurnsHeld, gate.isDrained(A)], [false, false]);
});

Deno.test("gate holds the turns of a primary that is about to hand over", () => {
  const gate = testGate("primary");
  gate.update({ ...NO_ROUTES, primary: A });
  const one = session();
  gate.enter(one);
  gate.assign(one, A);
  gate.update({ ...NO_ROUTES, primaryResting: A });
  assert.deepEqual([one.areTurnsHeld, one.reroutes], [true, 0]);
  gate.update({ ...NO_ROUTES, primary: A });
  assert.equal(one.areTurnsHeld, false);
});
