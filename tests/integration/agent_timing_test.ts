/**
 * The scope's times while members run: a rule that they break, a lease of
 * another length. Beside that what members publish of themselves and of the
 * past: tags of any name, and a history of limited length.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const TAGS = {
  zone: "north",
  rack: 7,
  on_call: true,
  nofailover: false,
  failover_priority: "2",
};

unprivileged(import.meta.url, () => {
  Deno.test("times, tags and history", async (t) => {
    await using cluster = await AgentCluster.running({
      dcs: "etcd",
      members: 2,
      change: (config, { name }) =>
        name === "n2" ? { ...config, tags: TAGS } : config,
    });
    await tags(t, cluster);
    await times(t, cluster);
    await history(t, cluster);
  });
});

async function tags(t: Deno.TestContext, cluster: AgentCluster): Promise<void> {
  const member = cluster.member("n2");
  await step(t, "tags of any name are published as they are", async () => {
    const key = await cluster.key("members/n2") as Section;
    assert.equal(JSON.stringify(key["tags"]), JSON.stringify(TAGS));
    const status = await member.status();
    assert.deepEqual(status?.["tags"], TAGS);
    const [listed] = (await cluster.list()).filter(({ name }) => name === "n2");
    assert.deepEqual(listed?.["tags"], TAGS);
    for (const [query, wanted] of [["north", 200], ["south", 503]]) {
      const { status } = await member.rest(`/replica?tag_zone=${query}`);
      assert.equal(status, wanted);
    }
  });
}

async function times(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  await step(t, "times that break the rule shrink, not the key", async () => {
    const asked = { ttl: 25, loop_wait: 9, retry_timeout: 9 };
    await patch(leader, asked);
    for (const member of cluster.members) {
      await untilLogged(
        cluster,
        member,
        /where ttl=25, loop_wait=9 and retry_timeout=9\. Adjusting to loop_wait=7 and retry_timeout=9/,
      );
    }
    const { ttl, loop_wait, retry_timeout } = await cluster
      .key("config") as Section;
    assert.deepEqual({ ttl, loop_wait, retry_timeout }, asked);
    await patch(leader, { loop_wait: 2, retry_timeout: 3 });
    await cluster.untilWhole();
  });
  await step(t, "a time that is too short is raised, and said so", async () => {
    await patch(leader, { ttl: 5 });
    await untilLogged(cluster, leader, /ttl=5 can't be smaller than 20/);
  });
  await step(t, "a lease of another length is another lease", async () => {
    const before = await leaderRevision(cluster);
    await patch(leader, { ttl: 40 });
    await cluster.until(
      "the leader key is bound to a new lease",
      async () => ![before, null].includes(await leaderRevision(cluster)),
    );
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.equal((await leader.status())?.["timeline"], 1);
    assert.doesNotMatch(leader.log(), /Demoting self/);
    await patch(leader, { ttl: 20 });
    await cluster.untilWhole();
  });
}

async function history(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "the history is as long as it may be", async () => {
    await patch(cluster.member("n1"), { max_timelines_history: 2 });
    for (const [leader, candidate] of [["n1", "n2"], ["n2", "n1"]] as const) {
      await switchOver(cluster, leader, candidate);
    }
    const first = await lines(cluster, [1, 2]);
    assert.deepEqual(first.map((line) => line[4]), ["n2", "n1"]);
    await switchOver(cluster, "n1", "n2");
    const second = await lines(cluster, [2, 3]);
    assert.deepEqual(second[0], first[1], "times and names are kept");
    assert.equal(second[1]?.[4], "n2");
  });
}

async function switchOver(
  cluster: AgentCluster,
  leader: string,
  candidate: string,
): Promise<void> {
  const { status, text } = await cluster.member(leader).rest("/switchover", {
    method: "POST",
    body: { leader, candidate },
  });
  assert.equal(status, 200, text);
  assert.equal((await cluster.untilWhole()).name, candidate);
}

/** The history, once it has exactly the lines of these timelines. */
async function lines(
  cluster: AgentCluster,
  timelines: readonly number[],
): Promise<readonly (readonly unknown[])[]> {
  return await cluster.until(`history of ${timelines}`, async () => {
    const lines = await cluster.key("history") as unknown[][];
    return lines.map(([timeline]) => timeline).join() === timelines.join() &&
      lines;
  });
}

/** Renewals do not change it. */
async function leaderRevision(cluster: AgentCluster): Promise<string | null> {
  return await cluster.withDcs(async (dcs) => {
    const { entries } = await dcs.readFresh({ timeoutMs: 5_000 });
    return entries.find(({ key }) => key === "leader")?.revision ?? null;
  });
}

async function patch(member: AgentMember, body: Section): Promise<void> {
  const answer = await member.rest("/config", { method: "PATCH", body });
  assert.equal(answer.status, 200, answer.text);
}

async function untilLogged(
  cluster: AgentCluster,
  member: AgentMember,
  pattern: RegExp,
): Promise<void> {
  await cluster.until(
    `${member.name} logs ${pattern}`,
    () => Promise.resolve(pattern.test(member.log())),
  );
}
