/** Promises about sessions: they end by themselves, and only they end keys. */
import assert from "node:assert/strict";
import type { Dcs } from "../../lib/ports/dcs.ts";
import { SessionGoneError } from "../../lib/ports/errors.ts";
import {
  contents,
  eventually,
  guardedPut,
  LIMITS,
  needs,
  put,
  Recorder,
  revisionOf,
  TTL_MS,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

/** Sessions end by themselves, and only they end keys. */
export const SESSION_CASES: readonly DcsCase[] = [
  {
    name: "an expired session takes its keys with it, and watches see it",
    canRun: needs("several_held_keys"),
    run: async ({ connect, signal }) => {
      const [dcs, other] = [connect(), connect()];
      const recorder = new Recorder();
      other.watch(recorder, signal);
      await eventually(() => recorder.resets > 0, () => recorder);
      const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "leader", { value: "n1", guard, session });
      await guardedPut(dcs, "members/n1", { value: "{}", guard, session });
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
    name: "a renewed session outlives its first time",
    canRun: needs("several_held_keys"),
    run: async ({ connect }) => {
      const dcs = connect();
      const { id: kept } = await dcs.openSession(TTL_MS, LIMITS);
      const { id: left } = await dcs.openSession(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "kept", { value: "1", guard, session: kept });
      await guardedPut(dcs, "left", { value: "1", guard, session: left });
      await eventually(async () => {
        const answer = await dcs.renewSession(kept, LIMITS);
        assert.deepEqual(answer, "alive");
        return !("left" in await contents(dcs));
      }, () => "the session that nobody renewed is still alive");
      assert.deepEqual(await contents(dcs), { kept: "1" });
    },
  },
  {
    name: "renewing a session that is gone says so",
    run: async ({ connect }) => {
      const dcs = connect();
      const { id: session } = await dcs.openSession(TTL_MS, LIMITS);
      const guard = { kind: "none" } as const;
      await guardedPut(dcs, "leader", { value: "n1", guard, session });
      await eventually(
        async () => !("leader" in await contents(dcs)),
        () => "the key is still there",
      );
      assert.deepEqual(await dcs.renewSession(session, LIMITS), "gone");
      await assert.rejects(
        guardedPut(dcs, "leader", { value: "n1", guard, session }),
        (error: unknown) => error instanceof SessionGoneError,
      );
      assert.deepEqual(await contents(dcs), {});
    },
  },
  {
    name: "a key can be bound to a new session, and forgets the old one",
    canRun: needs("several_held_keys"),
    run: async ({ connect }) => {
      const dcs = connect();
      const { id: old } = await dcs.openSession(TTL_MS, LIMITS);
      const { id: fresh } = await dcs.openSession(600_000, LIMITS);
      const none = { kind: "none" } as const;
      const bind = { value: "n1", guard: none };
      await guardedPut(dcs, "leader", { ...bind, session: old });
      await guardedPut(dcs, "canary", {
        value: "1",
        guard: none,
        session: old,
      });
      const own = { kind: "value_is", value: "n1" } as const;
      await guardedPut(dcs, "leader", { ...bind, guard: own, session: fresh });
      await guardedPut(dcs, "unbound", {
        value: "1",
        guard: none,
        session: old,
      });
      await put(dcs, "unbound", "2");
      await eventually(
        async () => !("canary" in await contents(dcs)),
        () => "the old session is still alive",
      );
      const { entries } = await dcs.readFresh(LIMITS);
      const bound = entries.map((e) => [e.key, e.value, e.isHeld]);
      const expected = [["leader", "n1", true], ["unbound", "2", false]];
      assert.deepEqual(bound, expected);
    },
  },
  {
    name: "after a restart the new process binds its own key anew",
    canRun: needs("several_held_keys"),
    run: async ({ connect }) => {
      const [before, now] = [connect(), connect()];
      const { id: old } = await before.openSession(TTL_MS, LIMITS);
      const guard = { kind: "absent" } as const;
      await guardedPut(before, "leader", { value: "n1", guard, session: old });
      await guardedPut(before, "canary", { value: "1", guard, session: old });
      const { id: session } = await now.openSession(600_000, LIMITS);
      const isHeld = async (dcs: Dcs): Promise<boolean | undefined> =>
        (await dcs.readFresh(LIMITS)).entries
          .find(({ key }) => key === "leader")?.isHeld;
      assert.deepEqual([await isHeld(before), await isHeld(now)], [
        true,
        false,
      ]);
      const own = { kind: "value_is", value: "n1" } as const;
      revisionOf(
        await guardedPut(now, "leader", { value: "n1", guard: own, session }),
      );
      assert.deepEqual([await isHeld(before), await isHeld(now)], [
        false,
        true,
      ]);
      await eventually(
        async () => !("canary" in await contents(now)),
        () => "the old session is still alive",
      );
      assert.deepEqual(await contents(now), { leader: "n1" });
    },
  },
  {
    name: "a session is granted for as long as asked, or says for how long",
    run: async ({ connect }) => {
      const dcs = connect();
      const { ttlMinMs } = dcs.capabilities;
      assert.equal((await dcs.openSession(TTL_MS, LIMITS)).ttlMs, TTL_MS);
      const { ttlMs } = await dcs.openSession(ttlMinMs, LIMITS);
      assert.ok(ttlMs >= ttlMinMs);
    },
  },
];
