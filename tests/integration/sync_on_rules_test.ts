/**
 * The rules of synchronous mode `on`: who gets the duty, who loses it, strict
 * mode, and an agent that dies between its two steps.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { signalTo } from "../helpers/own_processes.ts";
import {
  patch,
  standbyNames,
  syncKey,
  SyncWatch,
  untilSync,
} from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const TAGS: Readonly<Record<string, Section>> = {
  n2: { sync_priority: 1 },
  n3: { sync_priority: 10 },
};

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the rules of synchronous mode on",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        bootstrapDcs: {
          synchronous_mode: true,
          maximum_lag_on_syncnode: 1_048_576,
        },
        change: (config, { name }) => ({ ...config, tags: TAGS[name] ?? {} }),
      });
      await using watch = new SyncWatch(cluster);
      await priority(t, cluster);
      await deathWhileAdding(t, cluster);
      await deathWhileRemoving(t, cluster);
      await stuck(t, cluster);
      await nosync(t, cluster);
      await strict(t, cluster);
      assert.deepEqual(watch.violations, []);
      assert.ok(watch.looks > 20, `only ${watch.looks} looks`);
    },
  });
});

const ONLY_N2 = { names: "n2", standbys: ["n2"] };
const ONLY_N3 = { names: "n3", standbys: ["n3"] };
const BOTH = { names: "2 (n2,n3)", standbys: ["n2", "n3"] };

async function priority(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "sync_priority: the higher one has the duty", async () => {
    await untilSync(cluster, cluster.member("n1"), ONLY_N3);
  });
}

async function deathWhileAdding(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "an agent that dies after adding to PostgreSQL, before the key",
    async () => {
      const leader = cluster.member("n1");
      const receiver = await freezeReceiver(cluster.member("n2"));
      await leader.sql("CREATE TABLE moved (id int)");
      await patch(cluster, { synchronous_node_count: 2 });
      await cluster.until(
        "PostgreSQL waits for both",
        async () => await standbyNames(leader) === BOTH.names,
      );
      await leader.end("SIGKILL");
      assert.deepEqual((await syncKey(cluster)).standbys, ["n3"]);
      leader.start();
      await cluster.until("the new agent leads", async () => {
        const status = await leader.status();
        return status?.["role"] === "primary";
      });
      assert.deepEqual((await syncKey(cluster)).standbys, ["n3"]);
      signalTo(receiver, "SIGCONT");
      await untilSync(cluster, leader, BOTH);
    },
  );
}

async function deathWhileRemoving(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "an agent that dies after removing from the key, before PostgreSQL",
    async () => {
      const leader = cluster.member("n1");
      // The agent cannot replace postgresql.conf.
      Deno.chmodSync(leader.dataDir, 0o500);
      try {
        await patch(cluster, { synchronous_node_count: 1 });
        await cluster.until(
          "the key lists n3 alone",
          async () => (await syncKey(cluster)).standbys.join() === "n3",
        );
        assert.equal(await standbyNames(leader), BOTH.names);
        await leader.end("SIGKILL");
      } finally {
        Deno.chmodSync(leader.dataDir, 0o700);
      }
      leader.start();
      await untilSync(cluster, leader, ONLY_N3);
    },
  );
}

async function stuck(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "maximum_lag_on_syncnode: a stuck standby loses the duty and regains it",
    async () => {
      const leader = cluster.member("n1");
      const receiver = await freezeReceiver(cluster.member("n3"));
      await leader.sql(
        "SET synchronous_commit TO local; CREATE TABLE much AS " +
          "SELECT repeat('x', 500) FROM generate_series(1, 8000)",
      );
      await untilSync(cluster, leader, ONLY_N2);
      await leader.sql("INSERT INTO moved VALUES (1)");
      signalTo(receiver, "SIGCONT");
      await untilSync(cluster, leader, ONLY_N3);
    },
  );
}

async function nosync(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "nosync: such a member gives the duty back", async () => {
    const member = cluster.member("n3");
    retag(member, { nosync: true });
    await untilSync(cluster, cluster.member("n1"), ONLY_N2);
  });
}

async function strict(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(t, "without strict mode the leader falls back", async () => {
    await cluster.member("n2").killAll();
    await untilSync(cluster, leader, { names: "", standbys: [] });
    await leader.sql("INSERT INTO moved VALUES (2)");
    cluster.member("n2").start();
    await untilSync(cluster, leader, ONLY_N2);
  });
  await step(t, "in strict mode commits wait for a standby", async () => {
    await patch(cluster, { synchronous_mode_strict: true });
    await cluster.member("n2").killAll();
    await cluster.until("n2's stream is gone", async () => {
      const rows = await leader.sql(
        "SELECT 1 FROM pg_stat_replication WHERE application_name = 'n2'",
      );
      return rows.length === 0;
    });
    // n3 streams, but it is nosync: it must not acknowledge in n2's place.
    await untilSync(cluster, leader, ONLY_N2);
    let isDone = false;
    const commit = leader.sql("INSERT INTO moved VALUES (3)")
      .then(() => isDone = true);
    await cluster.until("the commit waits", async () => {
      const rows = await leader.sql(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
      );
      return rows.length === 1;
    });
    await cluster.until("n3 has the commit that waits", async () => {
      const rows = await leader.sql(
        "SELECT 1 FROM pg_stat_replication WHERE application_name = 'n3' " +
          "AND flush_lsn = pg_current_wal_flush_lsn()",
      );
      return rows.length === 1;
    });
    await untilSync(cluster, leader, ONLY_N2);
    assert.equal(isDone, false);
    cluster.member("n2").start();
    await commit;
    await untilSync(cluster, leader, ONLY_N2);
    assert.equal((await cluster.untilWhole()).name, "n1");
    const rows = await cluster.member("n2").sql(
      "SELECT id FROM moved ORDER BY id",
    );
    assert.deepEqual(rows.map(({ id }) => id), [1, 2, 3]);
  });
}

/** SIGSTOP for the WAL receiver: connected, but silent. Returns its process id. */
async function freezeReceiver(member: AgentMember): Promise<number> {
  const [row] = await member.sql("SELECT pid FROM pg_stat_wal_receiver");
  const pid = Number(row?.["pid"]);
  signalTo(pid, "SIGSTOP");
  return pid;
}

function retag(member: AgentMember, tags: Section): void {
  member.config = {
    ...member.config,
    tags: { ...sectionOf(member.config, "tags"), ...tags },
  };
  member.writeConfig();
  member.signal("SIGHUP");
}
