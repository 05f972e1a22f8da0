/**
 * More of the standby cluster: a list of hosts, a slot on the remote side, and
 * synchronous mode before and after.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { patch, syncKey } from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the rules of a standby cluster",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using site = await AgentCluster.running({
        dcs: "etcd",
        members: 1,
        bootstrapDcs: { slots: { away: { type: "physical" } } },
      });
      const source = site.member("n1");
      await source.sql("CREATE TABLE seen (id int)");
      const archive = `${site.directory}/archive`;
      await Deno.mkdir(archive);
      await using away = await AgentCluster.create({
        dcs: "etcd",
        members: 2,
        bootstrapDcs: {
          synchronous_mode: true,
          standby_cluster: sectionFor(source),
          postgresql: {
            use_pg_rewind: true,
            parameters: {
              max_connections: 30,
              wal_keep_size: "64MB",
              archive_mode: "on",
              archive_command: `cp %p ${archive}/%f`,
            },
          },
        },
      });
      await listAndSlot(t, away, source);
      await throughSync(t, { away, source, archive });
    },
  });
});

/** Nobody listens at the first host. */
function sectionFor({ place }: AgentMember): Section {
  return {
    host: "127.0.0.9,127.0.0.1",
    port: place.postgresPort,
    primary_slot_name: "away",
  };
}

async function untilStandbyLeader(
  cluster: AgentCluster,
  name: string,
): Promise<void> {
  await cluster.until(`${name} is standby leader`, async () => {
    const list = await cluster.list();
    const leader = list.find(({ role }) => role === "standby_leader");
    return leader?.name === name && list.length === cluster.members.length &&
      list.every(({ state }) => state === "streaming");
  });
}

async function setSection(
  cluster: AgentCluster,
  section: Section | null,
): Promise<void> {
  const { status } = await cluster.member("n1").rest("/config", {
    method: "PATCH",
    body: { standby_cluster: section },
  });
  assert.equal(status, 200);
}

async function listAndSlot(
  t: Deno.TestContext,
  away: AgentCluster,
  source: AgentMember,
): Promise<void> {
  await step(
    t,
    "the host that answers is found, its slot is used",
    async () => {
      away.member("n1").start();
      await away.until(
        "n1 leads",
        async () => (await away.keys())["leader"] === "n1",
      );
      away.member("n2").start();
      await untilStandbyLeader(away, "n1");
      await away.until("the slot is active", async () => {
        const rows = await source.sql(
          "SELECT active FROM pg_replication_slots WHERE slot_name = 'away'",
        );
        return rows[0]?.["active"] === true;
      });
      await source.sql("INSERT INTO seen VALUES (1)");
      for (const member of away.members) {
        await away.until(`${member.name} sees it`, async () => {
          return (await member.sql("SELECT id FROM seen")).length === 1;
        });
      }
      assert.equal((await syncKey(away)).leader, null);
    },
  );
}

async function throughSync(
  t: Deno.TestContext,
  { away, source, archive }: {
    readonly away: AgentCluster;
    readonly source: AgentMember;
    readonly archive: string;
  },
): Promise<void> {
  await step(t, "promoted, it is synchronous", async () => {
    await setSection(away, null);
    assert.equal((await away.untilWhole()).name, "n1");
    await away.until("n2 has the duty", async () => {
      const { leader, standbys } = await syncKey(away);
      return leader === "n1" && standbys.join() === "n2";
    });
  });
  await step(t, "demoted, it forgets its synchronous replicas", async () => {
    await patch(away, {
      postgresql: { remove_data_directory_on_diverged_timelines: true },
    });
    await setSection(away, sectionFor(source));
    await away.until(
      "the sync key is gone",
      async () => (await syncKey(away)).leader === null,
    );
    await untilStandbyLeader(away, "n1");
  });
  await step(t, "and archives its last WAL file", async () => {
    const log = away.member("n1").log();
    const [, file = ""] = /Archived ([0-9A-F]{24}), the last one/.exec(log) ??
      [];
    assert.match(file, /^00000002/);
    const { isFile } = await Deno.stat(`${archive}/${file}`);
    assert.ok(isFile);
  });
  await step(t, "so that any member can be promoted later", async () => {
    await away.member("n1").end();
    await away.until(
      "n2 leads",
      async () => (await away.keys())["leader"] === "n2",
    );
    away.member("n1").start();
    await untilStandbyLeader(away, "n2");
    await setSection(away, null);
    assert.equal((await away.untilWhole()).name, "n2");
    const rows = await away.member("n2").sql("SELECT id FROM seen");
    assert.deepEqual(rows.map(({ id }) => id), [1]);
  });
}
