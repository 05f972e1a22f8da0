/**
 * Who leads next: tags, priorities, timelines, a member that is alone, WAL that
 * still comes in; and what operators may ask for.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { patch } from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const TAGS: Readonly<Record<string, Section>> = {
  n2: { failover_priority: 1 },
  n3: { failover_priority: 5 },
  n4: { nofailover: true },
};

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "the rules of failover and switchover",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        members: 4,
        change: (config, { name }) => ({ ...config, tags: TAGS[name] ?? {} }),
      });
      await badCandidates(t, cluster);
      await schedule(t, cluster);
      await priority(t, cluster);
      await timelines(t, cluster);
      await alone(t, cluster);
      await backoff(t, cluster);
    },
  });
});

async function ask(
  member: AgentMember,
  path: string,
  body: Section,
): Promise<{ readonly status: number; readonly text: string }> {
  return await member.rest(path, { method: "POST", body });
}

async function badCandidates(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(t, "nofailover: such a candidate is refused", async () => {
    for (const path of ["/switchover", "/failover"]) {
      const named = path === "/switchover" ? { leader: "n1" } : {};
      const { status, text } = await ask(leader, path, {
        ...named,
        candidate: "n4",
      });
      assert.equal(status, 412, text);
      assert.match(text, /no good candidates have been found/);
    }
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
  await step(
    t,
    "a candidate that lags is refused with the numbers",
    async () => {
      const senders = await leader.freezeReplication();
      try {
        await leader.sql(
          "CREATE TABLE much AS SELECT repeat('x', 500) FROM " +
            "generate_series(1, 8000)",
        );
        const { status, text } = await ask(leader, "/switchover", {
          leader: "n1",
          candidate: "n2",
        });
        assert.equal(status, 503, text);
        assert.match(
          leader.log(),
          /no_candidate \(n2 lag_exceeds_maximum \d{7,} > 1048576\)/,
        );
      } finally {
        for (const pid of senders) signalTo(pid, "SIGCONT");
      }
      assert.equal((await cluster.untilWhole()).name, "n1");
    },
  );
}

async function schedule(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const inSeconds = (s: number) =>
    new Date(Date.now() + s * 1000).toISOString();
  await step(t, "a scheduled switchover can be cancelled", async () => {
    const leader = cluster.member("n1");
    const body = {
      leader: "n1",
      candidate: "n2",
      scheduled_at: inSeconds(600),
    };
    assert.deepEqual(await ask(leader, "/switchover", body), {
      status: 202,
      text: "Switchover scheduled",
    });
    const cancelled = await leader.rest("/switchover", { method: "DELETE" });
    assert.equal(cancelled.status, 200, cancelled.text);
    const again = await leader.rest("/switchover", { method: "DELETE" });
    assert.equal(again.status, 404, again.text);
  });
  await step(t, "one whose time passed unused is removed", async () => {
    await cluster.put(
      "failover",
      JSON.stringify({
        leader: "n1",
        member: "n2",
        scheduled_at: inSeconds(-600),
      }),
    );
    await cluster.until("the key is empty", () => isClear(cluster));
    assert.match(cluster.member("n1").log(), /schedule_passed/);
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
  await step(t, "one whose time comes happens", async () => {
    const body = { leader: "n1", candidate: "n2", scheduled_at: inSeconds(4) };
    const { status, text } = await ask(
      cluster.member("n3"),
      "/switchover",
      body,
    );
    assert.equal(status, 202, text);
    await cluster.untilLeader(["n2"]);
    assert.equal((await cluster.untilWhole()).name, "n2");
    assert.equal(await isClear(cluster), true);
  });
}

async function isClear(cluster: AgentCluster): Promise<boolean> {
  const { failover } = await cluster.keys();
  return [undefined, "", "{}"].includes(failover);
}

async function priority(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "failover_priority breaks a tie of equal WAL", async () => {
    const old = await cluster.untilWhole();
    assert.equal(old.name, "n2");
    await old.killAll();
    await cluster.expireLeader();
    // n1 has priority 1, n4 is tagged nofailover.
    await cluster.untilLeader(["n3"]);
    old.start();
    assert.equal((await cluster.untilWhole()).name, "n3");
  });
}

async function timelines(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "check_timeline: who missed the last change of leader stays out",
    async () => {
      await patch(cluster, { check_timeline: true });
      const [n1, n2] = [cluster.member("n1"), cluster.member("n2")];
      await n1.killAll();
      const { status, text } = await ask(n2, "/switchover", {
        leader: "n3",
        candidate: "n2",
      });
      assert.equal(status, 200, text);
      await cluster.untilLeader(["n2"]);
      for (const name of ["n3", "n4"]) {
        await cluster.until(`${name} follows n2`, async () => {
          const status = await cluster.member(name).status();
          return status?.["replication_state"] === "streaming" &&
            status["timeline"] === (await n2.status())?.["timeline"];
        });
      }
      await n2.killAll();
      await cluster.member("n3").killAll();
      await cluster.member("n4").killAll();
      await cluster.expireLeader();
      n1.start();
      await cluster.until("n1 says why it does not lead", () =>
        Promise.resolve(
          /My timeline is behind last known cluster timeline/.test(n1.log()),
        ));
      assert.equal((await cluster.keys())["leader"], undefined);
      for (const member of cluster.others("n1")) member.start();
      assert.notEqual((await cluster.untilWhole()).name, "n1");
      await patch(cluster, { check_timeline: null });
    },
  );
}

async function alone(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a member that is alone leads", async () => {
    const old = await cluster.untilWhole();
    const last = cluster.others(old.name).find(({ name }) => name !== "n4");
    assert.ok(last !== undefined);
    const others = cluster.others(last.name);
    for (const member of others) await member.killAll();
    await cluster.expireLeader();
    await cluster.untilLeader([last.name]);
    for (const member of others) member.start();
    assert.equal((await cluster.untilWhole()).name, last.name);
  });
}

async function backoff(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "primary_race_backoff: the race waits while WAL comes in",
    async () => {
      await patch(cluster, { primary_race_backoff: 6 });
      const old = await cluster.untilWhole();
      const others = cluster.others(old.name).filter((m) => m.name !== "n4");
      old.signal("SIGSTOP");
      try {
        const beat = () =>
          old.sql("SELECT pg_logical_emit_message(true, 'beat', '')");
        // The race begins at once, and compares with the last cycle.
        await beat();
        await cluster.expireLeader();
        await cluster.until("somebody waits", async () => {
          await beat();
          return others.some((m) => /wal position moved/.test(m.log()));
        });
        await cluster.untilLeader(others.map(({ name }) => name));
      } finally {
        old.signal("SIGCONT");
      }
      await cluster.untilWhole();
    },
  );
}
