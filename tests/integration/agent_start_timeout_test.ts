/**
 * Starts that take long: a restart that says so, primary_start_timeout with and
 * without somebody who can take over, and its value 0 beside a planned restart.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember, Section } from "../helpers/agent_member.ts";
import { pastCycles } from "../helpers/cycles.ts";
import { leadEndSaid } from "../helpers/explained.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("starts that take long", async (t) => {
    await using cluster = await AgentCluster.create({
      members: 2,
      change: withGate,
    });
    try {
      for (const member of cluster.members) await makeGate(member);
      await cluster.startAll();
      await slowRestart(t, cluster);
      await withoutPatience(t, cluster);
      await nobodyElse(t, cluster);
      await timedOut(t, cluster);
    } finally {
      // Else nobody can remove what is in them.
      for (const { place: { directory } } of cluster.members) {
        await Deno.chmod(`${directory}/gate`, 0o755);
      }
    }
  });
});

/**
 * The postmaster writes its pid to one more file before it listens, and does not
 * remove it from a folder that is read-only. A FIFO in its place lets it wait.
 */
function withGate(
  config: Section,
  { directory }: { readonly directory: string },
): Section {
  const postgresql = sectionOf(config, "postgresql");
  return {
    ...config,
    postgresql: {
      ...postgresql,
      callbacks: { on_restart: `touch ${directory}/restarted -` },
      parameters: {
        ...sectionOf(postgresql, "parameters"),
        external_pid_file: `${directory}/gate/pid`,
      },
    },
  };
}

async function makeGate({ place: { directory } }: AgentMember): Promise<void> {
  await Deno.mkdir(`${directory}/gate`, { recursive: true });
  await Deno.writeTextFile(`${directory}/gate/pid`, "");
  await Deno.chmod(`${directory}/gate`, 0o555);
}

async function shut(member: AgentMember): Promise<void> {
  const gate = `${member.place.directory}/gate`;
  await Deno.chmod(gate, 0o755);
  await Deno.remove(`${gate}/pid`);
  const { code } = await new Deno.Command("mkfifo", { args: [`${gate}/pid`] })
    .output();
  assert.equal(code, 0);
  await Deno.chmod(gate, 0o555);
}

/** Whoever waits goes on, and nobody waits again. */
async function open(member: AgentMember): Promise<void> {
  const gate = `${member.place.directory}/gate`;
  // For reading and writing: it waits for nobody itself.
  using fifo = await Deno.open(`${gate}/pid`, { read: true, write: true });
  await fifo.read(new Uint8Array(16));
  await Deno.chmod(gate, 0o755);
  await Deno.remove(`${gate}/pid`);
  await makeGate(member);
}

async function patch(cluster: AgentCluster, body: Section): Promise<void> {
  const leader = await cluster.untilWhole();
  const { status, text } = await leader.rest("/config", {
    method: "PATCH",
    body,
  });
  assert.equal(status, 200, text);
  await pastCycles(cluster, leader);
}

async function untilLogged(
  cluster: AgentCluster,
  member: AgentMember,
  pattern: RegExp,
): Promise<void> {
  const mark = member.log().length;
  await cluster.until(
    `${member.name} logs ${pattern}`,
    () => Promise.resolve(pattern.test(member.log().slice(mark))),
  );
}

async function slowRestart(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const member = cluster.member("n2");
  const told = `${member.place.directory}/restarted`;
  await step(t, "a restart says that it is not over in time", async () => {
    await shut(member);
    const answer = await member.rest("/restart", {
      method: "POST",
      body: { timeout: 1 },
    });
    assert.deepEqual(answer, {
      status: 503,
      text: "postgres is still starting",
    });
    await cluster.until(
      "it is seen to start",
      async () => (await member.status())?.["state"] === "starting",
    );
    await assert.rejects(Deno.stat(told), "no callback yet");
  });
  await step(t, "and tells its callback when it is", async () => {
    await open(member);
    await cluster.untilWhole();
    await cluster.until(
      "on_restart was called",
      () => Deno.stat(told).then(() => true),
    );
  });
}

async function withoutPatience(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "no patience with crashes is no restart's limit", async () => {
    await patch(cluster, { primary_start_timeout: 0 });
    const leader = cluster.member("n1");
    const mark = leader.log().length;
    const answer = await leader.rest("/restart", { method: "POST" });
    assert.deepEqual(answer, { status: 200, text: "restarted successfully" });
    assert.equal((await cluster.untilWhole()).name, "n1");
    assert.doesNotMatch(leader.log().slice(mark), /Demoting self/);
  });
}

async function nobodyElse(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [leader, other] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a start that nobody can replace is waited for", async () => {
    await patch(cluster, { primary_start_timeout: 2 });
    await other.end();
    await shut(leader);
    leader.killPostmaster();
    await untilLogged(
      cluster,
      leader,
      /primary start has timed out, but continuing to wait because failover is not possible/,
    );
    assert.equal((await cluster.keys())["leader"], "n1");
    await open(leader);
    await cluster.untilLeader(["n1"]);
    assert.equal((await leader.status())?.["timeline"], 1);
    other.start();
    assert.equal((await cluster.untilWhole()).name, "n1");
  });
}

async function timedOut(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [leader, other] = [cluster.member("n1"), cluster.member("n2")];
  await step(t, "a start that takes too long is a failover", async () => {
    await shut(leader);
    leader.killPostmaster();
    await untilLogged(
      cluster,
      leader,
      /stopped PostgreSQL because of startup timeout/,
    );
    await cluster.untilLeader([other.name]);
    await open(leader);
    assert.equal((await cluster.untilWhole()).name, other.name);
    assert.equal(
      await leadEndSaid(cluster, other),
      "n1 stepped down: its PostgreSQL was not up again within " +
        "primary_start_timeout",
    );
  });
}
