/** The sentences that tools read in Patroni's log (docs/contract/ha.md), word for word. */
import assert from "node:assert/strict";
import { bid } from "../../tests/helpers/builders.ts";
import { explain } from "./explain.ts";
import type { Decision, Facts, WaitReason } from "./model/decision.ts";

function waiting(reason: WaitReason, facts: Facts = {}): Decision {
  return { kind: "wait", reason, facts, againInMs: null };
}

const ROWS: readonly (readonly [Decision, string])[] = [
  [waiting("leading"), "no action. I am (n1), the leader with the lock"],
  [
    waiting("following", { leader: "n2" }),
    "no action. I am (n1), a secondary, and following a leader (n2)",
  ],
  [
    waiting("rewind_failed_no_repair", { rewind: "no such program" }),
    "the local WAL diverged from the leader's, and pg_rewind failed: no such program; mend that and restart this member, or reinitialize it",
  ],
  [waiting("starting_up"), "PostgreSQL is still starting up"],
  [waiting("primary_alive", { peer: "n3" }), "Primary (n3) is still alive"],
  [
    waiting("peer_ahead", { peer: "n3", peerPosition: 9n, ownPosition: 7n }),
    "Wal position of n3 is ahead of my wal position (peerPosition 9, ownPosition 7)",
  ],
  [
    waiting("peer_priority_higher", {
      peer: "n3",
      peerPriority: 2,
      ownPriority: 1,
    }),
    "n3 has equally tolerable WAL position and priority 2, while this node has priority 1",
  ],
  [
    waiting("lag_exceeds_maximum", { lagBytes: 5n }),
    "My wal position exceeds maximum replication lag (lagBytes 5)",
  ],
  [
    bid("already_primary"),
    "acquiring session lock as a leader",
  ],
  [
    { kind: "release_lease", reason: "start_failed", newRole: "demoted" },
    "removed leader key after trying and failing to start postgres",
  ],
  [
    { kind: "cancel_task", reason: "lease_lost" },
    "lost leader before promote",
  ],
  [
    {
      kind: "start_task",
      task: { kind: "promote" },
      reason: "lease_acquired",
      facts: {},
    },
    "promoted self to leader by acquiring session lock",
  ],
  [
    {
      kind: "start_task",
      task: { kind: "demote", how: "immediate_nolock", deadline: null },
      reason: "not_leader",
      facts: { leader: "n2" },
    },
    "Demoting self (immediate-nolock) (leader n2)",
  ],
  [
    {
      kind: "exit",
      reason: "system_id_mismatch",
      isPostgresLeft: true,
      facts: { scopeSystemId: "1", localSystemId: "2" },
    },
    "system ID mismatch, node n1 belongs to a different cluster: 1 != 2",
  ],
  [
    {
      kind: "write_sync",
      revision: null,
      term: null,
      reason: "synchronous_standbys_changed",
      leader: "n1",
      standbys: ["n2", "n3"],
      quorum: 0,
    },
    "Synchronous standby status assigned to [n2, n3]",
  ],
];

for (const [decision, expected] of ROWS) {
  Deno.test(`explain(): ${expected}`, () => {
    assert.equal(explain(decision, "n1"), expected);
  });
}
