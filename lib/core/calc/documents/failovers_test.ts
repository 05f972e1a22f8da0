/** Who adds what to the list of changes, in which order ever. */
import assert from "node:assert/strict";
import { failoverRecord } from "../../../../tests/helpers/failover_record.ts";
import { phasesOf, withFelt, withLeftBehind, withRecord } from "./failovers.ts";

const BARE = failoverRecord({ felt: [] });
const FELT = failoverRecord().felt[0] ?? assert.fail("no proxy");

Deno.test("failovers: a leader that tells more leaves what others told", () => {
  const left = { member: "n1", bytes: 16 };
  const known = failoverRecord({ leftBehind: [left] });
  const later = { name: "first_write", atMs: 1_900 };
  const told = { ...BARE, phases: [...BARE.phases, later] };
  assert.deepEqual(withRecord([known], told), [
    { ...known, phases: told.phases },
  ]);
  const other = failoverRecord({ term: "8" });
  assert.deepEqual(withRecord([known], other), [known, other]);
});

Deno.test("failovers: a proxy is heard once, of a change that is known", () => {
  assert.equal(withFelt([], "7", FELT), null);
  assert.equal(withFelt([BARE], "8", FELT), null);
  const once = withFelt([BARE], "7", FELT) ?? assert.fail("not added");
  assert.deepEqual(once, [failoverRecord()]);
  assert.equal(withFelt(once, "7", { ...FELT, ended: 9 }), null);
});

Deno.test("failovers: WAL left behind belongs to the change that forked off", () => {
  const left = { member: "n1", bytes: 16 };
  const next = failoverRecord({ term: "8", timeline: 3 });
  assert.deepEqual(withLeftBehind([BARE, next], 1, left), [
    { ...BARE, leftBehind: [left] },
    next,
  ]);
  assert.equal(withLeftBehind([BARE, next], 3, left), null);
  assert.equal(
    withLeftBehind([{ ...BARE, leftBehind: [left] }], 1, left),
    null,
  );
});

Deno.test("failovers: routed is the first proxy's moment, phases by time", () => {
  const felt = [{ ...FELT, routedAtMs: 1_800 }, { ...FELT, routedAtMs: 1_500 }];
  const names = phasesOf({ ...BARE, felt }).map(({ name }) => name);
  assert.deepEqual(names, ["detected", "decided", "routed", "promoted"]);
  assert.deepEqual(phasesOf(BARE), BARE.phases);
});
