/** How often the store's nodes are looked at, however many people look. */
import assert from "node:assert/strict";
import { ManualClock } from "../../tests/helpers/manual_clock.ts";
import type { DcsNode } from "../ports/dcs.ts";
import { StoreNodes } from "./store_nodes.ts";

const NODE: DcsNode = { address: "a:1", answerMs: 1, isLeader: true };

Deno.test("store nodes: one look for all who look within some seconds", async () => {
  const clock = new ManualClock();
  let looks = 0;
  const nodes = new StoreNodes({
    nodes: () => Promise.resolve([{ ...NODE, answerMs: ++looks }]),
  }, clock);
  const [one, other] = await Promise.all([nodes.now(), nodes.now()]);
  assert.deepEqual([one, other], [[NODE], [NODE]]);
  await clock.advance(3_999);
  assert.deepEqual(await nodes.now(), [NODE]);
  await clock.advance(1);
  assert.equal((await nodes.now())[0]?.answerMs, 2);
});

Deno.test("store nodes: a store without any, and a look that fails", async () => {
  const clock = new ManualClock();
  assert.deepEqual(await new StoreNodes({}, clock).now(), []);
  const failing = { nodes: () => Promise.reject(new Error("no")) };
  assert.deepEqual(await new StoreNodes(failing, clock).now(), []);
});
