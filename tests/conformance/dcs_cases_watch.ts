/** Promises about watches: in order, complete, and honest about gaps. */
import assert from "node:assert/strict";
import {
  contents,
  eventually,
  guardedDelete,
  LIMITS,
  put,
  Recorder,
} from "./dcs_fixture.ts";
import type { DcsCase } from "./dcs_suite.ts";

/** Watches are in order, complete, and honest about gaps. */
export const WATCH_CASES: readonly DcsCase[] = [
  {
    name: "a watch that stands says so once, then tells every change in order",
    run: async ({ connect, connectNeighbour, signal }) => {
      const [writer, watcher] = [connect(), connect()];
      const recorder = new Recorder();
      watcher.watch(recorder, signal);
      await eventually(() => recorder.resets > 0, () => recorder);
      const neighbour = connectNeighbour();
      for (let i = 0; i < 10; i++) {
        await put(writer, "status", String(i));
        await put(neighbour, "status", "foreign");
        await put(watcher, "own", String(i));
      }
      await guardedDelete(writer, "status", { kind: "none" });
      await put(writer, "last", "1");
      await eventually(
        () => recorder.valuesOf("last").length > 0,
        () => recorder,
      );
      const digits = "0123456789".split("");
      assert.deepEqual(recorder.valuesOf("status"), [...digits, null]);
      assert.deepEqual(recorder.valuesOf("own"), digits);
      const revisions = recorder.changes.map((c) => c.revision);
      assert.deepEqual(revisions, revisions.toSorted((a, b) => a < b ? -1 : 1));
      assert.equal(recorder.resets, 1);
    },
  },
  {
    name: "reads from the cache follow other processes' changes",
    run: async ({ connect }) => {
      const [writer, reader] = [connect(), connect()];
      await reader.read(LIMITS);
      await put(writer, "config", "1");
      await eventually(
        async () => (await contents(reader, "read"))["config"] === "1",
        () => "the cache does not show the put",
      );
      await guardedDelete(writer, "config", { kind: "none" });
      await eventually(
        async () => !("config" in await contents(reader, "read")),
        () => "the cache does not show the delete",
      );
    },
  },
  {
    name: "an aborted watch is silent, its neighbours are not",
    run: async ({ connect, signal }) => {
      const dcs = connect();
      const [ended, kept] = [new Recorder(), new Recorder()];
      const ending = new AbortController();
      dcs.watch(ended, ending.signal);
      dcs.watch(kept, signal);
      await eventually(() => kept.resets > 0 && ended.resets > 0, () => kept);
      ending.abort();
      await put(dcs, "a", "1");
      await eventually(() => kept.changes.length === 1, () => kept);
      assert.deepEqual(ended.changes, []);
    },
  },
  {
    name: "no change is lost across a broken connection",
    canRun: ({ cutConnections }) => cutConnections !== null,
    run: async ({ fixture, connect, signal }) => {
      assert.ok(fixture.cutConnections !== null);
      const watcher = connect();
      const recorder = new Recorder();
      const known = new Map<string, string | null>();
      watcher.watch({
        onChange: (change) => {
          recorder.onChange(change);
          known.set(change.key, change.value);
        },
        onReset: () => recorder.onReset(),
      }, signal);
      await eventually(() => recorder.resets > 0, () => recorder);
      const writer = connect();
      await put(writer, "before", "1");
      await eventually(() => known.has("before"), () => recorder);
      const resets = recorder.resets;
      await fixture.cutConnections();
      await put(writer, "during", "1");
      const isSeen = () => known.has("during") || recorder.resets > resets;
      await eventually(isSeen, () => recorder);
      assert.equal((await contents(watcher, "read"))["during"], "1");
      await put(writer, "after", "1");
      await eventually(() => known.has("after"), () => recorder);
    },
  },
];
