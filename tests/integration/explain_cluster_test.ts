/**
 * `matriarch explain` on real servers: with all well, with agents that are dead,
 * frozen or not allowed to lead, and after each way in which a lead ends. It
 * answers whatever the members do, names everybody, and says what hinders them
 * and why the leader changed. What is said of frozen and fenced agents, slow
 * starts and lost stores stands in the tests that arrange them.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { explainLines, leadEndSaid } from "../helpers/explained.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test({
    name: "explain on a cluster with dead and frozen agents",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      await using cluster = await AgentCluster.running({
        dcs: "etcd",
        isQuick: true,
      });
      await well(t, cluster);
      await asked(t, cluster);
      await unasked(t, cluster);
      await dead(t, cluster);
      await frozen(t, cluster);
      await nobodyMay(t, cluster);
      await afterwards(t, cluster);
    },
  });
});

/** What the command line says of the lease, which is shorter here than it can be for users. */
const LEASE = String.raw`ttl \(20 s\)`;

/** What explain prints on n2, which lives through the whole test. */
async function explained(
  cluster: AgentCluster,
  what: string,
): Promise<readonly string[]> {
  return await explainLines(cluster.member("n2"), what);
}

/** The line about one member. */
function lineOf(lines: readonly string[], name: string): string {
  const found = lines.filter((line) => line.startsWith(`${name}: `));
  assert.equal(found.length, 1, `one line about ${name}`);
  return found[0] ?? "";
}

async function untilGone(cluster: AgentCluster, key: string): Promise<void> {
  await cluster.until(
    `${key} is gone`,
    async () => (await cluster.keys())[key] === undefined,
  );
}

async function well(t: Deno.TestContext, cluster: AgentCluster): Promise<void> {
  await step(t, "all well", async () => {
    const lines = await explained(cluster, "all well");
    assert.equal(lines[0], "Leader: n1; synchronous mode: off");
    assert.equal(lineOf(lines, "n1"), "n1: leads now");
    for (const name of ["n2", "n3"]) {
      assert.match(
        lineOf(lines, name),
        /^n\d: could take over, its WAL ends at \w+\/\w+$/,
      );
    }
    assert.ok(
      lines.includes("There was no failover or switchover yet (timeline 1)"),
    );
  });
}

/** A request to the member's REST API, which the command line makes as well. */
async function ask(
  member: AgentMember,
  path: string,
  body: Section,
): Promise<void> {
  const { status, text } = await member.rest(path, { method: "POST", body });
  assert.ok(status < 300, `${path}: ${status} ${text}`);
}

async function asked(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const sentences: readonly (readonly [string, string, Section, string])[] = [
    [
      "n1",
      "/switchover",
      { leader: "n1", candidate: "n2" },
      "a switchover to n2",
    ],
    ["n2", "/failover", { candidate: "n1" }, "a failover to n1"],
  ];
  for (const [name, path, body, what] of sentences) {
    await step(t, `${what} is named`, async () => {
      const from = cluster.member(name);
      await ask(from, path, body);
      const leader = await cluster.untilLeader([String(body["candidate"])]);
      assert.equal(
        await leadEndSaid(cluster, leader),
        `${name} stepped down: ${what} was requested`,
      );
      await cluster.untilWhole();
    });
  }
  await step(t, "a switchover without a candidate is named", async () => {
    const others = ["n2", "n3"];
    await ask(cluster.member("n1"), "/switchover", { leader: "n1" });
    const leader = await cluster.untilLeader(others);
    assert.equal(
      await leadEndSaid(cluster, leader),
      "n1 stepped down: a switchover was requested",
    );
    await cluster.untilWhole();
  });
  await step(t, "a scheduled switchover is named", async () => {
    const from = await cluster.untilWhole();
    const at = new Date(Date.now() + 4_000).toISOString();
    const body = { leader: from.name, candidate: "n1", scheduled_at: at };
    await ask(from, "/switchover", body);
    const leader = await cluster.untilLeader(["n1"]);
    assert.match(
      await leadEndSaid(cluster, leader),
      new RegExp(
        `^${from.name} stepped down: a switchover to n1 was requested for ` +
          `${at.slice(0, 19)}`,
      ),
    );
    await cluster.untilWhole();
  });
}

async function unasked(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "an agent that was stopped in order", async () => {
    await cluster.member("n1").end();
    const leader = await cluster.untilLeader(["n2", "n3"]);
    assert.equal(
      await leadEndSaid(cluster, leader),
      "n1 handed the lead over because its agent was stopped",
    );
    cluster.member("n1").start();
    await cluster.untilWhole();
  });
  await step(t, "a crash without patience", async () => {
    const from = await cluster.untilWhole();
    const settings = { method: "PATCH", body: { primary_start_timeout: 0 } };
    assert.equal((await from.rest("/config", settings)).status, 200);
    await pastCycles(cluster, from);
    from.killPostmaster();
    const leader = await cluster.untilLeader(
      cluster.others(from.name).map(({ name }) => name),
    );
    assert.match(
      await leadEndSaid(cluster, leader),
      new RegExp(`^${from.name} stepped down: its PostgreSQL crashed, and `),
    );
    await cluster.untilWhole();
  });
  await switchBack(cluster);
}

/** The rest of the test counts on n1. */
async function switchBack(cluster: AgentCluster): Promise<void> {
  const from = await cluster.untilWhole();
  if (from.name === "n1") return;
  await ask(from, "/switchover", { leader: from.name, candidate: "n1" });
  await cluster.untilLeader(["n1"]);
  await cluster.untilWhole();
}

async function dead(t: Deno.TestContext, cluster: AgentCluster): Promise<void> {
  const member = cluster.member("n3");
  await step(t, "a killed agent, its PostgreSQL goes on", async () => {
    await member.end("SIGKILL");
    const lines = await explained(cluster, "n3's agent is killed");
    assert.match(
      lineOf(lines, "n3"),
      /no_answer - .*REFUSED 127\.0\.0\.1:\d+\): its agent is not running/,
    );
    assert.match(lineOf(lines, "n2"), /could take over/);
    assert.notEqual(member.postmasterPid(), null);
  });
  await step(t, "the same when its member key is gone", async () => {
    await untilGone(cluster, "members/n3");
    const lines = await explained(cluster, "n3's key is gone");
    assert.match(
      lineOf(lines, "n3"),
      new RegExp(
        String.raw`not_registered - .* ${LEASE} .* stands at \w+/\w+, \d+ by`,
      ),
    );
    member.start();
    await cluster.untilWhole();
  });
}

async function frozen(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n3");
  await step(t, "a frozen agent does not hold explain up", async () => {
    member.signal("SIGSTOP");
    const lines = await explained(cluster, "n3's agent is frozen");
    assert.match(
      lineOf(lines, "n3"),
      /no_answer - .*no answer from \S+ within 2 s\): its agent hangs or is /,
    );
    await untilGone(cluster, "members/n3");
    assert.match(
      lineOf(await explained(cluster, "its key is gone"), "n3"),
      /not_registered/,
    );
    member.signal("SIGCONT");
    await cluster.untilWhole();
  });
}

async function nobodyMay(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(
    t,
    "a leader that is lost and that nobody may replace",
    async () => {
      await setTags(cluster, { nofailover: true });
      await cluster.member("n1").killAll();
      const silent = await explained(cluster, "n1's host is lost");
      assert.match(
        lineOf(silent, "n1"),
        new RegExp(`leads now, but .*not running there.* within ${LEASE}$`),
      );
      await untilGone(cluster, "leader");
      await untilGone(cluster, "members/n1");
      const lines = await explained(cluster, "and its keys are gone");
      assert.match(lines[0] ?? "", /^Leader: nobody/);
      assert.match(lineOf(lines, "n1"), /not_registered/);
      for (const name of ["n2", "n3"]) {
        assert.match(lineOf(lines, name), /nofailover - its tag nofailover/);
      }
      assert.ok(
        lines.some((line) => /^Nobody leads and nobody can/.test(line)),
      );
      assert.ok(
        lines.some((line) => /n3: wait, nofailover - its tag/.test(line)),
      );
    },
  );
}

/** For n2 and n3, by a reload; waits until both have published them. */
async function setTags(cluster: AgentCluster, tags: Section): Promise<void> {
  const members = cluster.others("n1");
  for (const member of members) {
    member.config = { ...member.config, tags };
    member.writeConfig();
    member.signal("SIGHUP");
  }
  await cluster.until("the tags are published", async () => {
    const keys = await cluster.keys();
    return members.every(({ name }) => {
      const { tags: seen } = JSON.parse(keys[`members/${name}`] ?? "{}");
      return JSON.stringify(seen ?? {}) === JSON.stringify(tags);
    });
  });
}

async function afterwards(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a failover and why it happened", async () => {
    await setTags(cluster, {});
    const { name } = await cluster.untilLeader(["n2", "n3"]);
    await cluster.until(
      "the history has it",
      async () => JSON.stringify(await cluster.key("history")).includes(name),
    );
    const lines = await explained(cluster, `${name} took over`);
    assert.match(lineOf(lines, "n1"), /not_registered/);
    const at = lines.findIndex((line) => line.startsWith("Last change of"));
    assert.match(
      lines[at] ?? "",
      new RegExp(`: ${name} was promoted after n1; `),
    );
    assert.match(lines[at + 1] ?? "", /n1 did not step down: .* was dead/);
    assert.match(lines[at + 2] ?? "", new RegExp(`${name}: acquire_lease, `));
    cluster.member("n1").start();
    await cluster.untilWhole();
  });
}
