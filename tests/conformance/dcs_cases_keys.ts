/** Promises about keys: reads, guards, scopes. */
import assert from "node:assert/strict";
import type { Revision } from "../../lib/core/base/units.ts";
import {
  contents,
  guardedDelete,
  guardedPut,
  LIMITS,
  put,
  revisionOf,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

const FAILED = { kind: "condition_failed" };

/** Reads, guards, scopes. */
export const KEY_CASES: readonly DcsCase[] = [
  {
    name: "an unused scope is empty",
    run: async ({ connect }) => {
      const dcs = connect();
      assert.deepEqual((await dcs.readFresh(LIMITS)).entries, []);
      assert.deepEqual((await dcs.read(LIMITS)).entries, []);
    },
  },
  {
    name: "a read shows all keys sorted, with value, revision and holder",
    run: async ({ connect }) => {
      const dcs = connect();
      const { id: lease } = await dcs.openSession(60_000, LIMITS);
      const first = revisionOf(await put(dcs, "sync", "été"));
      const second = revisionOf(
        await guardedPut(dcs, "members/n 1", {
          value: "",
          guard: { kind: "none" },
          session: lease,
        }),
      );
      assert.notEqual(second, first);
      for (
        const [client, isHeld] of [[dcs, true], [connect(), false]] as const
      ) {
        for (const from of ["read", "readFresh"] as const) {
          const { entries } = await client[from](LIMITS);
          assert.deepEqual(entries, [
            { key: "members/n 1", value: "", revision: second, isHeld },
            { key: "sync", value: "été", revision: first, isHeld: false },
          ]);
        }
      }
    },
  },
  {
    name: "guard absent: creates once",
    run: async ({ connect }) => {
      const dcs = connect();
      const guard = { kind: "absent" } as const;
      revisionOf(await guardedPut(dcs, "a", { value: "1", guard }));
      assert.deepEqual(
        await guardedPut(dcs, "a", { value: "2", guard }),
        FAILED,
      );
      assert.deepEqual(await contents(dcs), { a: "1" });
    },
  },
  {
    name: "guard value_is: put and delete only over that value",
    run: async ({ connect }) => {
      const dcs = connect();
      const is1 = { kind: "value_is", value: "1" } as const;
      assert.deepEqual(
        await guardedPut(dcs, "a", { value: "2", guard: is1 }),
        FAILED,
      );
      await put(dcs, "a", "1");
      revisionOf(await guardedPut(dcs, "a", { value: "2", guard: is1 }));
      assert.deepEqual(await guardedDelete(dcs, "a", is1), FAILED);
      assert.deepEqual(await contents(dcs), { a: "2" });
      const is2 = { kind: "value_is", value: "2" } as const;
      revisionOf(await guardedDelete(dcs, "a", is2));
      assert.deepEqual(await contents(dcs), {});
    },
  },
  {
    name: "guard revision_is: follows the key's own last change",
    run: async ({ connect }) => {
      const dcs = connect();
      const at = (revision: Revision) =>
        ({ kind: "revision_is", revision }) as const;
      const first = revisionOf(await put(dcs, "sync", "1"));
      await put(dcs, "other", "x");
      const second = revisionOf(
        await guardedPut(dcs, "sync", { value: "2", guard: at(first) }),
      );
      assert.deepEqual(
        await guardedPut(dcs, "sync", { value: "3", guard: at(first) }),
        FAILED,
      );
      assert.deepEqual(await guardedDelete(dcs, "sync", at(first)), FAILED);
      assert.deepEqual(
        await guardedPut(dcs, "gone", { value: "3", guard: at(first) }),
        FAILED,
      );
      revisionOf(await guardedDelete(dcs, "sync", at(second)));
      assert.deepEqual(await contents(dcs), { other: "x" });
    },
  },
  {
    name: "deleting nothing without a guard is done",
    run: async ({ connect }) => {
      const dcs = connect();
      revisionOf(await guardedDelete(dcs, "none", { kind: "none" }));
      revisionOf(await guardedDelete(dcs, "none", { kind: "absent" }));
      assert.deepEqual(await contents(dcs), {});
    },
  },
  {
    name: "a create-only race has exactly one winner",
    run: async ({ connect }) => {
      for (let round = 0; round < 5; round++) {
        const bidders = [connect(), connect(), connect(), connect()];
        const results = await Promise.all(
          bidders.map((dcs, i) =>
            guardedPut(dcs, `leader${round}`, {
              value: `n${i}`,
              guard: { kind: "absent" },
            })
          ),
        );
        const winners = results.flatMap((r, i) => r.kind === "done" ? [i] : []);
        assert.equal(winners.length, 1, Deno.inspect(results));
        const seen = await contents(bidders[0]!);
        assert.equal(seen[`leader${round}`], `n${winners[0]}`);
      }
    },
  },
  {
    name: "a process reads its own writes at once, cached or not",
    run: async ({ connect }) => {
      const dcs = connect();
      await dcs.read(LIMITS);
      for (let i = 0; i < 20; i++) {
        await put(dcs, "status", String(i));
        assert.deepEqual(await contents(dcs, "read"), { status: String(i) });
      }
      await guardedDelete(dcs, "status", { kind: "none" });
      assert.deepEqual(await contents(dcs, "read"), {});
      await put(dcs, "status", "again");
      assert.deepEqual(await contents(dcs, "read"), { status: "again" });
    },
  },
  {
    name: "readFresh shows another process's finished write",
    run: async ({ connect }) => {
      const [writer, reader] = [connect(), connect()];
      await reader.read(LIMITS);
      for (let i = 0; i < 20; i++) {
        await put(writer, "status", String(i));
        assert.deepEqual(await contents(reader), { status: String(i) });
      }
    },
  },
  {
    name: "removeScope leaves the neighbour scope alone",
    run: async ({ connect, connectNeighbour }) => {
      const [dcs, neighbour] = [connect(), connectNeighbour()];
      await put(dcs, "members/n1", "x");
      await put(dcs, "config", "{}");
      await put(neighbour, "config", "keep");
      await dcs.removeScope(LIMITS);
      assert.deepEqual(await contents(dcs), {});
      assert.deepEqual(await contents(dcs, "read"), {});
      assert.deepEqual(await contents(neighbour), { config: "keep" });
    },
  },
];
