import assert from "node:assert/strict";
import { loadConfig } from "../config/load.ts";
import { containerConfig } from "./config_text.ts";
import { readIdentity } from "./variables.ts";

const SECRETS = {
  ...{
    superuserPassword: "a: 'b",
    replicationPassword: "123",
    restPassword: "on",
  },
  ...{ caCert: "", caKey: "" },
};

async function loaded(
  name: string,
  env: Readonly<Record<string, string>> = {},
) {
  const identity = readIdentity({ MATRIARCH_PEERS: "db1,db2,db3" }, name);
  const text = containerConfig(identity, SECRETS);
  return await loadConfig({
    ...{ path: "/c.yml", env },
    reader: {
      kind: () => Promise.resolve("file"),
      list: () => Promise.resolve([]),
      read: () => Promise.resolve(text),
    },
  });
}

Deno.test("container: its configuration can be used as it is", async () => {
  const { config, warnings } = await loaded("db2");
  assert.deepEqual(warnings, []);
  assert.deepEqual([config.scope, config.name], ["main", "db2"]);
  const { superuser, replication } = config.postgresql.authentication;
  assert.equal(superuser.password, "a: 'b");
  assert.equal(replication.password, "123");
  assert.ok(config.dcs.kind === "etcd3" && config.dcs.managed !== null);
  const { managed, endpoints } = config.dcs;
  assert.equal(managed.name, "db2");
  assert.equal(managed.peerUrl, "https://db2:2380");
  assert.equal(managed.clientListenUrl, "https://0.0.0.0:2379");
  for (const name of ["db1", "db3"]) {
    assert.ok(endpoints.includes(`https://${name}:2379`), name);
  }
});

Deno.test("container: an added one knows all founders, one alone knows none", async () => {
  const { config: { dcs } } = await loaded("db4");
  assert.ok(dcs.kind === "etcd3");
  for (const name of ["db1", "db2", "db3"]) {
    assert.ok(dcs.endpoints.includes(`https://${name}:2379`), name);
  }
  const identity = readIdentity({ MATRIARCH_PEERS: "db1" }, "db1");
  assert.doesNotMatch(containerConfig(identity, SECRETS), /^ {2}hosts:/m);
});

Deno.test("container: variables of the agent count as everywhere", async () => {
  const { config } = await loaded("db1", { PATRONI_LOG_LEVEL: "DEBUG" });
  assert.equal(config.log.level, "DEBUG");
});
