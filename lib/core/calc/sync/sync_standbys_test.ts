/**
 * Synchronous mode `on` as a walk: the replicas change at random, the planner's
 * steps are carried out one by one, and after each of them the key may only name
 * whom PostgreSQL waits for. Then a naive second version says where it must end.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  cluster,
  HERE,
  leaderMember,
  member,
  primary,
  sender,
} from "../../../../tests/helpers/builders.ts";
import { type Lsn, lsn, revision } from "../../base/units.ts";
import type { ClusterView } from "../../model/cluster_view.ts";
import type { Decision } from "../../model/decision.ts";
import { NO_TAGS } from "../../model/member.ts";
import { DEFAULT_SETTINGS } from "../../model/settings.ts";
import {
  isConfirmationPending,
  planBeforePromotion,
  planSynchronous,
} from "./sync_standbys.ts";
import type { SyncInputs } from "./sync_candidates.ts";
import { NOBODY, parseStandbys } from "./standby_names.ts";

interface Replica {
  readonly name: string;
  readonly isStreaming: boolean;
  readonly isNosync: boolean;
  readonly isNofailover: boolean;
  readonly priority: number;
  readonly lag: number;
}

interface Scope {
  readonly count: number;
  readonly isStrict: boolean;
  readonly maximumLag: number;
}

const NAMES = ["a", "b-2", "c"] as const;

const REPLICAS = fc.tuple(...NAMES.map((name) =>
  fc.record<Replica>({
    name: fc.constant(name),
    isStreaming: fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
    isNosync: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    isNofailover: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    priority: fc.integer({ min: 1, max: 2 }),
    lag: fc.integer({ min: 0, max: 2 }).map((n) => n * 50),
  })
));

const SCOPE = fc.record<Scope>({
  count: fc.integer({ min: 1, max: 2 }),
  isStrict: fc.boolean(),
  maximumLag: fc.constantFrom(-1, 60),
});

/** The sync key and the primary, as the planner's steps change them. */
class Walk {
  readonly #scope: Scope;
  sync: ClusterView["sync"];
  names = "";
  inForceAt: Lsn | null = null;
  replicas: readonly Replica[] = [];
  isUncertain = true;

  constructor(scope: Scope) {
    this.#scope = scope;
    this.sync = { leader: null, quorum: 0, standbys: [], revision: null };
  }

  get inputs(): SyncInputs {
    const listed = parseStandbys(this.names).names;
    return {
      self: "p",
      settings: {
        ...DEFAULT_SETTINGS,
        synchronousMode: "on",
        synchronousNodeCount: this.#scope.count,
        isSynchronousModeStrict: this.#scope.isStrict,
        maximumLagOnSyncnodeBytes: this.#scope.maximumLag,
      },
      view: cluster({
        leader: { name: "p", isHeld: false, revision: revision(1) },
        members: [leaderMember("p"), ...this.replicas.map(memberOf)],
        sync: this.sync,
      }),
      postgres: primary({
        synchronousStandbyNames: this.names,
        areStandbysManaged: true,
        namesInForceLsn: this.inForceAt,
        walSenders: this.replicas.filter((r) => r.isStreaming).map((r) =>
          sender(r.name, {
            flushedLsn: lsn(HERE - BigInt(r.lag)),
            syncState: listed.includes(r.name) ? "sync" : "async",
          })
        ),
      }),
      isWriteUncertain: this.isUncertain,
    };
  }

  /** Carries out one step. */
  apply(decision: Decision): void {
    if (decision.kind === "write_sync") {
      const next = (this.sync.revision ?? revision(1)) + 1n;
      const { leader, standbys } = decision;
      for (const name of standbys) this.#checkNew(name);
      this.sync = { leader, standbys, quorum: 0, revision: revision(next) };
      this.isUncertain = false;
    } else if (decision.kind === "set_synchronous_standbys") {
      this.names = decision.value ?? "";
      this.inForceAt = null;
    } else assert.fail(`unexpected ${decision.kind}`);
  }

  /** The key only gains who has all that came before the names were in force. */
  #checkNew(name: string): void {
    if (this.sync.standbys.includes(name)) return;
    const replica = this.replicas.find((r) => r.name === name);
    assert.notEqual(this.inForceAt, null, `${name} was not proved to be there`);
    assert.equal(replica?.lag, 0, `${name} lags`);
  }

  /** Whoever stands in the key is waited for. */
  check(): void {
    const waited = parseStandbys(this.names).names;
    for (const name of this.sync.standbys) {
      assert.ok(waited.includes(name), `${name} is not in '${this.names}'`);
    }
  }
}

function memberOf(replica: Replica) {
  const { name, isNosync, isNofailover, priority } = replica;
  const tags = { ...NO_TAGS, isNosync, isNofailover, syncPriority: priority };
  return member(name, { tags });
}

/** Whom commits should wait for in the end, if nothing changes any more. */
function naiveActive(
  scope: Scope,
  replicas: readonly Replica[],
  voters: readonly string[],
): readonly string[] {
  const usable = replicas.filter((r) => r.isStreaming && !r.isNosync);
  const leastLag = usable.length > 1
    ? Math.min(...usable.map((r) => r.lag))
    : 0;
  const near = usable.filter((r) =>
    scope.maximumLag <= 0 || r.lag - leastLag <= scope.maximumLag
  );
  const rank = (r: Replica): readonly number[] => [
    Number(r.isNofailover),
    -r.priority,
    Number(!voters.includes(r.name)),
    r.lag,
    NAMES.findIndex((name) => name === r.name),
  ];
  return [...near].sort((a, b) => {
    const [left, right] = [rank(a), rank(b)];
    const at = left.findIndex((value, index) => value !== right[index]);
    return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
  }).slice(0, scope.count).map((r) => r.name).sort();
}

/** Whom a strict primary goes on waiting for when nobody is left. */
function naiveKept(
  replicas: readonly Replica[],
  known: readonly string[],
): readonly string[] {
  return NAMES.filter((name) =>
    known.includes(name) &&
    !replicas.some((r) => r.name === name && r.isNosync)
  );
}

Deno.test("planSynchronous() keeps the key true at every step, and ends", () => {
  fc.assert(
    fc.property(
      SCOPE,
      fc.array(
        fc.tuple(REPLICAS, fc.integer({ min: 0, max: 4 }), fc.boolean()),
        { minLength: 1, maxLength: 4 },
      ),
      (scope, changes) => {
        const walk = new Walk(scope);
        for (const [replicas, steps, isAtOnce] of changes) {
          walk.replicas = replicas;
          // An agent may die, or the replicas change, after any step.
          for (let step = 0; step < steps; step++) {
            const decision = planSynchronous(walk.inputs);
            if (decision === null) break;
            walk.apply(decision);
            if (isAtOnce) walk.inForceAt = HERE;
            walk.check();
          }
        }
        const listed = parseStandbys(walk.names).names;
        const active = naiveActive(scope, walk.replicas, listed);
        const expected = active.length > 0 || !scope.isStrict
          ? active
          : naiveKept(walk.replicas, [...listed, ...walk.sync.standbys]);
        for (let step = 0; step < 8; step++) {
          walk.inForceAt = HERE;
          const decision = planSynchronous(walk.inputs);
          if (decision === null) break;
          walk.apply(decision);
          walk.check();
        }
        assert.equal(planSynchronous(walk.inputs), null);
        const waited = parseStandbys(walk.names).names;
        assert.deepEqual([...waited].sort(), expected);
        // Whoever has everything stands in the key in the end.
        const complete = active.filter((name) =>
          walk.replicas.some((r) => r.name === name && r.lag === 0)
        );
        for (const name of complete) {
          assert.ok(walk.sync.standbys.includes(name));
        }
        if (expected.length === 0) {
          assert.equal(walk.names, scope.isStrict ? NOBODY : "");
        }
      },
    ),
    { numRuns: 5_000, seed: 11 },
  );
});

Deno.test("planSynchronous(): a replica that is behind is waited for before it is listed", () => {
  const walk = new Walk({ count: 1, isStrict: false, maximumLag: -1 });
  const late = { isStreaming: true, isNosync: false, isNofailover: false };
  walk.replicas = [{ name: "a", ...late, priority: 1, lag: 50 }];
  const kinds: string[] = [];
  for (;;) {
    const decision = planSynchronous(walk.inputs);
    if (decision === null) break;
    kinds.push(decision.kind);
    walk.apply(decision);
  }
  walk.inForceAt = HERE;
  assert.deepEqual(kinds, ["write_sync", "set_synchronous_standbys"]);
  assert.equal(walk.names, "a");
  assert.deepEqual(walk.sync.standbys, []);
  assert.equal(isConfirmationPending(walk.inputs), true);
  walk.replicas = [{ name: "a", ...late, priority: 1, lag: 0 }];
  assert.equal(planSynchronous(walk.inputs)?.kind, "write_sync");
});

Deno.test("planSynchronous(): names that are not in force prove nothing", () => {
  const walk = new Walk({ count: 1, isStrict: false, maximumLag: -1 });
  const near = { isStreaming: true, isNosync: false, isNofailover: false };
  walk.replicas = [{ name: "a", ...near, priority: 1, lag: 0 }];
  walk.sync = { leader: "p", quorum: 0, standbys: [], revision: revision(2) };
  walk.names = "a";
  walk.isUncertain = false;
  assert.equal(planSynchronous(walk.inputs), null);
  assert.equal(isConfirmationPending(walk.inputs), true);
  walk.inForceAt = HERE;
  assert.equal(planSynchronous(walk.inputs)?.kind, "write_sync");
});

Deno.test("planSynchronous(): voters of quorum mode are believed only when confirmed", () => {
  const walk = new Walk({ count: 1, isStrict: false, maximumLag: -1 });
  const near = { isStreaming: true, isNosync: false, isNofailover: false };
  walk.replicas = [{ name: "a", ...near, priority: 1, lag: 50 }];
  const standbys = ["a", "c"];
  walk.sync = { leader: "p", quorum: 1, standbys, revision: revision(2) };
  walk.names = "a";
  walk.isUncertain = false;
  walk.inForceAt = HERE;
  const first = planSynchronous(walk.inputs);
  assert.deepEqual(
    first?.kind === "write_sync" && [first.standbys, first.quorum],
    [[], 0],
  );
});

const BEFORE_PROMOTION: readonly (readonly [
  string,
  Partial<ClusterView["sync"]>,
  { readonly mode: "on" | "off"; readonly names: string },
  readonly [kind: string, value?: unknown] | null,
])[] = [
  [
    "the old leader's replicas are forgotten",
    {
      leader: "x",
      standbys: ["p"],
    },
    { mode: "on", names: "" },
    ["write_sync"],
  ],
  ["then PostgreSQL waits for nobody", { leader: "p" }, {
    mode: "on",
    names: "a",
  }, ["set_synchronous_standbys", ""]],
  ["then nothing is left to do", { leader: "p" }, {
    mode: "on",
    names: "",
  }, null],
  ["a key of a mode that is off is deleted", { leader: "x" }, {
    mode: "off",
    names: "",
  }, ["delete_sync"]],
  ["and the user's own value comes back", {}, {
    mode: "off",
    names: "a",
  }, ["set_synchronous_standbys", null]],
];

for (const [name, sync, { mode, names }, expected] of BEFORE_PROMOTION) {
  Deno.test(`planBeforePromotion(): ${name}`, () => {
    const empty = { leader: null, quorum: 0, standbys: [] };
    const decision = planBeforePromotion({
      self: "p",
      settings: { ...DEFAULT_SETTINGS, synchronousMode: mode },
      view: cluster({ sync: { ...empty, revision: revision(1), ...sync } }),
      synchronousStandbyNames: names,
      areStandbysManaged: names !== "",
      areNamesInForce: true,
    });
    const gist = decision === null
      ? null
      : decision.kind === "set_synchronous_standbys"
      ? [decision.kind, decision.value]
      : [decision.kind];
    assert.deepEqual(gist, expected);
  });
}
