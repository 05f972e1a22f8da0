import assert from "node:assert/strict";
import { checkpointBeforeDrain } from "./stops.ts";

const { signal } = new AbortController();

function parts(checkpoint: () => Promise<void>) {
  const said: string[] = [];
  return {
    said,
    postgres: { server: { checkpoint } },
    proxy: {},
    log: { warning: (text: string) => said.push(text) },
  };
}

Deno.test("a drain waits for the checkpoint, whatever comes of it", async () => {
  const calls: string[] = [];
  const works = parts(() => {
    calls.push("checkpoint");
    return Promise.resolve();
  });
  await checkpointBeforeDrain(works, signal);
  assert.deepEqual([calls, works.said], [["checkpoint"], []]);
  const fails = parts(() => Promise.reject(new Error("no answer")));
  await checkpointBeforeDrain(fails, signal);
  assert.deepEqual(fails.said, ["CHECKPOINT before a stop: Error: no answer"]);
});

Deno.test("without a proxy the stop itself checkpoints first", async () => {
  const idle = parts(() => Promise.reject(new Error("not expected")));
  await checkpointBeforeDrain({ ...idle, proxy: null }, signal);
  assert.deepEqual(idle.said, []);
});
