import assert from "node:assert/strict";
import { DEMO_KEYS, runIn } from "../fake_context_test.ts";

Deno.test("show-config prints sorted YAML and an empty line", async () => {
  const { out, code } = await runIn({ keys: DEMO_KEYS }, ["show-config"]);
  assert.equal(
    out,
    `\
postgresql:
  parameters:
    max_connections: '100'
    shared_buffers: 128MB
synchronous_mode: true
ttl: 30

`,
  );
  assert.equal(code, 0);
});

Deno.test("show-config prints nothing without a config key", async () => {
  const { out, code } = await runIn({}, ["show-config"]);
  assert.deepEqual([out, code], ["", 0]);
});

Deno.test("version without a cluster needs no DCS", async () => {
  const { out, code } = await runIn({ keys: null }, ["version"]);
  assert.deepEqual([out, code], ["patronictl version 4.1.4\n", 0]);
});

Deno.test("version asks each member that has an address", async () => {
  const { out, requests } = await runIn({
    keys: DEMO_KEYS,
    files: {
      "/c":
        "{scope: demo, etcd3: {host: h}, restapi: {authentication: {username: ü, password: p}}}",
    },
    reply: ({ url }) => {
      if (url.includes("10.0.0.1")) {
        return {
          status: 503,
          body: '{"server_version":160004,"patroni":{"version":"4.1.4"}}',
        };
      }
      if (url.includes("10.0.0.2")) {
        return {
          status: 200,
          body: '{"server_version":90624,"patroni":{"version":"4.0.1"}}',
        };
      }
      throw new Error("refused");
    },
  }, ["-c", "/c", "version", "demo"]);
  assert.equal(
    out,
    `\
patronictl version 4.1.4

n1: Patroni 4.1.4 PostgreSQL 16.4
n2: Patroni 4.0.1 PostgreSQL 9.6.24
n3: failed to get version: refused
`,
  );
  assert.equal(requests[0]?.url, "http://10.0.0.1:8008/patroni");
  // A look needs no password, so nobody gets it.
  assert.equal(requests[0]?.headers["authorization"], undefined);
});

Deno.test("version asks only the members that were named", async () => {
  const { out } = await runIn({
    keys: DEMO_KEYS,
    reply: () => ({ status: 200, body: '{"patroni":{"version":"4.1.4"}}' }),
  }, ["version", "demo", "n2", "n9"]);
  assert.equal(out, "patronictl version 4.1.4\n\nn2: Patroni 4.1.4\n");
});

Deno.test("version needs no configuration either", async () => {
  const environment = { PATRONICTL_CONFIG_FILE: "" };
  const { out, code } = await runIn({ environment }, ["version"]);
  assert.deepEqual([out, code], ["patronictl version 4.1.4\n", 0]);
});

Deno.test("under our own name the version is our own, too", async () => {
  const { out } = await runIn({ programName: "matriarch" }, ["version"]);
  assert.equal(out, "matriarch version 0.1.0 (Patroni 4.1.4)\n");
});

Deno.test("configure asks three questions and writes what this program reads", async () => {
  const { out, written, code } = await runIn({
    programName: "matriarch",
    input: ["", "etcd3://h:1", ""],
    environment: { HOME: "/home/joe" },
  }, ["configure"]);
  const path = "/home/joe/.config/patroni/patronictl.yaml";
  assert.equal(
    out,
    `Configuration file [${path}]: The DCS connect url ` +
      "[etcd3://localhost:2379]: The namespace [/service/]: " +
      `${path} was written\n`,
  );
  assert.deepEqual(written, [
    [path, "etcd3:\n  host: h:1\nnamespace: /service/\n\n"],
  ]);
  assert.equal(code, 0);
});

Deno.test("scaffold writes the first key once", async () => {
  const argv = ["scaffold", "demo", "--sysid", "12"];
  const first = await runIn({ programName: "matriarch" }, argv);
  assert.equal(first.out, "Cluster demo has been created successfully\n");
  assert.deepEqual(first.keys, { initialize: "12" });
  const world = { keys: DEMO_KEYS, programName: "matriarch" };
  const again = await runIn(world, argv);
  assert.equal(again.err, "Error: This cluster is already initialized\n");
  assert.deepEqual(again.keys, DEMO_KEYS);
});
