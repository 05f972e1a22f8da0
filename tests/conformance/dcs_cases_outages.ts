/** Promises about a store that does not answer: an error in time, then recovery. */
import assert from "node:assert/strict";
import { DcsUnreachableError } from "../../lib/ports/errors.ts";
import {
  contents,
  eventually,
  LIMITS,
  put,
  Recorder,
  SHORT_LIMITS,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

function inTime(call: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const guard = new Promise<never>((_, reject) => {
    const limitMs = SHORT_LIMITS.timeoutMs + 5000;
    timer = setTimeout(() => reject(new Error("the call hangs")), limitMs);
  });
  const ended = Promise.race([call, guard]).finally(() => clearTimeout(timer));
  return assert.rejects(ended, DcsUnreachableError);
}

/** A store that does not answer gives an error in time, then recovers. */
export const OUTAGE_CASES: readonly DcsCase[] = [
  {
    name: "a frozen store fails every call in time, and recovers",
    run: async ({ fixture, connect, signal }) => {
      const dcs = connect();
      const recorder = new Recorder();
      dcs.watch(recorder, signal);
      // What was written before the watch stands need not be told.
      await eventually(() => recorder.resets > 0, () => recorder);
      const { id: session } = await dcs.openSession(600_000, LIMITS);
      await put(dcs, "before", "1");
      await eventually(() => recorder.changes.length > 0, () => recorder);
      await fixture.freeze();
      try {
        const edits = [{ kind: "delete", key: "during" }] as const;
        const write = { when: [], edits };
        await inTime(dcs.write(write, SHORT_LIMITS));
        await inTime(dcs.renewSession(session, SHORT_LIMITS));
        await inTime(dcs.openSession(60_000, SHORT_LIMITS));
        if (!fixture.isReadableWhenFrozen) {
          await inTime(dcs.readFresh(SHORT_LIMITS));
          await inTime(connect().read(SHORT_LIMITS));
        }
      } finally {
        await fixture.thaw();
      }
      assert.deepEqual(await dcs.renewSession(session, LIMITS), "alive");
      await put(dcs, "after", "1");
      const seen = await contents(dcs, "read");
      assert.deepEqual(seen, { after: "1", before: "1" });
      const other = connect();
      const resets = recorder.resets;
      await put(other, "last", "1");
      await eventually(
        () => recorder.valuesOf("last").length > 0 || recorder.resets > resets,
        () => recorder,
      );
    },
  },
  {
    name: "a closed client fails and does not hang",
    run: async ({ connect }) => {
      const dcs = connect();
      await put(dcs, "a", "1");
      await dcs.close();
      await inTime(dcs.readFresh(SHORT_LIMITS));
    },
  },
];
