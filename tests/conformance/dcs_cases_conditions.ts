/** Promises about writes that also depend on another key. */
import assert from "node:assert/strict";
import type { Revision } from "../../lib/core/base/units.ts";
import type { Dcs, DcsResult } from "../../lib/ports/dcs.ts";
import { SessionGoneError } from "../../lib/ports/errors.ts";
import {
  conditions,
  contents,
  eventually,
  type Guard,
  guardedDelete,
  guardedPut,
  LIMITS,
  needs,
  type OtherKey,
  put,
  Recorder,
  revisionOf,
  TTL_MS,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

const FAILED = { kind: "condition_failed" };

function leaderAt(revision: Revision) {
  return { key: "leader", revision };
}

function deleteWhile(
  dcs: Dcs,
  guard: Guard,
  onlyWhile: OtherKey,
): Promise<DcsResult> {
  const edits = [{ kind: "delete", key: "sync" }] as const;
  const when = conditions("sync", guard, onlyWhile);
  return dcs.write({ when, edits }, LIMITS);
}

/** Guards that hold for an absent key, for the value "1", and for both. */
const GUARDS: readonly (readonly [Guard, "absent" | "present" | "both"])[] = [
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
      const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      const term = revisionOf(
        await guardedPut(dcs, "leader", { value: "n1", guard, session }),
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
  {
    name: "several puts and deletes happen together, at one revision",
    canRun: needs("transactions"),
    run: async ({ connect, signal }) => {
      const [dcs, other] = [connect(), connect()];
      const recorder = new Recorder();
      other.watch(recorder, signal);
      await eventually(() => recorder.resets > 0, () => recorder);
      const term = revisionOf(await put(dcs, "leader", "n1"));
      await put(dcs, "pledges/n3", "x");
      const { id: session } = await dcs.openSession(600_000, LIMITS);
      const changed = revisionOf(
        await dcs.write({
          when: [
            { kind: "revision_is", key: "leader", revision: term },
            { kind: "absent", key: "sync" },
            { kind: "value_is", key: "pledges/n3", value: "x" },
          ],
          edits: [
            { kind: "put", key: "leader", value: "n2", session },
            { kind: "put", key: "sync", value: "{}", session: null },
            { kind: "delete", key: "pledges/n3" },
          ],
        }, LIMITS),
      );
      for (const from of ["read", "readFresh"] as const) {
        assert.deepEqual((await dcs[from](LIMITS)).entries, [
          { key: "leader", value: "n2", revision: changed, isHeld: true },
          { key: "sync", value: "{}", revision: changed, isHeld: false },
        ]);
      }
      await eventually(
        () =>
          recorder.valuesOf("leader").at(-1) === "n2" &&
          recorder.valuesOf("sync").at(-1) === "{}" &&
          // It may have come and gone between two looks.
          recorder.valuesOf("pledges/n3").at(-1) !== "x",
        () => recorder,
      );
    },
  },
  {
    name: "of several edits none happens if one condition fails",
    canRun: needs("transactions"),
    run: async ({ connect }) => {
      const dcs = connect();
      const term = revisionOf(await put(dcs, "leader", "n1"));
      await put(dcs, "leader", "n1");
      await put(dcs, "config", "{}");
      const before = await contents(dcs);
      const edits = [
        { kind: "put", key: "leader", value: "n2", session: null },
        { kind: "put", key: "sync", value: "{}", session: null },
        { kind: "delete", key: "config" },
      ] as const;
      const holds = { kind: "value_is", key: "config", value: "{}" } as const;
      const failing = [
        { kind: "revision_is", key: "leader", revision: term },
        { kind: "absent", key: "config" },
        { kind: "value_is", key: "sync", value: "{}" },
      ] as const;
      for (const one of failing) {
        for (const when of [[holds, one], [one, holds]]) {
          assert.deepEqual(await dcs.write({ when, edits }, LIMITS), FAILED);
        }
      }
      assert.deepEqual(await contents(dcs), before);
    },
  },
  {
    name: "of several edits none happens if one names a session that is gone",
    canRun: needs("transactions"),
    run: async ({ connect }) => {
      const dcs = connect();
      const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "canary", { value: "1", guard, session });
      await eventually(
        async () => !("canary" in await contents(dcs)),
        () => "the session is still there",
      );
      await assert.rejects(
        dcs.write({
          when: [],
          edits: [
            { kind: "put", key: "sync", value: "{}", session: null },
            { kind: "put", key: "leader", value: "n1", session },
          ],
        }, LIMITS),
        SessionGoneError,
      );
      assert.deepEqual(await contents(dcs), {});
    },
  },
];
