/**
 * Planned changes of leader: by REST, by the command line and by the failover
 * key; and what is refused before anything happens.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { commandLine } from "../helpers/command_line.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("switchover and failover on request", async (t) => {
    await using cluster = await AgentCluster.running();
    await refusals(t, cluster);
    await byRest(t, cluster);
    await byCommandLine(t, cluster);
    await byKey(t, cluster);
    await step(t, "no change needed a rewind or a new clone", () => {
      assert.doesNotMatch(cluster.logs(), /running pg_rewind/);
      for (const member of cluster.members) {
        const lines = member.log().split("\n");
        const clones = lines.filter((line) =>
          line.includes("trying to bootstrap from")
        );
        const about = lines.filter((line) =>
          /clone|replica:|basebackup/.test(line)
        );
        const wanted = member.name === "n1" ? 0 : 1;
        assert.equal(clones.length, wanted, about.join("\n"));
      }
      return Promise.resolve();
    });
    await step(t, "the history names each new leader", async () => {
      const history = await cluster.key("history") as unknown[][];
      assert.deepEqual(history.map((line) => line[0]), [1, 2, 3, 4]);
      for (const line of history) {
        assert.equal(line.length, 5, JSON.stringify(history));
        assert.equal(line[2], "no recovery target specified");
        assert.match(String(line[3]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
      }
      const leader = await cluster.untilWhole();
      assert.equal(history.at(-1)?.[4], leader.name);
    });
  });
});

async function refusals(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = cluster.member("n1");
  const cases = [
    [{}, 400, null],
    [{ candidate: "n2" }, 400, /only from a specific leader/],
    [{ leader: "n2" }, 412, /leader name does not match/],
    [{ leader: "n1", candidate: "n9" }, 412, /candidate does not exist/],
    [{ leader: "n1", candidate: "n1" }, 400, /target and source are the same/],
  ] as const;
  await step(t, "a request that makes no sense is refused", async () => {
    for (const [body, status, text] of cases) {
      const answer = await leader.rest("/switchover", { method: "POST", body });
      assert.equal(answer.status, status, JSON.stringify([body, answer]));
      if (text !== null) assert.match(answer.text, text);
    }
    const refused = await leader.rest("/failover", {
      method: "POST",
      body: { leader: "n1" },
    });
    assert.equal(refused.status, 400);
    assert.equal((await cluster.keys())["failover"], undefined);
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}

async function byRest(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "REST, to a named candidate", async () => {
    const { status, text } = await cluster.member("n1").rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n3" },
    });
    assert.deepEqual(
      { status, text },
      { status: 200, text: 'Successfully switched over to "n3"' },
    );
    assert.equal((await cluster.untilWhole()).name, "n3");
    await isClear(cluster);
  });
  await step(t, "REST of a replica, without a candidate", async () => {
    const { status, text } = await cluster.member("n2").rest("/switchover", {
      method: "POST",
      body: { leader: "n3" },
    });
    assert.equal(status, 200, text);
    assert.match(text, /^Successfully switched over to "n[12]"$/);
    assert.notEqual((await cluster.untilWhole()).name, "n3");
    await isClear(cluster);
  });
}

async function byCommandLine(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "the command line refuses an unknown candidate", async () => {
    const leader = await cluster.untilWhole();
    const refused = await commandLine(leader, [
      "switchover",
      "batman",
      "--leader",
      leader.name,
      "--candidate",
      "n9",
      "--force",
    ]);
    assert.notEqual(refused.code, 0, refused.text);
    assert.match(refused.text, /n9/);
    assert.equal((await cluster.untilWhole()).name, leader.name);
  });
  await step(t, "the command line switches over", async () => {
    const leader = await cluster.untilWhole();
    const next = nextOf(cluster, leader);
    const done = await commandLine(leader, [
      "switchover",
      "batman",
      "--leader",
      leader.name,
      "--candidate",
      next.name,
      "--force",
    ]);
    assert.equal(done.code, 0, done.text);
    assert.match(done.text, /Successfully switched over to/);
    assert.equal((await cluster.untilWhole()).name, next.name);
  });
  await step(t, "the command line lists what is there", async () => {
    const leader = await cluster.untilWhole();
    const { code, text } = await commandLine(leader, ["list"]);
    assert.equal(code, 0, text);
    assert.match(text, new RegExp(String.raw`\| ${leader.name} .*\| Leader `));
    assert.equal(text.match(/\| Replica +\| streaming/g)?.length, 2, text);
  });
}

async function byKey(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a failover key is obeyed and removed", async () => {
    const leader = await cluster.untilWhole();
    const next = nextOf(cluster, leader);
    await cluster.put("failover", JSON.stringify({ member: next.name }));
    await cluster.until(
      `${next.name} leads`,
      async () => (await cluster.keys())["leader"] === next.name,
    );
    assert.equal((await cluster.untilWhole()).name, next.name);
    await isClear(cluster);
  });
  await step(t, "a key that names nobody is removed unobeyed", async () => {
    const leader = await cluster.untilWhole();
    await cluster.put("failover", JSON.stringify({ member: "n9" }));
    await isClear(cluster);
    assert.equal((await cluster.untilWhole()).name, leader.name);
  });
}

function nextOf(cluster: AgentCluster, leader: AgentMember): AgentMember {
  const [next] = cluster.others(leader.name);
  assert.ok(next !== undefined);
  return next;
}

async function isClear(cluster: AgentCluster): Promise<void> {
  await cluster.until(
    "the failover key is gone",
    async () =>
      [undefined, "", "{}"].includes((await cluster.keys())["failover"]),
  );
}
