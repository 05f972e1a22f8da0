/**
 * Three members start at the same moment with empty directories: exactly one
 * initializes, the others clone it, and the store holds Patroni's keys.
 */
import assert from "node:assert/strict";
import postgres from "postgres";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { type AgentMember, PASSWORDS } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

async function race(
  t: Deno.TestContext,
  dcs: "sqlite" | "etcd",
): Promise<void> {
  await using cluster = await AgentCluster.create({
    dcs,
    // Missing folders are made, as PostgreSQL's programs would do it.
    change: (config, { directory }) => ({
      ...config,
      postgresql: {
        ...sectionOf(config, "postgresql"),
        data_dir: `${directory}/postgresql/15/main`,
      },
    }),
  });
  for (const member of cluster.members) member.start();
  const leader = await cluster.untilWhole(90_000);
  const replicas = cluster.others(leader.name);
  const [{ system_identifier: systemId } = {}] = await leader.sql(
    "SELECT system_identifier::text FROM pg_control_system()",
  );

  await step(t, "exactly one member initialized", async () => {
    const winners = cluster.members.filter((member) =>
      member.log().includes("reason=no_cluster_yet") &&
      member.log().includes("bootstrap in progress")
    );
    assert.deepEqual(winners.map(({ name }) => name), [leader.name]);
    assert.equal((await cluster.keys())["initialize"], systemId);
  });
  await step(t, "users have their passwords and rights", async () => {
    const roles = await leader.sql(
      "SELECT rolname, rolsuper, rolreplication FROM pg_roles " +
        "WHERE rolname !~ '^pg_' ORDER BY 1",
    );
    assert.deepEqual(roles.map(({ ...row }) => row), [
      { rolname: "postgres", rolsuper: true, rolreplication: true },
      { rolname: "replicator", rolsuper: false, rolreplication: true },
      { rolname: "rewinder", rolsuper: false, rolreplication: false },
    ]);
    for (const [username, password] of Object.entries(PASSWORDS)) {
      await logIn(leader, username, password);
      await assert.rejects(logIn(leader, username, `${password}x`), /password/);
    }
  });
  await step(t, "replicas stream through slots of their names", async () => {
    const names = replicas.map(({ name }) => name).sort();
    const slots = await leader.sql(
      "SELECT slot_name, slot_type, active FROM pg_replication_slots " +
        "ORDER BY 1",
    );
    assert.deepEqual(
      slots.map(({ ...row }) => row),
      names.map((name) => ({
        slot_name: name,
        slot_type: "physical",
        active: true,
      })),
    );
    await leader.sql("CREATE TABLE t AS SELECT 1 AS id");
    for (const replica of replicas) {
      await cluster.until(
        `${replica.name} has the row`,
        async () => (await replica.sql("SELECT id FROM t"))[0]?.["id"] === 1,
      );
    }
  });
  await step(t, "the store's keys have Patroni's form", async () => {
    await cluster.until("every slot is published", async () => {
      const { slots } = await cluster.key("status") as { slots?: object };
      return Object.keys(slots ?? {}).sort().join() === "n1,n2,n3";
    });
    const keys = await cluster.keys();
    assert.deepEqual(Object.keys(keys).filter((key) => key !== "history"), [
      "config",
      "initialize",
      "leader",
      "members/n1",
      "members/n2",
      "members/n3",
      "status",
    ]);
    assert.equal(keys["leader"], leader.name);
    assert.equal(keys["history"] ?? "[]", "[]");
    assert.deepEqual(await cluster.key("config"), {
      ttl: 20,
      loop_wait: 1,
      retry_timeout: 3,
      maximum_lag_on_failover: 1_048_576,
      postgresql: {
        use_pg_rewind: true,
        parameters: { max_connections: 30, wal_keep_size: "64MB" },
      },
    });
    for (const member of cluster.members) {
      const value = keys[`members/${member.name}`] ?? "";
      assert.match(value, memberForm(member, member === leader));
    }
  });
}

/** The member key's text as Patroni writes it: order of fields included. */
function memberForm(member: AgentMember, isLeader: boolean): RegExp {
  const { postgresPort, restPort } = member.place;
  const head = `{"conn_url":"postgres://127.0.0.1:${postgresPort}/postgres",` +
    `"api_url":"http://127.0.0.1:${restPort}/patroni","state":"running",`;
  const tail = isLeader
    ? String.raw`"role":"primary","version":"4\.1\.\d+",` +
      String.raw`"xlog_location":\d+,"timeline":1\}`
    : String.raw`"role":"replica","version":"4\.1\.\d+",` +
      String.raw`"xlog_location":\d+,"replay_lsn":\d+,"receive_lsn":\d+,` +
      String.raw`"replication_state":"streaming","timeline":1\}`;
  return new RegExp(`^${RegExp.escape(head)}${tail}$`);
}

/** Opens and closes one session. */
async function logIn(
  member: AgentMember,
  username: string,
  password: string,
): Promise<void> {
  const session = postgres({
    host: "127.0.0.1",
    port: member.place.postgresPort,
    database: "postgres",
    username,
    password,
    max: 1,
    fetch_types: false,
  });
  try {
    await session`SELECT 1`;
  } finally {
    await session.end({ timeout: 1 });
  }
}

unprivileged(import.meta.url, () => {
  Deno.test(
    "three members race to initialize, the store is a file",
    (t) => race(t, "sqlite"),
  );
  Deno.test({
    name: "three members race to initialize, the store is etcd",
    ignore: etcdSkipReason() !== null,
    fn: (t) => race(t, "etcd"),
  });
});
