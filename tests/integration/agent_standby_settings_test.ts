/**
 * What a running standby needs besides the right address: password, account,
 * TLS, delay, files. Each is changed or lost under a broken stream, and the agent
 * puts it in place by itself, whether or not it was restarted meanwhile.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const MENDED = "putting this standby's settings";

unprivileged(import.meta.url, () => {
  Deno.test("a standby always has all that it should have", async (t) => {
    await using cluster = await AgentCluster.running({ members: 2 });
    await accounts(t, cluster);
    await files(t, cluster);
    await recoverySettings(t, cluster);
  });
});

async function accounts(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [leader, replica] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a new replication password, by reload", async () => {
    await leader.sql("ALTER ROLE replicator PASSWORD 'new: \\secret'");
    await breakStream(leader);
    account(replica, { password: "new: \\secret" });
    replica.signal("SIGHUP");
    await untilStreaming(cluster, leader);
  });
  await step(t, "another replication user, by restart", async () => {
    await leader.sql(
      "CREATE ROLE copyist REPLICATION LOGIN PASSWORD 'copy cat'",
    );
    await pgHba(cluster, leader, "host replication copyist 127.0.0.1/32 trust");
    await leader.sql("ALTER ROLE replicator NOLOGIN");
    await replica.end("SIGKILL");
    await breakStream(leader);
    account(replica, { username: "copyist", password: "copy cat" });
    replica.start();
    await untilStreaming(cluster, leader, "copyist");
  });
  await step(t, "another sslmode", async () => {
    account(replica, { sslmode: "disable" });
    replica.signal("SIGHUP");
    await cluster.until(
      "the live setting has it",
      async () =>
        /sslmode=disable/.test(await setting(replica, "primary_conninfo")),
    );
    await untilStreaming(cluster, leader, "copyist");
  });
}

async function files(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [leader, replica] = [cluster.member("n1"), cluster.member("n2")];
  await pgHba(
    cluster,
    leader,
    "host replication copyist 127.0.0.1/32 scram-sha-256",
  );
  await step(t, "a lost password file", async () => {
    Deno.removeSync(`${replica.place.directory}/pgpass`);
    await breakStream(leader);
    await untilStreaming(cluster, leader, "copyist");
  });
  await step(t, "a settings file that somebody changed", async () => {
    const path = `${replica.dataDir}/postgresql.conf`;
    const text = Deno.readTextFileSync(path);
    const wrong = text.replace(
      /^primary_conninfo = .*$/m,
      (line) => line.replace("user=copyist", "user=nobody"),
    );
    assert.notEqual(wrong, text);
    Deno.writeTextFileSync(path, wrong);
    await replica.sql("SELECT pg_reload_conf()");
    await cluster.until(
      "the file is as it was",
      () => Promise.resolve(Deno.readTextFileSync(path) === text),
    );
    await untilStreaming(cluster, leader, "copyist");
  });
  await step(t, "a setting by ALTER SYSTEM", async () => {
    await replica.sql("ALTER SYSTEM SET primary_slot_name = 'not_there'");
    await replica.sql("SELECT pg_reload_conf()");
    await cluster.until(
      "the live setting is the agent's",
      async () => await setting(replica, "primary_slot_name") === "n2",
    );
    await untilStreaming(cluster, leader, "copyist");
  });
}

async function recoverySettings(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const replica = cluster.member("n2");
  await step(t, "a delay of the replay comes and goes", async () => {
    change(replica, { recovery_conf: { recovery_min_apply_delay: "90 s" } });
    replica.signal("SIGHUP");
    await untilDelay(cluster, "90s");
    change(replica, { recovery_conf: {} });
    replica.signal("SIGHUP");
    await untilDelay(cluster, "0");
  });
  await step(t, "what is mended is mended once", async () => {
    const before = times(replica);
    // Each answer comes from a later cycle.
    for (let cycle = 0; cycle < 3; cycle++) {
      const seen = replica.log().length;
      await replica.rest("/reload", { method: "POST" });
      await cluster.until(
        "another cycle has ended",
        () => Promise.resolve(/no action/.test(replica.log().slice(seen))),
      );
    }
    assert.equal(times(replica), before);
  });
}

function times(member: AgentMember): number {
  return member.log().split(MENDED).length - 1;
}

async function untilDelay(
  cluster: AgentCluster,
  value: string,
): Promise<void> {
  await cluster.until(`the delay is ${value}`, async () => {
    const name = "recovery_min_apply_delay";
    const [row] = await cluster.member("n2").sql(`SHOW ${name}`);
    return String(row?.[name]).replace(/^1min30s$/, "90s") === value;
  });
}

/** Ends the leader's WAL senders: the standby must connect anew. */
async function breakStream(leader: AgentMember): Promise<void> {
  await leader.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
}

async function untilStreaming(
  cluster: AgentCluster,
  leader: AgentMember,
  user = "replicator",
): Promise<void> {
  await cluster.until(`n2 streams as ${user}`, async () => {
    const [row] = await leader.sql(
      "SELECT usename FROM pg_stat_replication WHERE state = 'streaming'",
    );
    return row?.["usename"] === user;
  });
}

async function setting(member: AgentMember, name: string): Promise<string> {
  const [row] = await member.sql(`SHOW ${name}`);
  return String(row?.[name]);
}

/** Puts a line before the others of pg_hba and waits until it is in force. */
async function pgHba(
  cluster: AgentCluster,
  member: AgentMember,
  line: string,
): Promise<void> {
  const { pg_hba: lines } = sectionOf(member.config, "postgresql");
  assert.ok(Array.isArray(lines));
  const others = lines.filter((each) => !String(each).includes("copyist"));
  change(member, { pg_hba: [line, ...others] });
  member.signal("SIGHUP");
  const method = line.split(" ").at(-1);
  await cluster.until("the line is in force", async () => {
    const [row] = await member.sql(
      "SELECT auth_method FROM pg_hba_file_rules ORDER BY line_number LIMIT 1",
    );
    return row?.["auth_method"] === method;
  });
}

/** Changes keys of the replication account. */
function account(member: AgentMember, keys: Section): void {
  const { authentication } = sectionOf(member.config, "postgresql");
  const { replication } = Object(authentication);
  change(member, {
    authentication: {
      ...Object(authentication),
      replication: { ...replication, ...keys },
    },
  });
}

/** Changes keys of section `postgresql` and writes the file. */
function change(member: AgentMember, keys: Section): void {
  const postgresql = { ...sectionOf(member.config, "postgresql"), ...keys };
  member.config = { ...member.config, postgresql };
  member.writeConfig();
}
