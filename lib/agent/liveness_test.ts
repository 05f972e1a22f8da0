import assert from "node:assert/strict";
import { KeptLog } from "../../tests/helpers/tcp.ts";
import { Liveness } from "./liveness.ts";

function liveness(patienceMs: number | null) {
  const log = new KeptLog();
  const watch = { patienceMs, alive: () => {} };
  return { log, liveness: new Liveness(watch, log) };
}

Deno.test("liveness: three words fit into the patience; nobody, no words", () => {
  assert.equal(liveness(15_000).liveness.restMsMax, 5_000);
  assert.equal(liveness(null).liveness.restMsMax, Infinity);
});

Deno.test("liveness: an impatient service manager is told once per change", () => {
  const { log, liveness: one } = liveness(10_000);
  one.judge({ retryTimeoutMs: 10_000 });
  one.judge({ retryTimeoutMs: 10_000 });
  one.judge({ retryTimeoutMs: 5_000 });
  one.judge({ retryTimeoutMs: 6_000 });
  assert.equal(log.lines.length, 2, log.lines.join("\n"));
  assert.match(log.lines[0] ?? "", /WatchdogSec is 10 s, .* may take 15 s/);
  assert.match(log.lines[1] ?? "", /retry_timeout 6 s .* may take 11 s/);
});

Deno.test("liveness: nothing is said when nobody watches, or patiently", () => {
  for (const patience of [null, 15_000]) {
    const { log, liveness: one } = liveness(patience);
    one.judge({ retryTimeoutMs: 10_000 });
    assert.deepEqual(log.lines, []);
  }
});
