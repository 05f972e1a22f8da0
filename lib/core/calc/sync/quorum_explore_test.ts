/**
 * Every step of the resolver against every acknowledgement: commits, replicas
 * that come, go and lag, a restarted primary, names that are shown but not in
 * force. All states that can be reached are visited, and in each
 *
 * - every `quorum + 1` voters include one that has all acknowledged commits;
 * - once nothing changes any more, the wanted set is reached.
 *
 * With three members all of it, two commits. With four, names are in force at
 * once: what remains is as large as a unit test may be.
 */
import assert from "node:assert/strict";
import { planQuorum } from "./quorum_plan.ts";
import { nextQuorumStep, type QuorumState } from "./quorum_step.ts";

const SELF = "a";

interface Names {
  readonly names: readonly string[];
  readonly numsync: number;
}

/** Positions count commits. */
interface State extends Names {
  readonly voters: readonly string[];
  readonly quorum: number;
  readonly active: readonly string[];
  readonly positions: Readonly<Record<string, number>>;
  readonly written: number;
  readonly acknowledged: number;
  /** Written when the names were in force. */
  readonly since: number;
  /** Commits may still be let go by these. */
  readonly old: readonly Names[];
  readonly wanted: number;
  readonly restarts: number;
}

interface Size {
  readonly replicas: readonly string[];
  readonly commits: number;
  readonly wanted: readonly number[];
  readonly restarts: number;
  readonly areNamesSlow: boolean;
}

type Step = ReturnType<typeof nextQuorumStep>;
type Resolver = (state: QuorumState) => Step;

interface Finding {
  readonly states: number;
  readonly unsafe: number;
  /** How the first unsafe state is reached. */
  readonly path: readonly string[];
  readonly stuck: number;
}

function stateOf({ replicas, restarts }: Size): State {
  return {
    names: replicas,
    numsync: 1,
    voters: replicas,
    quorum: replicas.length - 1,
    active: replicas,
    positions: Object.fromEntries(replicas.map((name) => [name, 0])),
    written: 0,
    acknowledged: 0,
    since: 0,
    old: [],
    wanted: 1,
    restarts,
  };
}

function resolve(state: State, resolver: Resolver): Step {
  const confirmed = state.old.length > 0
    ? []
    : state.names.filter((name) =>
      state.active.includes(name) &&
      (state.positions[name] ?? 0) >= state.since
    );
  return resolver({ ...state, self: SELF, leader: SELF, confirmed });
}

function applied(state: State, step: NonNullable<Step>, size: Size): State {
  if (step.kind === "quorum") {
    const { voters, quorum } = step;
    return { ...state, voters, quorum };
  }
  const { names, numsync } = step;
  const changed = { ...state, names, numsync };
  if (!size.areNamesSlow) return { ...changed, since: state.written };
  const text = JSON.stringify({ names, numsync });
  const old = [...state.old, { names: state.names, numsync: state.numsync }]
    .map((each) => JSON.stringify(each)).filter((each) => each !== text);
  return {
    ...changed,
    old: [...new Set(old)].sort().map((each) => JSON.parse(each)),
  };
}

function inForce(state: State): State {
  return { ...state, old: [], since: state.written };
}

function isUnsafe(state: State): boolean {
  const { acknowledged, voters, quorum, positions } = state;
  if (acknowledged === 0) return false;
  const without = voters.filter((name) =>
    (positions[name] ?? 0) < acknowledged
  );
  return voters.length > 0 && without.length > quorum;
}

function canAcknowledge(state: State): boolean {
  const next = state.acknowledged + 1;
  return next <= state.written && [state, ...state.old].some((by) => {
    const having = by.names.filter((name) =>
      (state.positions[name] ?? 0) >= next
    );
    return having.length >= Math.min(by.numsync, by.names.length);
  });
}

/** What can happen next, besides the resolver. */
function* events(state: State, size: Size): Generator<[string, State]> {
  if (state.written < size.commits) {
    yield ["commit", { ...state, written: state.written + 1 }];
  }
  for (const name of size.replicas) yield* eventsOf(state, name);
  if (canAcknowledge(state)) {
    const acknowledged = state.acknowledged + 1;
    const by = `ANY ${state.numsync} (${state.names})`;
    yield [`acknowledged by ${by}`, { ...state, acknowledged }];
  }
  for (const wanted of size.wanted) {
    if (wanted !== state.wanted) yield [`want ${wanted}`, { ...state, wanted }];
  }
  if (state.restarts > 0) {
    const restarts = state.restarts - 1;
    yield ["restart", { ...inForce(state), active: [], restarts }];
  }
  if (state.old.length > 0) yield ["in force", inForce(state)];
}

function* eventsOf(state: State, name: string): Generator<[string, State]> {
  const { active, positions } = state;
  const here = positions[name] ?? 0;
  if (!active.includes(name)) {
    const now = [...active, name].sort();
    return yield [`${name} streams`, { ...state, active: now }];
  }
  const now = active.filter((each) => each !== name);
  yield [`${name} leaves`, { ...state, active: now }];
  if (here >= state.written) return;
  const moved = { ...positions, [name]: here + 1 };
  yield [`${name} flushes`, { ...state, positions: moved }];
}

/** Plays on without events; true if the wanted set is reached. */
function settles(start: State, size: Size, resolver: Resolver): boolean {
  let state = start;
  for (let step = 0; step < 20; step++) {
    const caughtUp = Object.fromEntries(
      state.active.map((name) => [name, state.written]),
    );
    const positions = { ...state.positions, ...caughtUp };
    state = { ...inForceIfNot(state), positions };
    const next = resolve(state, resolver);
    if (next === null) break;
    state = applied(state, next, size);
  }
  const { active, names, voters, numsync, quorum, wanted } = state;
  const isWhole = [names, voters].every((list) =>
    [...list].sort().join() === active.join()
  );
  return isWhole && numsync === Math.min(wanted, active.length) &&
    quorum === voters.length - numsync;
}

function inForceIfNot(state: State): State {
  return state.old.length > 0 ? inForce(state) : state;
}

function explore(size: Size, resolver: Resolver): Finding {
  const start = stateOf(size);
  const seen = new Map<string, readonly [from: string | null, why: string]>();
  const queue: (readonly [string, State])[] = [];
  const put = (state: State, from: string | null, why: string): void => {
    const key = keyOf(state);
    if (seen.has(key)) return;
    seen.set(key, [from, why]);
    queue.push([key, state]);
  };
  put(start, null, "start");
  let [unsafe, stuck, first] = [0, 0, ""];
  for (const [key, state] of queue) {
    if (isUnsafe(state)) {
      if (unsafe++ === 0) first = key;
      continue;
    }
    if (!settles(state, size, resolver)) stuck++;
    for (const [why, next] of events(state, size)) put(next, key, why);
    const step = resolve(state, resolver);
    if (step === null) continue;
    put(applied(state, step, size), key, textOf(step));
  }
  return { states: seen.size, unsafe, stuck, path: pathTo(first, seen) };
}

function keyOf(state: State): string {
  const { names, voters, active, positions, old, ...numbers } = state;
  return [
    [...names].sort(),
    [...voters].sort(),
    active,
    Object.values(positions),
    old.length > 0 ? JSON.stringify(old) : "",
    Object.values(numbers),
  ].join("|");
}

function textOf(step: NonNullable<Step>): string {
  return step.kind === "quorum"
    ? `key ${step.quorum} of (${step.voters})`
    : `names ANY ${step.numsync} (${step.names})`;
}

function pathTo(
  key: string,
  seen: ReadonlyMap<string, readonly [string | null, string]>,
): readonly string[] {
  const path: string[] = [];
  for (let at: string | null = key; at !== null;) {
    const [from, why]: readonly [string | null, string] = seen.get(at) ??
      [null, ""];
    path.unshift(why);
    at = from;
  }
  return path.slice(1);
}

const THREE: Size = {
  replicas: ["b", "c"],
  commits: 2,
  wanted: [1],
  restarts: 0,
  areNamesSlow: true,
};

Deno.test("the resolver alone passes through unsafe states: the test can fail", () => {
  const found = explore({ ...THREE, areNamesSlow: false }, (state) => {
    const confirmed = state.confirmed.length;
    return planQuorum({ ...state, confirmed })[0] ?? null;
  });
  assert.ok(found.unsafe > 0);
  assert.equal(found.path.at(-1), "key 0 of (c)");
});

const SIZES: readonly (readonly [string, Size, number])[] = [
  ["three members, slow names, two commits", THREE, 15_000],
  [
    "three members, slow names, changing number, a restart",
    { ...THREE, commits: 1, wanted: [1, 2], restarts: 1 },
    20_000,
  ],
  [
    "three members, names at once, changing number, a restart",
    { ...THREE, wanted: [1, 2], restarts: 1, areNamesSlow: false },
    10_000,
  ],
  [
    "four members, names at once, two commits",
    { ...THREE, replicas: ["b", "c", "d"], areNamesSlow: false },
    40_000,
  ],
];

for (const [name, size, statesMin] of SIZES) {
  Deno.test(`the key stays honest and is live: ${name}`, () => {
    const { states, unsafe, stuck, path } = explore(size, nextQuorumStep);
    assert.equal(unsafe, 0, path.join("; "));
    assert.equal(stuck, 0);
    assert.ok(states > statesMin, `only ${states} states`);
  });
}
