import assert from "node:assert/strict";
import { lawFor } from "./import_law.ts";
import { messagesOf } from "./run_rule.ts";

interface Case {
  readonly from: string;
  readonly to: string;
}

const ALLOWED: readonly Case[] = [
  { from: "lib/core/model/member.ts", to: "../base/units.ts" },
  { from: "lib/core/codec/member.ts", to: "../model/member.ts" },
  { from: "lib/core/calc/lag.ts", to: "../codec/member.ts" },
  { from: "lib/core/rules/leader.ts", to: "../calc/lag.ts" },
  { from: "lib/core/decide.ts", to: "./rules/leader.ts" },
  { from: "lib/core/model/member_test.ts", to: "node:assert/strict" },
  { from: "lib/core/model/member_test.ts", to: "../decide.ts" },
  { from: "lib/core/calc/lag_test.ts", to: "fast-check" },
  { from: "lib/ports/dcs.ts", to: "../core/model/member.ts" },
  { from: "lib/agent/loop.ts", to: "../ports/clock.ts" },
  { from: "lib/adapters/etcd/keys.ts", to: "etcd3" },
  { from: "lib/adapters/etcd/feed.ts", to: "../../dcs/listeners.ts" },
  { from: "lib/adapters/sqlite/dcs_sqlite.ts", to: "node:sqlite" },
  { from: "lib/adapters/postgres/session/sql.ts", to: "postgres" },
  { from: "lib/http/app.ts", to: "hono/cors" },
  { from: "lib/config/load.ts", to: "npm:yaml@2.9.1" },
  { from: "lib/cli/words.ts", to: "node:util" },
  { from: "proxy/hold.ts", to: "../lib/core/calc/host/routing.ts" },
  { from: "lib/compose/agent.ts", to: "../adapters/etcd/dcs_etcd.ts" },
  { from: "main.ts", to: "./lib/compose/agent.ts" },
  { from: "tests/e2e/lab_test.ts", to: "../../lib/agent/loop.ts" },
  { from: "scripts/rules.ts", to: "../lib/core/decide.ts" },
  { from: "scripts/configuration.ts", to: "../lib/config/key_reference.ts" },
];

const FORBIDDEN: readonly Case[] = [
  { from: "lib/core/base/units.ts", to: "../model/member.ts" },
  { from: "lib/core/model/member.ts", to: "../codec/member.ts" },
  { from: "lib/core/calc/lag.ts", to: "../rules/leader.ts" },
  { from: "lib/core/rules/leader.ts", to: "../decide.ts" },
  { from: "lib/core/calc/lag.ts", to: "../../ports/dcs.ts" },
  { from: "lib/core/calc/lag.ts", to: "node:assert/strict" },
  { from: "lib/ports/dcs.ts", to: "etcd3" },
  { from: "lib/dcs/listeners.ts", to: "../adapters/etcd/feed.ts" },
  { from: "lib/ports/dcs.ts", to: "../adapters/etcd/dcs_etcd.ts" },
  { from: "lib/agent/loop.ts", to: "../adapters/etcd/dcs_etcd.ts" },
  { from: "lib/agent/loop.ts", to: "node:timers" },
  { from: "lib/adapters/etcd/keys.ts", to: "../sqlite/dcs_sqlite.ts" },
  { from: "lib/adapters/sqlite/dcs_sqlite.ts", to: "etcd3" },
  { from: "lib/adapters/os/clock.ts", to: "postgres" },
  { from: "lib/http/app.ts", to: "../agent/loop.ts" },
  { from: "lib/config/load.ts", to: "../ports/dcs.ts" },
  { from: "lib/cli/args.ts", to: "../agent/loop.ts" },
  { from: "proxy/hold.ts", to: "../lib/agent/loop.ts" },
  { from: "proxy/hold.ts", to: "hono" },
  { from: "main.ts", to: "./lib/agent/loop.ts" },
  { from: "lib/agent/loop.ts", to: "../../tests/sim/world.ts" },
  { from: "lib/agent/loop_test.ts", to: "../../tests/sim/world.ts" },
  { from: "scripts/compile.ts", to: "../lib/core/decide.ts" },
];

Deno.test("import-law allows what stands below", () => {
  for (const { from, to } of ALLOWED) {
    const found = messagesOf("import-law", from, `import { x } from "${to}";`);
    assert.deepEqual(found, [], `${from} -> ${to}`);
  }
});

Deno.test("import-law reports what does not", () => {
  for (const { from, to } of FORBIDDEN) {
    const found = messagesOf("import-law", from, `import { x } from "${to}";`);
    assert.equal(found.length, 1, `${from} -> ${to}`);
  }
});

Deno.test("import-law sees every form of import", () => {
  const forms = [
    `import "../decide.ts";`,
    `import type { A } from "../decide.ts";`,
    `export * from "../decide.ts";`,
    `export { a } from "../decide.ts";`,
    `const a = await import("../decide.ts");`,
    `type A = import("../decide.ts").A;`,
  ];
  for (const form of forms) {
    const found = messagesOf("import-law", "lib/core/calc/lag.ts", form);
    assert.equal(found.length, 1, form);
  }
});

Deno.test("import-law says what is allowed instead", () => {
  const [message] = messagesOf(
    "import-law",
    "lib/agent/loop.ts",
    `import { x } from "../adapters/etcd/dcs_etcd.ts";`,
  );
  assert.equal(
    message,
    "lib/agent may not import lib/adapters/etcd/dcs_etcd.ts. " +
      "It may import: lib/core, lib/ports, lib/agent",
  );
});

Deno.test("lawFor() takes the absolute path of this checkout too", () => {
  const path = new URL("../../lib/agent/loop.ts", import.meta.url).pathname;
  const found = messagesOf("import-law", path, `import { x } from "etcd3";`);
  assert.equal(found.length, 1);
  assert.equal(lawFor("README.md"), null);
});
