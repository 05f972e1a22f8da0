/**
 * Diverged members come back: by pg_rewind with WAL from an archive, not at all
 * while credentials are wrong, by a new copy where that is allowed. What is
 * thrown away is named in the log and by `GET /explain`.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { patch } from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the rules of rewind",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      const archive = await Deno.makeTempDir({ prefix: "matriarch-archive-" });
      try {
        await using cluster = await AgentCluster.running({
          dcs: "etcd",
          members: 2,
          bootstrapDcs: dcsFor(archive),
        });
        await fromArchive(t, cluster, archive);
        await wrongCredentials(t, cluster);
        await notRecoverable(t, cluster);
        await failing(t, cluster);
      } finally {
        await Deno.remove(archive, { recursive: true });
      }
    },
  });
});

/** Little WAL stays on the server; the archive has all of it. */
function dcsFor(archive: string): Section {
  return {
    postgresql: {
      use_pg_rewind: true,
      rewind: ["debug"],
      use_slots: false,
      recovery_conf: { restore_command: `cp ${archive}/%f %p` },
      parameters: {
        max_connections: 30,
        archive_mode: "on",
        archive_command: `test -f ${archive}/%f || cp %p ${archive}/%f`,
        min_wal_size: "32MB",
        max_wal_size: "32MB",
        wal_keep_size: "16MB",
      },
    },
  };
}

/** The leader writes `sql` that nobody gets, and dies; the other one leads. */
async function diverge(
  cluster: AgentCluster,
  old: AgentMember,
  sql: string,
): Promise<AgentMember> {
  const [other] = cluster.others(old.name);
  assert.ok(other !== undefined);
  const senders = await old.freezeReplication();
  await old.sql(sql);
  await old.killAll();
  for (const pid of senders) signalTo(pid, "SIGKILL");
  await cluster.expireLeader();
  return await cluster.untilLeader([other.name]);
}

async function fromArchive(
  t: Deno.TestContext,
  cluster: AgentCluster,
  archive: string,
): Promise<void> {
  await step(
    t,
    "WAL that the server lacks comes from the archive",
    async () => {
      await patch(cluster, { maximum_lag_on_failover: 1_073_741_824 });
      const old = cluster.member("n1");
      await old.sql("CREATE TABLE t (id int, filler text); CHECKPOINT");
      await cluster.until("n2 has the table", async () => {
        return (await cluster.member("n2").sql("SELECT id FROM t")).length ===
          0;
      });
      const kept = walFiles(old);
      const write = "INSERT INTO t SELECT 1, repeat('x', 500) FROM " +
        "generate_series(1, 20000); SELECT pg_switch_wal(); CHECKPOINT;";
      const leader = await diverge(cluster, old, write.repeat(6));
      const gone = kept.filter((name) => !walFiles(old).includes(name));
      assert.ok(gone.length > 0, `nothing of ${kept} was recycled`);
      for (const name of gone) assert.ok(Deno.statSync(`${archive}/${name}`));
      await leader.sql("INSERT INTO t VALUES (2, '')");
      old.start();
      assert.equal((await cluster.untilWhole()).name, "n2");
      assert.match(old.log(), /running pg_rewind from n2 \(localTimeline 1, /);
      assert.doesNotMatch(old.log(), /trying to bootstrap from/);
      const rows = await old.sql("SELECT DISTINCT id FROM t");
      assert.deepEqual(rows.map(({ id }) => id), [2]);
      await toldBy(cluster, old, "rewind");
    },
  );
  await step(
    t,
    "what was not archived before the rewind is archived by it",
    () => {
      const names = [...Deno.readDirSync(archive)].map(({ name }) => name);
      const ready = [
        ...Deno.readDirSync(
          `${cluster.member("n1").dataDir}/pg_wal/archive_status`,
        ),
      ].filter(({ name }) => name.endsWith(".ready"));
      assert.deepEqual(ready.filter(({ name }) => /^00000001/.test(name)), []);
      assert.ok(names.filter((name) => /^00000001/.test(name)).length > 6);
      return Promise.resolve();
    },
  );
}

function walFiles({ dataDir }: AgentMember): readonly string[] {
  return [...Deno.readDirSync(`${dataDir}/pg_wal`)]
    .map(({ name }) => name).filter((name) => /^[0-9A-F]{24}$/.test(name));
}

/** The member's own history of decisions has it, with its reason and facts. */
async function toldBy(
  cluster: AgentCluster,
  member: AgentMember,
  task: string,
): Promise<void> {
  await cluster.until(`${member.name} tells of ${task}`, async () => {
    const { text } = await member.rest("/explain");
    return text.includes(`"${task}"`);
  });
}

async function wrongCredentials(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const old = cluster.member("n2");
  const right = old.config;
  await step(
    t,
    "with a wrong password of rewind nothing is started or thrown away",
    async () => {
      await diverge(cluster, old, "INSERT INTO t VALUES (3, '')");
      const postgresql = sectionOf(right, "postgresql");
      const authentication = {
        ...sectionOf(postgresql, "authentication"),
        rewind: { username: "rewinder", password: "wrong" },
      };
      old.config = { ...right, postgresql: { ...postgresql, authentication } };
      old.start();
      await cluster.until("n2 says why", () =>
        Promise.resolve(
          /does not answer .*password authentication failed/.test(old.log()),
        ));
      assert.equal(old.postmasterPid(), null);
      assert.doesNotMatch(old.log(), /emoving the data directory/);
    },
  );
  await step(t, "with the right one it is rewound", async () => {
    old.config = right;
    old.writeConfig();
    old.signal("SIGHUP");
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.match(old.log(), /running pg_rewind from n1/);
    const rows = await old.sql("SELECT DISTINCT id FROM t");
    assert.deepEqual(rows.map(({ id }) => id), [2]);
  });
}

/** What stops the crash recovery before the rewind may go away, as a full disk does. */
async function notRecoverable(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "a crash recovery that fails before it is tried until it works",
    async () => {
      const old = cluster.member("n1");
      await diverge(cluster, old, "INSERT INTO t VALUES (5, '')");
      const wal = `${old.dataDir}/pg_wal`;
      await Deno.chmod(wal, 0o500);
      const logged = old.log().length;
      old.start();
      await cluster.until("it has failed twice", () => {
        const failures = old.log().slice(logged)
          .match(/Task rewind failed: Crash recovery failed/g);
        return Promise.resolve((failures?.length ?? 0) >= 2);
      });
      await Deno.chmod(wal, 0o700);
      assert.equal((await cluster.untilWhole()).name, "n2");
      const rows = await old.sql("SELECT id FROM t WHERE id = 5");
      assert.equal(rows.length, 0);
      await switchBack(cluster);
    },
  );
}

/** The steps after this one begin with n1 as leader. */
async function switchBack(cluster: AgentCluster): Promise<void> {
  const { status, text } = await cluster.member("n2").rest("/switchover", {
    method: "POST",
    body: { leader: "n2", candidate: "n1" },
  });
  assert.equal(status, 200, text);
  assert.equal((await cluster.untilWhole()).name, "n1");
}

async function failing(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const old = cluster.member("n1");
  const script = `${old.place.directory}/no_rewind`;
  await step(
    t,
    "a rewind that fails throws nothing away by itself",
    async () => {
      await Deno.writeTextFile(
        script,
        '#!/bin/sh\necho "pg_rewind: error: not today $*" >&2\nexit 1\n',
        { mode: 0o755 },
      );
      await diverge(cluster, old, "INSERT INTO t VALUES (4, '')");
      old.config = withRewind(old, `../../../../../../../..${script}`);
      const logged = old.log().length;
      old.start();
      await cluster.until("n1 says so", () =>
        Promise.resolve(
          /Failed to rewind from healthy primary: n2/.test(
            old.log().slice(logged),
          ),
        ));
      await cluster.until("n1 says what can be done", () =>
        Promise.resolve(
          /pg_rewind failed: .*not today.*; mend that and restart this member, or reinitialize it/
            .test(old.log().slice(logged)),
        ));
      assert.doesNotMatch(old.log(), /emoving the data directory/);
      assert.ok(Deno.statSync(`${old.dataDir}/PG_VERSION`).isFile);
    },
  );
  await step(
    t,
    "remove_data_directory_on_rewind_failure: it is copied anew",
    async () => {
      await patch(cluster, {
        postgresql: { remove_data_directory_on_rewind_failure: true },
      });
      assert.equal((await cluster.untilWhole()).name, "n2");
      assert.match(
        old.log(),
        /removing the data directory: rewind_failed \(detail .*not today .*--progress .*--debug/,
      );
      await toldBy(cluster, old, "remove_data");
      const rows = await old.sql("SELECT id FROM t WHERE id = 4");
      assert.equal(rows.length, 0);
    },
  );
}

function withRewind({ config }: AgentMember, path: string): Section {
  const postgresql = sectionOf(config, "postgresql");
  return {
    ...config,
    postgresql: { ...postgresql, bin_name: { pg_rewind: path } },
  };
}
