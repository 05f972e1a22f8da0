/** Promises about leases: they end by themselves, and only they end keys. */
import assert from "node:assert/strict";
import { LeaseGoneError } from "../../lib/ports/errors.ts";
import {
  contents,
  eventually,
  guardedPut,
  LIMITS,
  put,
  Recorder,
  TTL_MS,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

/** Leases end by themselves, and only they end keys. */
export const LEASE_CASES: readonly DcsCase[] = [
  {
    name: "an expired lease takes its keys with it, and watches see it",
    run: async ({ connect, signal }) => {
      const [dcs, other] = [connect(), connect()];
      const recorder = new Recorder();
      other.watch(recorder, signal);
      await eventually(() => recorder.resets > 0, () => recorder);
      const leaseId = await dcs.grantLease(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "leader", { value: "n1", guard, leaseId });
      await guardedPut(dcs, "members/n1", { value: "{}", guard, leaseId });
      await put(dcs, "status", "stays");
      assert.equal(Object.keys(await contents(other)).length, 3);
      await eventually(
        () => recorder.valuesOf("leader").at(-1) === null,
        () => recorder,
      );
      await eventually(
        () => recorder.valuesOf("members/n1").at(-1) === null,
        () => recorder,
      );
      assert.deepEqual(await contents(other), { status: "stays" });
      assert.deepEqual(await contents(dcs), { status: "stays" });
    },
  },
  {
    name: "a renewed lease outlives its first time",
    run: async ({ connect }) => {
      const dcs = connect();
      const kept = await dcs.grantLease(TTL_MS, LIMITS);
      const left = await dcs.grantLease(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "kept", { value: "1", guard, leaseId: kept });
      await guardedPut(dcs, "left", { value: "1", guard, leaseId: left });
      await eventually(async () => {
        const answer = await dcs.renewLease(kept, LIMITS);
        assert.deepEqual(answer, { kind: "alive", leaseId: kept });
        return !("left" in await contents(dcs));
      }, () => "the lease that nobody renewed is still alive");
      assert.deepEqual(await contents(dcs), { kept: "1" });
    },
  },
  {
    name: "renewing a lease that is gone says so",
    run: async ({ connect }) => {
      const dcs = connect();
      const leaseId = await dcs.grantLease(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "leader", { value: "n1", guard, leaseId });
      await eventually(
        async () => !("leader" in await contents(dcs)),
        () => "the key is still there",
      );
      assert.deepEqual(await dcs.renewLease(leaseId, LIMITS), { kind: "gone" });
      await assert.rejects(
        guardedPut(dcs, "leader", { value: "n1", guard, leaseId }),
        (error: unknown) =>
          error instanceof LeaseGoneError &&
          error.message.includes("requested lease not found"),
      );
      assert.deepEqual(await contents(dcs), {});
    },
  },
  {
    name: "a key can be bound to a new lease, and forgets the old one",
    run: async ({ connect }) => {
      const dcs = connect();
      const old = await dcs.grantLease(TTL_MS, LIMITS);
      const fresh = await dcs.grantLease(600_000, LIMITS);
      const none = { kind: "none" } as const;
      const bind = { value: "n1", guard: none };
      await guardedPut(dcs, "leader", { ...bind, leaseId: old });
      await guardedPut(dcs, "canary", {
        value: "1",
        guard: none,
        leaseId: old,
      });
      const own = { kind: "value_is", value: "n1" } as const;
      await guardedPut(dcs, "leader", { ...bind, guard: own, leaseId: fresh });
      await guardedPut(dcs, "unbound", {
        value: "1",
        guard: none,
        leaseId: old,
      });
      await put(dcs, "unbound", "2");
      await eventually(
        async () => !("canary" in await contents(dcs)),
        () => "the old lease is still alive",
      );
      const { entries } = await dcs.readFresh(LIMITS);
      const bound = entries.map((e) => [e.key, e.value, e.leaseId]);
      assert.deepEqual(bound, [["leader", "n1", fresh], [
        "unbound",
        "2",
        null,
      ]]);
    },
  },
];
