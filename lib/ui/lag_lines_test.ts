import assert from "node:assert/strict";
import { moment } from "../core/base/units.ts";
import { LAG_EVERY_MS, LAG_SAMPLES_MAX, LagLines } from "./lag_lines.ts";

Deno.test("lag lines: a sample holds until the next one, however far that is", () => {
  const lag = new LagLines();
  assert.deepEqual(lag.lines(moment(0)), {});
  lag.note({ n2: 8 }, moment(1_000));
  lag.note({ n2: 16, n3: 0 }, moment(11_000));
  assert.deepEqual(lag.lines(moment(21_500)), {
    n2: [8, 8, 16, 16, 16],
    n3: [null, null, 0, 0, 0],
  });
});

Deno.test("lag lines: ten minutes are kept, also of a sample each ten seconds", () => {
  const lag = new LagLines();
  for (let at = 0; at <= 1_200_000; at += 10_000) {
    lag.note({ n2: at }, moment(at));
  }
  const { n2 = [] } = lag.lines(moment(1_200_000));
  assert.equal(n2.length, LAG_SAMPLES_MAX);
  assert.equal(n2.at(-1), 1_200_000);
  const span = (LAG_SAMPLES_MAX - 1) * LAG_EVERY_MS;
  assert.equal(n2[0], 10_000 * Math.floor((1_200_000 - span) / 10_000));
});
