/**
 * Replication slots of a real scope: members' slots, permanent physical and
 * logical ones, what is dropped and what is left alone, and a logical consumer
 * that loses nothing by a change of leader.
 */
import assert from "node:assert/strict";
import type { Revision } from "../../lib/core/base/units.ts";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const SLOTS = {
  backup: { type: "physical", cluster_type: "primary" },
  elsewhere: { type: "physical", cluster_type: "standby" },
  feed: { type: "logical", database: "postgres", plugin: "test_decoding" },
};

unprivileged(import.meta.url, () => {
  Deno.test("replication slots", async (t) => {
    await using cluster = await AgentCluster.running({
      bootstrapDcs: {
        loop_wait: 1,
        slots: SLOTS,
        ignore_slots: [{ name: "left_alone", type: "physical" }],
        postgresql: {
          parameters: {
            wal_level: "logical",
            max_connections: 30,
            wal_keep_size: "16MB",
          },
        },
      },
    });
    await everywhere(t, cluster);
    await strangers(t, cluster);
    await failoverSlot(t, cluster);
    await moving(t, cluster);
    await changeOfLeader(t, cluster);
    await absence(t, cluster);
    await lostWal(t, cluster);
    await givenUp(t, cluster);
  });
});

async function everywhere(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "every member has every other member's slot", async () => {
    for (const member of cluster.members) {
      const others = cluster.others(member.name).map(({ name }) => name);
      for (const slot of ["backup", ...others]) {
        await cluster.until(
          `${member.name} has the slot ${slot}`,
          async () => (await slotsOf(member)).has(slot),
        );
      }
      assert.ok(!(await slotsOf(member)).has("elsewhere"), member.name);
    }
  });
  await step(t, "a logical slot comes when its consumer goes on", async () => {
    const leader = cluster.member("n1");
    await leader.sql("CREATE TABLE t (id int PRIMARY KEY)");
    await cluster.until("all members have the logical slot", async () => {
      await goOn(leader);
      const all = await Promise.all(cluster.members.map(slotsOf));
      return all.every((slots) => slots.has("feed"));
    });
  });
  await step(t, "replicas tell the leader what their slots need", async () => {
    for (const name of ["n2", "n3"]) {
      const member = cluster.member(name);
      const [row] = await member.sql("SHOW hot_standby_feedback");
      assert.equal(row?.["hot_standby_feedback"], "on");
      assert.match(
        member.log(),
        /Copying logical slots \['feed'\] from the primary/,
      );
      await cluster.until(
        `${name} calls its logical slot safe`,
        async () => {
          // What a slot needs moves on only behind its consumer.
          await goOn(cluster.member("n1"));
          return /Logical slot feed is safe to be used after a failover/.test(
            member.log(),
          );
        },
      );
    }
  });
  await step(t, "the leader publishes them", async () => {
    const status = await cluster.key("status") as Section;
    const slots = status["slots"] as Section;
    assert.deepEqual(Object.keys(slots).sort(), [
      "backup",
      "feed",
      "n1",
      "n2",
      "n3",
    ]);
    assert.deepEqual(status["retain_slots"], ["n1", "n2", "n3"]);
    assert.equal(slots["n1"], status["optime"]);
  });
}

/** The consumer of the leader's logical slot. */
async function goOn(leader: AgentMember): Promise<void> {
  await leader.sql("CHECKPOINT");
  await leader.sql("SELECT pg_logical_slot_get_changes('feed', NULL, NULL)");
}

async function strangers(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(t, "in pause a user's slots stay", async () => {
    await setConfig(leader, { pause: true });
    await cluster.until(
      "the pause is seen",
      async () => (await leader.status())?.["pause"] === true,
    );
    for (const name of ["mine", "left_alone"]) {
      await leader.sql(`SELECT pg_create_physical_replication_slot('${name}')`);
    }
    await pastCycles(cluster, leader);
    assert.ok((await slotsOf(leader)).has("mine"));
  });
  await step(t, "afterwards only the ignored one does", async () => {
    await setConfig(leader, { pause: null });
    await cluster.until(
      "the user's slot is dropped",
      async () => !(await slotsOf(leader)).has("mine"),
    );
    assert.ok((await slotsOf(leader)).has("left_alone"));
    await leader.sql("SELECT pg_drop_replication_slot('left_alone')");
  });
}

/** PostgreSQL keeps slots of its own on standbys; nobody else may touch them. */
async function failoverSlot(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  const [row] = await leader.sql("SHOW server_version_num");
  if (Number(row?.["server_version_num"]) < 170_000) return;
  await step(t, "PostgreSQL's own failover slots are left alone", async () => {
    await leader.sql(
      "SELECT pg_create_logical_replication_slot('theirs', 'pgoutput', false, false, true)",
    );
    await pastCycles(cluster, leader);
    assert.ok((await slotsOf(leader)).has("theirs"));
    const status = await cluster.key("status") as Section;
    assert.ok(!("theirs" in Object(status["slots"])));
    assert.doesNotMatch(cluster.logs(), /slot '?theirs/);
  });
  await step(t, "a former primary drops those that it made", async () => {
    await switchover(cluster, "n1", "n2");
    await cluster.until(
      "n1 has it no more",
      async () => !(await slotsOf(leader)).has("theirs"),
    );
    assert.match(
      leader.log(),
      /Dropping replication slot 'theirs': this former/,
    );
    await switchover(cluster, "n2", "n1");
  });
}

async function switchover(
  cluster: AgentCluster,
  from: string,
  to: string,
): Promise<void> {
  const { status, text } = await cluster.member(from).rest("/switchover", {
    method: "POST",
    body: { leader: from, candidate: to },
  });
  assert.equal(status, 200, text);
  assert.equal((await cluster.untilWhole()).name, to);
}

async function moving(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "slots on replicas follow their users", async () => {
    const leader = cluster.member("n1");
    await leader.sql("INSERT INTO t VALUES (1)");
    assert.deepEqual(await consume(leader), ["1"]);
    await leader.sql(
      "SELECT pg_replication_slot_advance('backup', pg_current_wal_lsn())",
    );
    const wanted = await slotsOf(leader);
    for (const name of ["n2", "n3"]) {
      const other = name === "n2" ? "n3" : "n2";
      await cluster.until(`the slots of ${name} follow`, async () => {
        const slots = await slotsOf(cluster.member(name));
        return ["feed", "backup", other].every((slot) => {
          const [there, here] = [wanted.get(slot), slots.get(slot)];
          assert.ok(there !== undefined, `the leader has the slot ${slot}`);
          return here !== undefined && here >= there;
        });
      });
    }
  });
}

async function changeOfLeader(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a consumer goes on after a failover", async () => {
    const leader = cluster.member("n1");
    await leader.sql("INSERT INTO t VALUES (2)");
    await cluster.until("n2 and n3 have the row", async () => {
      const looks = ["n2", "n3"].map((name) =>
        cluster.member(name).sql("SELECT FROM t WHERE id = 2")
      );
      return (await Promise.all(looks)).every((rows) => rows.length === 1);
    });
    await leader.killAll();
    await cluster.expireLeader();
    const next = await cluster.untilLeader(["n2", "n3"]);
    await next.sql("INSERT INTO t VALUES (3)");
    assert.deepEqual(await consume(next), ["2", "3"]);
  });
  await step(t, "the old leader comes back with all slots", async () => {
    const old = cluster.member("n1");
    old.start();
    const leader = await cluster.untilWhole();
    await untilSlots(cluster, old, ["backup", "feed", "n2", "n3"]);
    await untilSlots(cluster, leader, [
      "backup",
      "feed",
      ...cluster.others(leader.name).map(({ name }) => name),
    ]);
  });
}

async function absence(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "a member that is away keeps its slot for a while",
    async () => {
      const leader = await cluster.untilWhole();
      const away = cluster.others(leader.name)[0];
      const other = cluster.others(leader.name)[1];
      assert.ok(away !== undefined && other !== undefined);
      await away.end();
      await cluster.withDcs(async (dcs) => {
        await dcs.write({
          when: [],
          edits: [{ kind: "delete", key: `members/${away.name}` }],
        }, { timeoutMs: 5_000 });
      });
      await cluster.until(
        "the member is not listed any more",
        async () => (await cluster.list()).length === 2,
      );
      await pastCycles(cluster, leader);
      for (const member of [leader, other]) {
        assert.ok((await slotsOf(member)).has(away.name), member.name);
      }
      await setConfig(leader, { member_slots_ttl: "5s" });
      for (const member of [leader, other]) {
        await cluster.until(
          `${member.name} drops the slot of ${away.name}`,
          async () => !(await slotsOf(member)).has(away.name),
        );
      }
      away.start();
      await cluster.untilWhole();
      await cluster.until(
        `${leader.name} has the slot again`,
        async () => (await slotsOf(leader)).has(away.name),
      );
    },
  );
}

async function lostWal(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a slot whose WAL is lost is made anew", async () => {
    const leader = await cluster.untilWhole();
    await setConfig(leader, {
      postgresql: { parameters: { max_slot_wal_keep_size: "1MB" } },
    });
    await cluster.until("the limit is in force", async () => {
      const [row] = await leader.sql("SHOW max_slot_wal_keep_size");
      return row?.["max_slot_wal_keep_size"] === "1MB";
    });
    const before = (await slotsOf(leader)).get("backup");
    assert.ok(before !== undefined, "the slot is there");
    for (let i = 0; i < 5; i++) {
      await leader.sql("CREATE TABLE x (); DROP TABLE x");
      await leader.sql("SELECT pg_switch_wal()");
    }
    await leader.sql("CHECKPOINT");
    await cluster.until("the slot reserves WAL again", async () => {
      const slots = await slotsOf(leader);
      const position = slots.get("backup");
      return position !== undefined && position > before;
    });
    assert.match(
      leader.log(),
      /Dropping replication slot 'backup': its WAL is lost/,
    );
  });
}

async function givenUp(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a slot of another plugin is made anew", async () => {
    const leader = await cluster.untilWhole();
    const feed = { ...SLOTS.feed, plugin: "pgoutput" };
    await setConfig(leader, { slots: { feed } });
    await cluster.until("no member has the old one", async () => {
      const plugins = await Promise.all(cluster.members.map(pluginOf));
      return !plugins.includes("test_decoding") &&
        await pluginOf(leader) === "pgoutput";
    });
  });
  await step(t, "slots that nobody wants any more go everywhere", async () => {
    const leader = await cluster.untilWhole();
    await setConfig(leader, { slots: null });
    for (const member of cluster.members) {
      const others = cluster.others(member.name).map(({ name }) => name);
      await untilSlots(cluster, member, others);
      await cluster.until(`${member.name} sends no feedback`, async () => {
        const [row] = await member.sql("SHOW hot_standby_feedback");
        return row?.["hot_standby_feedback"] === "off";
      });
    }
  });
  await step(t, "a quiet scope writes no status", async () => {
    const leader = await cluster.untilWhole();
    await cluster.until("the status rests for two cycles", async () => {
      const before = await statusRevision(cluster);
      await pastCycles(cluster, leader);
      return await statusRevision(cluster) === before;
    });
  });
}

async function pluginOf(member: AgentMember): Promise<unknown> {
  const [row] = await member.sql(
    "SELECT plugin FROM pg_replication_slots WHERE slot_name = 'feed'",
  );
  return row?.["plugin"] ?? null;
}

async function statusRevision(cluster: AgentCluster): Promise<Revision> {
  return await cluster.withDcs(async (dcs) => {
    const { entries } = await dcs.readFresh({ timeoutMs: 5_000 });
    const status = entries.find(({ key }) => key === "status");
    assert.ok(status !== undefined, "there is a status");
    return status.revision;
  });
}

/** Position by slot: confirmed or restart. */
async function slotsOf(
  member: AgentMember,
): Promise<ReadonlyMap<string, bigint>> {
  const rows = await member.sql(
    `SELECT slot_name, (coalesce(confirmed_flush_lsn, restart_lsn) - '0/0')::text
       AS position FROM pg_replication_slots WHERE NOT temporary`,
  );
  return new Map(rows.map((row) => [
    String(row["slot_name"]),
    BigInt(String(row["position"] ?? 0).split(".")[0] ?? 0),
  ]));
}

async function untilSlots(
  cluster: AgentCluster,
  member: AgentMember,
  names: readonly string[],
): Promise<void> {
  const wanted = names.toSorted().join(", ");
  await cluster.until(
    `${member.name} has the slots ${wanted}`,
    async () =>
      [...(await slotsOf(member)).keys()].sort().join(", ") === wanted,
  );
}

/** Rows that the logical consumer has not seen. */
async function consume(member: AgentMember): Promise<readonly string[]> {
  const rows = await member.sql(
    "SELECT data FROM pg_logical_slot_get_changes('feed', NULL, NULL)",
  );
  return rows.flatMap((row) =>
    /^table public\.t: INSERT: id\[integer\]:(\d+)/.exec(String(row["data"]))
      ?.slice(1) ?? []
  );
}

async function setConfig(member: AgentMember, change: Section): Promise<void> {
  const { status, text } = await member.rest("/config", {
    method: "PATCH",
    body: change,
  });
  assert.equal(status, 200, text);
}
