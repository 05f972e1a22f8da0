import assert from "node:assert/strict";
import { messagesOf } from "./run_rule.ts";

const CORE = "lib/core/calc/lag.ts";

Deno.test("core-purity reports runtime, time, chance and waiting", () => {
  const sources = [
    `const a = Deno.env.get("A");`,
    `const a = Date.now();`,
    `const a = new Date();`,
    `const a = performance.now();`,
    `const a = Math.random();`,
    `setTimeout(f, 1);`,
    `setInterval(f, 1);`,
    `console.log("a");`,
    `const a = crypto.randomUUID();`,
    `const a = globalThis.Deno;`,
    `function f(a: Promise<number>): void {}`,
    `async function f(): Wait {}`,
    `const o = { f: async () => 1 };`,
    `class A { async f() {} }`,
    `await a;`,
  ];
  for (const source of sources) {
    assert.notEqual(
      messagesOf("core-purity", CORE, source).length,
      0,
      source,
    );
    assert.deepEqual(
      messagesOf("core-purity", "lib/adapters/os/clock.ts", source),
      [],
      source,
    );
  }
});

Deno.test("core-purity lets pass what only has the same name", () => {
  const sources = [
    `const a = view.Date;`,
    `const a = { console: 1, process: 2 };`,
    `interface A { readonly process: string; crypto(): void }`,
    `const a = Math.max(1, 2);`,
    `const a = value instanceof Date;`,
  ];
  for (const source of sources) {
    assert.deepEqual(messagesOf("core-purity", CORE, source), [], source);
  }
});

Deno.test("core-purity leaves the core's tests alone", () => {
  const source = `const a = Date.now();`;
  assert.deepEqual(
    messagesOf("core-purity", "lib/core/calc/lag_test.ts", source),
    [],
  );
});

Deno.test("agent-clock reports real time in the agent only", () => {
  const sources = [
    `setTimeout(f, 1);`,
    `setInterval(f, 1);`,
    `const a = Date.now();`,
    `const a = performance.now();`,
    `const a = AbortSignal.timeout(1);`,
  ];
  for (const source of sources) {
    const inAgent = messagesOf("agent-clock", "lib/agent/loop.ts", source);
    assert.equal(inAgent.length, 1, source);
    const outside = messagesOf("agent-clock", "lib/http/app.ts", source);
    assert.deepEqual(outside, [], source);
  }
  assert.deepEqual(
    messagesOf("agent-clock", "lib/agent/loop.ts", `clock.setTimeout(f);`),
    [],
  );
});

Deno.test("bounded-timers reports timers of any length, in the product", () => {
  const rule = "bounded-timers";
  const wrong = [
    `setTimeout(f, ms);`,
    `setTimeout(f, 2 * DAY_MS);`,
    `setInterval(f, options.pauseMs);`,
    `const a = AbortSignal.timeout(limitMs);`,
    `globalThis.x = setTimeout(() => g(), Math.min(ms, 10));`,
  ];
  for (const source of wrong) {
    const found = messagesOf(rule, "lib/http/server.ts", source);
    assert.equal(found.length, 1, source);
    assert.deepEqual(messagesOf(rule, "tests/e2e/a_test.ts", source), []);
  }
  const right = [
    `setTimeout(f);`,
    `setTimeout(f, 1000);`,
    `setTimeout(f, LINGER_MS);`,
    `setTimeout(f, timerMs(options.pauseMs));`,
    `const a = AbortSignal.timeout(timerMs(limitMs));`,
    `watchdog.setTimeout(wantedS);`,
    `const later = setTimeout;`,
  ];
  for (const source of right) {
    assert.deepEqual(messagesOf(rule, "lib/http/server.ts", source), []);
  }
});
