import assert from "node:assert/strict";
import { BulkFlows } from "./bulk_flows.ts";
import { Timers } from "./timers.ts";

/** Flows over a kernel and a clock that a test moves. */
function rig() {
  const marks: string[] = [];
  const due: (() => void)[] = [];
  const timers = new Timers();
  const flows = new BulkFlows({
    setsockopt: (...[fd, , , value]) => {
      assert.ok(value instanceof Int32Array);
      marks.push(`${fd}: ${value[0]}`);
      return 0;
    },
  }, {
    after: (ms, action) => {
      due.push(action);
      return timers.add(ms, action);
    },
  });
  const tick = (): void => due.shift()?.();
  return { flows, marks, due, tick };
}

Deno.test("bulk flows: every pulse asks every flow, until none is left", () => {
  const { flows, due, tick } = rig();
  const asked: number[] = [];
  const one = { fd: 1, pulse: () => void asked.push(1) };
  const two = { fd: 2, pulse: () => void asked.push(2) };
  flows.add(one);
  flows.add(two);
  tick();
  flows.remove(one);
  tick();
  flows.remove(two);
  tick();
  assert.deepEqual(asked, [1, 2, 2]);
  assert.equal(due.length, 0);
  flows.add(one);
  assert.equal(due.length, 1);
});

Deno.test("bulk flows: there is one pulse, also if a flow comes before the last one's", () => {
  const { flows, due } = rig();
  const flow = { fd: 7, pulse: () => {} };
  flows.add(flow);
  flows.remove(flow);
  flows.add(flow);
  assert.equal(due.length, 1);
});

Deno.test("bulk flows: a flow that ends within its own pulse leaves no timer", () => {
  const { flows, marks, due, tick } = rig();
  const flow = { fd: 7, pulse: () => flows.remove(flow) };
  flows.add(flow);
  tick();
  flows.remove(flow);
  assert.equal(due.length, 0);
  assert.deepEqual(marks, ["7: 131072", "7: 1"]);
});
