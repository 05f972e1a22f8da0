/** `config explain`: which layer wins, what it hides, and what is ignored. */
import assert from "node:assert/strict";
import { member, runIn, type World } from "../fake_context_test.ts";

const STORE = "scope: demo\netcd3: {host: h}\n";

async function explain(
  key: string,
  files: Readonly<Record<string, string>>,
  over: World = {},
): Promise<readonly string[]> {
  const { out, err } = await runIn({
    programName: "matriarch",
    files,
    environment: { PATRONICTL_CONFIG_FILE: "/c" },
    ...over,
  }, ["config", "explain", key]);
  assert.equal(err, "");
  return out.split("\n").filter((line) =>
    line !== "" && !/^ {2}(?:meaning|applies):/.test(line)
  );
}

Deno.test("a default is in force until something else is", async () => {
  assert.deepEqual(await explain("restapi.verify_client", { "/c": STORE }), [
    "restapi.verify_client = none",
    "  from: the built-in default",
  ]);
});

Deno.test("later files and variables win, and say what they hide", async () => {
  const lines = await explain("log.level", {
    "/c/1.yml": `${STORE}log: {level: DEBUG}`,
    "/c/2.yml": "log: {level: ERROR}",
  }, {
    environment: {
      PATRONICTL_CONFIG_FILE: "/c",
      PATRONI_LOG_LEVEL: "WARNING",
    },
  });
  assert.deepEqual(lines, [
    "log.level = WARNING",
    "  from: environment variable PATRONI_LOG_LEVEL",
    "  overrides: ERROR in /c/2.yml",
    "  overrides: DEBUG in /c/1.yml",
    "  overrides: the default INFO",
  ]);
});

Deno.test("dynamic keys ignore local values and bootstrap.dcs", async () => {
  const lines = await explain("ttl", {
    "/c": `${STORE}ttl: 50\nbootstrap: {dcs: {ttl: 60}}`,
  }, { keys: { config: '{"ttl":40}' } });
  assert.deepEqual(lines, [
    "ttl = 40",
    "  from: the dynamic configuration",
    "  overrides: the default 30",
    "  ignored: 50 in /c: only the dynamic configuration may set it",
    "  ignored: 60 in /c: bootstrap.dcs counts only while the cluster is created",
  ]);
});

Deno.test("parameters: local over dynamic, except those that members share", async () => {
  const files = {
    "/c":
      `${STORE}postgresql: {parameters: {WORK_MEM: 8MB, max_connections: 9}}`,
  };
  const parameters = { work_mem: "4MB", max_connections: 200 };
  const keys = {
    config: JSON.stringify({ postgresql: { parameters } }),
    "members/n2": member({
      host: "h",
      pending_restart: true,
      pending_restart_reason: {
        max_connections: { old_value: "100", new_value: "200" },
      },
    }),
  };
  assert.deepEqual(
    await explain("postgresql.parameters.work_mem", files, { keys }),
    [
      "postgresql.parameters.work_mem = 8MB",
      "  from: /c",
      "  overrides: 4MB in the dynamic configuration",
    ],
  );
  assert.deepEqual(await explain("max_connections", files, { keys }), [
    "postgresql.parameters.max_connections = 200",
    "  from: the dynamic configuration",
    "  overrides: the default 100",
    "  ignored: 9 in /c: only the dynamic configuration may set it",
    "  pending restart: n2, 100 -> 200",
  ]);
});

Deno.test("local keys need no store, secrets stay hidden", async () => {
  const key = "restapi.authentication.password";
  const files = {
    "/c": `${STORE}restapi: {authentication: {username: u, password: s3cret}}`,
  };
  assert.deepEqual(await explain(key, files, { keys: null }), [
    `${key} = ***`,
    "  from: /c",
  ]);
  const lines = await explain("ttl", files, { keys: null });
  assert.match(
    lines.join("\n"),
    /unknown: .* cannot be read: Cannot reach etcd/,
  );
});

Deno.test("an unknown key gets the nearest one", async () => {
  const world = { programName: "matriarch" };
  const near = await runIn(world, ["config", "explain", "restapi.lisen"]);
  assert.equal(
    near.err,
    "Error: The key restapi.lisen is not known, did you mean restapi.listen?\n",
  );
  const other = await runIn(world, ["config", "show", "ttl"]);
  assert.match(other.err, /Error: No such action 'show'\.\n$/);
  assert.equal(other.code, 2);
});
