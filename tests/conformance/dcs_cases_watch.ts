/** Promises about watches: current, complete, and honest about gaps. */
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

/** Watches are current, complete, and honest about gaps. */
export const WATCH_CASES: readonly DcsCase[] = [
  {
    name: "a watch that stands says so once, then tells what each key became",
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
        () =>
          recorder.valuesOf("last").length > 0 &&
          recorder.valuesOf("status").at(-1) === null &&
          recorder.valuesOf("own").at(-1) === "9",
        () => recorder,
      );
      for (const key of ["status", "own"]) {
        const told = recorder.valuesOf(key).filter((v) => v !== null);
        assert.deepEqual(told, told.toSorted(), `${key}: never back in time`);
      }
      assert.ok(!recorder.changes.some(({ value }) => value === "foreign"));
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
  {
    name: "reads and changes of one client never go back in time",
    run: async ({ connect, signal }) => {
      const [writer, reader] = [connect(), connect()];
      let known = -1;
      let changes = 0;
      let isOver = false;
      const problems: string[] = [];
      reader.watch({
        onChange: ({ key, value }) => {
          if (key !== "leader") return;
          changes += 1;
          const at = Number(value);
          if (at < known) problems.push(`told ${at} after ${known} was known`);
          known = at;
        },
        onReset: () => {},
      }, signal);
      const reading = (async () => {
        for (let i = 0; !isOver; i++) {
          const told = changes;
          const before = known;
          const from = i % 2 === 0 ? "read" : "readFresh";
          const at = Number((await contents(reader, from))["leader"] ?? -1);
          if (at < before) problems.push(`${from} ${at} after ${before}`);
          // As whoever applies changes to its view must do.
          if (told === changes) known = Math.max(known, at);
          // A store in memory answers without ever leaving the turn.
          await new Promise((resolve) => setTimeout(resolve));
        }
      })();
      for (let i = 0; i < 100; i++) await put(writer, "leader", String(i));
      await eventually(() => known === 99, () => ({ known, problems }));
      isOver = true;
      await reading;
      assert.deepEqual(problems, []);
    },
  },
];
