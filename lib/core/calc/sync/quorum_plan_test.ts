import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isQuorumSafe,
  planQuorum,
  type QuorumInputs,
  type QuorumTransition,
} from "./quorum_plan.ts";

const ALL = ["a", "b", "c", "d"];

function inputs(changes: Partial<QuorumInputs> = {}): QuorumInputs {
  return {
    self: "p",
    leader: "p",
    quorum: 0,
    voters: [],
    numsync: 0,
    names: [],
    confirmed: 0,
    active: [],
    wanted: 1,
    ...changes,
  };
}

function applied(state: QuorumInputs, next: QuorumTransition): QuorumInputs {
  if (next.kind === "quorum") {
    const { leader, quorum, voters } = next;
    return { ...state, leader, quorum, voters };
  }
  const { numsync, names } = next;
  return { ...state, numsync, names, confirmed: 0 };
}

/** Plays first steps until nothing is left; after each sync change the replicas catch up. */
function settle(state: QuorumInputs): QuorumInputs {
  for (let step = 0; step < 40; step++) {
    const active = new Set(state.active);
    const reachable = state.names.filter((name) => active.has(name)).length;
    state = { ...state, confirmed: reachable };
    const [next] = planQuorum(state);
    if (next === undefined) return state;
    state = applied(state, next);
    assert.ok(isQuorumSafe(state), JSON.stringify({ state, next }));
  }
  assert.fail(`no end: ${JSON.stringify(state)}`);
}

const subset = fc.subarray(ALL);

Deno.test("planQuorum() begins with PostgreSQL, then the key", () => {
  const state = inputs({ active: ["a", "b"] });
  assert.deepEqual(planQuorum(state)[0], {
    kind: "sync",
    numsync: 1,
    names: ["a", "b"],
  });
  const settled = settle(state);
  assert.deepEqual(
    [settled.quorum, settled.voters, settled.numsync],
    [1, ["a", "b"], 1],
  );
});

Deno.test("planQuorum() with two wanted of two needs no vote besides one's own", () => {
  const settled = settle(inputs({ active: ["a", "b"], wanted: 2 }));
  assert.deepEqual([settled.quorum, settled.numsync], [0, 2]);
});

Deno.test("planQuorum() makes a new leader's predecessor a voter", () => {
  const [first] = planQuorum(inputs({
    leader: "a",
    quorum: 1,
    voters: ["p", "b"],
    numsync: 1,
    names: ["a", "b"],
  }));
  assert.deepEqual(first, {
    kind: "quorum",
    leader: "p",
    quorum: 1,
    voters: ["a", "b"],
  });
});

Deno.test("planQuorum() keeps every acknowledged commit in reach of a vote, and ends", () => {
  fc.assert(
    fc.property(
      subset,
      fc.array(fc.record({ active: subset, wanted: fc.nat(3) }), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.nat(3),
      (start, changes, cut) => {
        let state = settle(inputs({ active: start }));
        for (const { active, wanted } of changes) {
          state = { ...state, active, wanted: Math.max(1, wanted) };
          // Somebody dies after a few steps; the next plan starts from there.
          for (let step = 0; step < cut; step++) {
            const [next] = planQuorum(state);
            if (next === undefined) break;
            state = applied(state, next);
            assert.ok(isQuorumSafe(state), JSON.stringify({ state, next }));
          }
        }
        const { voters, names, numsync, quorum, active, wanted } = settle(
          state,
        );
        assert.deepEqual([...names].sort(), [...active].sort());
        assert.deepEqual([...voters].sort(), [...active].sort());
        assert.equal(numsync, Math.min(wanted, active.length));
        assert.equal(quorum, voters.length - numsync);
      },
    ),
    { numRuns: 3_000 },
  );
});

Deno.test("planQuorum() survives a change of the leader at any point", () => {
  fc.assert(
    fc.property(
      fc.record({
        start: subset,
        active: subset,
        cut: fc.nat(3),
        wanted: fc.nat(4),
      }),
      ({ start, active, cut, wanted }) => {
        let state = settle(inputs({ active: start, wanted: 1 }));
        state = { ...state, active, wanted: Math.max(1, wanted) };
        for (let step = 0; step < cut; step++) {
          const [next] = planQuorum(state);
          if (next !== undefined) state = applied(state, next);
        }
        const heir = state.voters[0];
        if (heir === undefined) return;
        // Before its promotion the heir waits for the members of the key without itself.
        const members = [...state.voters, "p"].filter((name) => name !== heir);
        state = {
          ...state,
          self: heir,
          names: members,
          numsync: Math.max(0, members.length - state.quorum),
          active: active.filter((name) => name !== heir),
          confirmed: 0,
        };
        assert.ok(isQuorumSafe(state), JSON.stringify(state));
        const settled = settle(state);
        assert.equal(settled.leader, heir);
      },
    ),
    { numRuns: 3_000 },
  );
});
