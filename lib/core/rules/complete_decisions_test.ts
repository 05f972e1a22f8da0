/**
 * A decision says all that its act needs: whom to ask, which revision a write
 * rests on, what follows from it. The rows themselves stand in the other tables.
 */
import assert from "node:assert/strict";
import {
  answer,
  cluster,
  leaderMember,
  leaderObservation,
  member,
  NOW,
  observation,
  outcome,
  replica,
  stopped,
  unlocked,
} from "../../../tests/helpers/builders.ts";
import {
  AHEAD,
  asked,
  DUE,
  failover,
  history,
  MEMORY,
  settings,
  SUSPECTED,
  sync,
} from "../../../tests/helpers/rule_table.ts";
import { revision } from "../base/units.ts";
import { decide } from "../decide.ts";
import type { Decision } from "../model/decision.ts";
import type { Observation } from "../model/observation.ts";
import { REMOTE } from "../model/standby_cluster.ts";

function decided<K extends Decision["kind"]>(
  o: Observation,
  kind: K,
): Extract<Decision, { kind: K }> {
  const { rule, decision } = decide(o);
  assert.ok(isOf(decision, kind), `${rule} ${decision.kind}`);
  return decision;
}

function isOf<K extends Decision["kind"]>(
  decision: Decision,
  kind: K,
): decision is Extract<Decision, { kind: K }> {
  return decision.kind === kind;
}

function askedBy(o: Observation): unknown {
  const { reason, members } = decided(o, "ask_peers");
  return [reason, members.map(({ name }) => name)];
}

Deno.test("decide() says whom to ask, and why", () => {
  const race = observation({ view: unlocked() });
  assert.deepEqual(askedBy(race), ["no_leader", ["n1", "n3"]]);
  const named = leaderObservation({ view: cluster(failover("n1", "n3")) });
  assert.deepEqual(askedBy(named), ["switchover", ["n3"]]);
  const crashed = leaderObservation({
    postgres: stopped(),
    ...settings({ primaryStartTimeoutMs: 0 }),
  });
  assert.deepEqual(askedBy(crashed), ["crash_failover", ["n2", "n3"]]);
  const slow = leaderObservation({
    postgres: {
      kind: "unresponsive",
      control: null,
      postmasterPid: 1,
      detail: "",
    },
    memory: { ...MEMORY, startingSince: NOW, startTimeoutMs: -1 },
  });
  assert.deepEqual(askedBy(slow), ["start_timed_out", ["n2", "n3"]]);
});

Deno.test("decide() renews the key and bids for the vacancy that it saw", () => {
  const due = leaderObservation(DUE);
  assert.equal(decided(due, "renew_lease").key.revision, revision(10));
  const view = unlocked({ members: [member("n2")], ...sync("n2") });
  const alone = observation({ view });
  assert.deepEqual(decided(alone, "acquire_lease").vacancy, {
    leaderLsn: view.status.leaderLsn,
    syncRevision: revision(5),
  });
});

Deno.test("decide() names the revisions that its writes rest on", () => {
  const view = cluster(sync("n1", "n2"));
  const enabled = leaderObservation({
    view,
    ...settings({ synchronousMode: "on" }),
  });
  const write = decided(enabled, "write_sync");
  assert.deepEqual(
    [write.revision, write.term],
    [revision(5), revision(10)],
  );
  const off = decided(leaderObservation({ view }), "delete_sync");
  assert.deepEqual([off.revision, off.term], [revision(5), revision(10)]);
  const mine = leaderObservation({ view: cluster(failover(null, "n1")) });
  assert.equal(decided(mine, "clear_failover").revision, revision(6));
});

Deno.test("decide() creates an initialize key, or replaces a broken one", () => {
  for (const kind of ["absent", "invalid"] as const) {
    const o = leaderObservation({ view: cluster({ initialize: { kind } }) });
    const { expected } = decided(o, "write_initialize");
    assert.equal(expected, kind === "absent" ? "absent" : "any");
  }
});

Deno.test("decide() writes the document that this agent goes by", () => {
  const document = { ttl: 42, postgresql: { use_slots: false } };
  const view = cluster({ config: null });
  const o = leaderObservation({ view, document });
  assert.deepEqual(decided(o, "write_config").document, document);
});

Deno.test("decide() says of a copy whether the initialize key is to be left when it fails", () => {
  const view = unlocked({ initialize: { kind: "bootstrapping" } });
  const standbyCluster = settings({ isStandbyCluster: true });
  const owner = { ...MEMORY, isBootstrapOwner: true };
  const empty = { postgres: { kind: "empty" } } as const;
  const first = observation({
    ...standbyCluster,
    ...empty,
    view,
    memory: owner,
  });
  assert.deepEqual(decided(first, "start_task").task, {
    kind: "clone",
    source: REMOTE,
    isBootstrapOwner: true,
  });
  const later = observation({ ...empty, view: cluster() });
  assert.deepEqual(decided(later, "start_task").task, {
    kind: "clone",
    source: "n1",
    isBootstrapOwner: false,
  });
});

Deno.test("decide() limits a handing over where commits wait for a replica", () => {
  for (
    const [synchronousMode, limitMs] of [["off", null], ["on", 7_000]] as const
  ) {
    const o = leaderObservation({
      view: cluster({ ...failover("n1", "n2"), ...sync("n1", "n2") }),
      ...asked(answer("n2")),
      ...settings({ synchronousMode, primaryStopTimeoutMs: 7_000 }),
    });
    assert.deepEqual(decided(o, "start_task").task, {
      kind: "demote",
      how: "graceful",
      deadline: null,
      escalateAfterMs: limitMs,
    });
  }
});

Deno.test("decide() demotes a leader that did not come up, and only one that led", () => {
  for (const role of ["primary", "replica"] as const) {
    const o = leaderObservation({
      postgres: stopped(),
      memory: { ...MEMORY, role, isRecovering: true },
    });
    const { newRole } = decided(o, "release_lease");
    assert.equal(newRole, role === "primary" ? "demoted" : null);
  }
});

Deno.test("decide() asks the leader's instance, and the remote in a standby cluster", () => {
  const o = observation({ postgres: stopped(), memory: SUSPECTED });
  assert.equal(decided(o, "ask_upstream").source, "n1");
});

Deno.test("decide() makes the fifth rewind the last where a copy may follow", () => {
  const rewind = {
    kind: "rewind",
    source: "n1",
    isLastAttempt: false,
  } as const;
  const last = outcome(rewind, { result: "failed", endedAt: NOW });
  const after = (
    failuresInRow: number,
    isDataRemovedOnRewindFailure: boolean,
  ) =>
    observation({
      now: NOW + 3_600_000 as typeof NOW,
      view: cluster({ members: [leaderMember("n1", { timeline: 2 })] }),
      postgres: replica({ timeline: 1, isStreaming: false }),
      upstream: history(1, AHEAD),
      memory: { ...SUSPECTED, lastOutcome: last, failuresInRow },
      ...settings({ isRewindAllowed: true, isDataRemovedOnRewindFailure }),
    });
  for (
    const [failures, mayCopy, isLast] of [
      [3, true, false],
      [4, true, true],
      [9, false, false],
    ] as const
  ) {
    const { task } = decided(after(failures, mayCopy), "start_task");
    assert.deepEqual(task, { ...rewind, isLastAttempt: isLast });
  }
});
