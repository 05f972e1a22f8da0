/** Promises about writes that also depend on another key. */
import assert from "node:assert/strict";
import type { Revision } from "../../lib/core/base/units.ts";
import type {
  Dcs,
  DcsCondition,
  DcsGuard,
  DcsResult,
} from "../../lib/ports/dcs.ts";
import {
  contents,
  eventually,
  guardedDelete,
  guardedPut,
  LIMITS,
  put,
  revisionOf,
  TTL_MS,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

const FAILED = { kind: "guard_failed" };

function leaderAt(revision: Revision) {
  return { key: "leader", revision };
}

function deleteWhile(
  dcs: Dcs,
  guard: DcsGuard,
  onlyWhile: DcsCondition,
): Promise<DcsResult> {
  return dcs.write({ kind: "delete", key: "sync", guard, onlyWhile }, LIMITS);
}

/** Guards that hold for an absent key, for the value "1", and for both. */
const GUARDS: readonly (readonly [DcsGuard, "absent" | "present" | "both"])[] =
  [
    [{ kind: "none" }, "both"],
    [{ kind: "absent" }, "absent"],
    [{ kind: "value_is", value: "1" }, "present"],
  ];

/** Writes that also depend on another key. */
export const CONDITION_CASES: readonly DcsCase[] = [
  {
    name: "a write of a term happens in that term only",
    run: async ({ connect }) => {
      const dcs = connect();
      const term = revisionOf(await put(dcs, "leader", "n1"));
      const first = revisionOf(
        await guardedPut(dcs, "sync", {
          value: "1",
          guard: { kind: "absent" },
          onlyWhile: leaderAt(term),
        }),
      );
      // Other keys and the own one do not count.
      await put(dcs, "status", "x");
      const guard = { kind: "revision_is", revision: first } as const;
      const second = revisionOf(
        await guardedPut(dcs, "sync", {
          value: "2",
          guard,
          onlyWhile: leaderAt(term),
        }),
      );
      // The same name again is another term.
      await put(dcs, "leader", "n1");
      const now = { kind: "revision_is", revision: second } as const;
      assert.deepEqual(
        await guardedPut(dcs, "sync", {
          value: "3",
          guard: now,
          onlyWhile: leaderAt(term),
        }),
        FAILED,
      );
      assert.deepEqual(
        await deleteWhile(dcs, now, leaderAt(term)),
        FAILED,
      );
      assert.deepEqual(await contents(dcs), {
        leader: "n1",
        status: "x",
        sync: "2",
      });
      assert.deepEqual(await contents(dcs, "read"), await contents(dcs));
    },
  },
  {
    name: "guard and condition must both hold",
    run: async ({ connect }) => {
      const dcs = connect();
      const term = revisionOf(await put(dcs, "leader", "n1"));
      await put(dcs, "sync", "1");
      const other = { kind: "value_is", value: "0" } as const;
      assert.deepEqual(
        await guardedPut(dcs, "sync", {
          value: "2",
          guard: other,
          onlyWhile: leaderAt(term),
        }),
        FAILED,
      );
      assert.deepEqual(
        await deleteWhile(dcs, other, leaderAt(term)),
        FAILED,
      );
      revisionOf(
        await deleteWhile(dcs, { kind: "none" }, leaderAt(term)),
      );
      assert.deepEqual(await contents(dcs), { leader: "n1" });
    },
  },
  {
    name: "a condition goes with every guard, whichever way that holds",
    run: async ({ connect }) => {
      const dcs = connect();
      const old = revisionOf(await put(dcs, "leader", "n1"));
      const term = revisionOf(await put(dcs, "leader", "n1"));
      for (const [guard, holdsFor] of GUARDS) {
        for (const state of ["absent", "present"] as const) {
          if (holdsFor !== "both" && holdsFor !== state) continue;
          await guardedDelete(dcs, "sync", { kind: "none" });
          if (state === "present") await put(dcs, "sync", "1");
          const before = await contents(dcs);
          const write = { value: "2", guard };
          assert.deepEqual(
            await guardedPut(dcs, "sync", {
              ...write,
              onlyWhile: leaderAt(old),
            }),
            FAILED,
            `${guard.kind}, ${state}`,
          );
          assert.deepEqual(await contents(dcs), before);
          revisionOf(
            await guardedPut(dcs, "sync", {
              ...write,
              onlyWhile: leaderAt(term),
            }),
          );
        }
      }
    },
  },
  {
    name: "a condition on a key that is gone never holds",
    run: async ({ connect }) => {
      const dcs = connect();
      const leaseId = await dcs.grantLease(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      const term = revisionOf(
        await guardedPut(dcs, "leader", { value: "n1", guard, leaseId }),
      );
      await eventually(
        async () => !("leader" in await contents(dcs)),
        () => "the leader key is still there",
      );
      assert.deepEqual(
        await guardedPut(dcs, "sync", {
          value: "1",
          guard,
          onlyWhile: leaderAt(term),
        }),
        FAILED,
      );
      assert.deepEqual(await contents(dcs), {});
    },
  },
];
