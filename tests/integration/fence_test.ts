/**
 * The fence on real processes: agents that are killed or frozen on the leader,
 * in time and for good, and everything that must not wake it.
 */
import assert from "node:assert/strict";
import {
  AgentCluster,
  type ClusterOptions,
  sectionOf,
} from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { signalTo } from "../helpers/own_processes.ts";
import { leadEndSaid } from "../helpers/explained.ts";
import { matriarchCommand } from "../helpers/program.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";

/** Long enough for an agent that is started at once on a busy machine, short enough for a test. */
const GRACE_S = 10;

const OPTIONS: ClusterOptions = {
  hasProxies: true,
  change: (config) => ({
    ...config,
    proxy: { ...sectionOf(config, "proxy"), agent_grace: GRACE_S },
  }),
};

unprivileged(import.meta.url, () => {
  Deno.test("the fence and agents that die", async (t) => {
    await using cluster = await AgentCluster.running({
      ...OPTIONS,
      bootstrapDcs: { ttl: 30, loop_wait: 2, retry_timeout: 10 },
    });
    await WritableWatch.prepare(cluster.member("n1"));
    await replicaKilled(t, cluster);
    await cleanStop(t, cluster);
    await backInTime(t, cluster);
    await proxyKilled(t, cluster);
    await bothKilled(t, cluster);
    await notBack(t, cluster);
  });

  Deno.test("the fence and an agent that is frozen", async (t) => {
    await using cluster = await AgentCluster.running({
      ...OPTIONS,
      members: 2,
      isQuick: true,
      bootstrapDcs: { ttl: 10 },
    });
    await WritableWatch.prepare(cluster.member("n1"));
    await frozen(t, cluster);
    await paused(t, cluster);
  });
});

async function replicaKilled(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a replica's killed agent changes nothing", async () => {
    const replica = cluster.member("n3");
    const postmaster = replica.postmasterPid();
    await replica.end("SIGKILL");
    await untilSaid(replica, "agent is gone to the proxy", () => {
      return fenceOf(replica).then(({ agent }) => agent === false);
    });
    assert.equal((await fenceOf(replica)).state, "off");
    await replica.sql("SELECT 1");
    replica.start();
    await cluster.untilWhole();
    assert.equal(replica.postmasterPid(), postmaster);
    assert.doesNotMatch(replica.log(), /fencing/);
  });
}

async function cleanStop(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "an agent that ends in order is not fenced", async () => {
    const leader = await cluster.untilWhole();
    await leader.end("SIGTERM");
    await untilSaid(leader, "the fence is off", async () => {
      return (await fenceOf(leader)).state === "off";
    });
    await cluster.untilLeader(cluster.others(leader.name).map((m) => m.name));
    leader.start();
    await cluster.untilWhole();
    assert.doesNotMatch(leader.log(), /is gone: PostgreSQL is stopped/);
  });
}

async function backInTime(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a killed agent that is started again adopts", async () => {
    const leader = await cluster.untilWhole();
    const postmaster = leader.postmasterPid();
    await using watch = new WritableWatch([leader]);
    await untilSaid(
      leader,
      "it takes writes",
      () => watch.last() !== undefined,
    );
    await leader.end("SIGKILL");
    leader.start();
    await untilSaid(leader, "the fence stands down", () => {
      return /is back in time: nothing is fenced/.test(leader.log());
    });
    const seen = watch.acknowledged.length;
    await untilSaid(
      leader,
      "more writes",
      () => watch.acknowledged.length > seen,
    );
    await watch.end();
    assert.equal((await cluster.untilWhole()).name, leader.name);
    assert.equal(leader.postmasterPid(), postmaster);
    console.log(`adopted in time; longest gap ${longestGapMs(watch)} ms`);
  });
}

async function proxyKilled(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "a killed proxy is back at once, and watches", async () => {
    const leader = await cluster.untilWhole();
    const proxy = leader.proxyPid();
    assert.ok(proxy !== null);
    const killedAt = performance.now();
    signalTo(proxy, "SIGKILL");
    await untilSaid(leader, "another proxy watches", async () => {
      const { pid, state } = await fenceOf(leader);
      return pid !== proxy && state === "watching";
    });
    const tookMs = Math.round(performance.now() - killedAt);
    console.log(`another proxy watches ${tookMs} ms after SIGKILL`);
  });
}

/** `matriarch fence-stop`, as a service manager calls it. */
async function fenceStop(member: AgentMember): Promise<{
  readonly code: number;
  readonly text: string;
}> {
  const words = ["fence-stop", member.configPath];
  const { code, stderr } = await matriarchCommand(words, {
    env: { HOME: member.place.directory },
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, text: new TextDecoder().decode(stderr) };
}

async function bothKilled(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const leader = await cluster.untilWhole();
  const postmaster = leader.postmasterPid();
  await step(t, "fence-stop leaves guarded instances alone", async () => {
    const [replica] = cluster.others(leader.name);
    assert.ok(replica !== undefined);
    const calm = [await fenceStop(leader), await fenceStop(replica)];
    assert.deepEqual(calm.map(({ code }) => code), [0, 0]);
    assert.match(calm[0]?.text ?? "", /the agent answers/);
    assert.match(calm[1]?.text ?? "", /is read-only/);
    leader.signal("SIGSTOP");
    const frozen = await fenceStop(leader);
    leader.signal("SIGCONT");
    assert.match(frozen.text, /the fence in the proxy process is on guard/);
    assert.equal(leader.postmasterPid(), postmaster);
  });
  await step(t, "without agent and proxy it stops the primary", async () => {
    const proxy = leader.proxyPid();
    assert.ok(proxy !== null);
    leader.signal("SIGKILL");
    signalTo(proxy, "SIGKILL");
    await leader.ended();
    const { code, text } = await fenceStop(leader);
    assert.equal(code, 0, text);
    assert.match(text, /stopping an unguarded primary \(fast\)/);
    assert.equal(leader.postmasterPid(), null);
    leader.start();
    await cluster.untilWhole();
  });
}

async function notBack(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const old = await cluster.untilWhole();
  const others = cluster.others(old.name).map(({ name }) => name);
  await using watch = new WritableWatch(cluster.members);
  await step(t, "a killed agent that stays away is fenced", async () => {
    await untilSaid(old, "it takes writes", () => watch.last() !== undefined);
    await untilSaid(old, "the fence watches", async () => {
      return (await fenceOf(old)).state === "watching";
    });
    const killedAt = performance.now();
    await old.end("SIGKILL");
    await untilSaid(old, "another member takes writes", () => {
      return others.some((name) => watch.last(name) !== undefined);
    });
    tell("SIGKILL", { watch, old, since: killedAt });
    assert.equal(old.postmasterPid(), null);
    assert.match(old.log(), /the leader key is given back/);
    assert.equal((await fenceOf(old)).state, "fenced");
    assert.match(
      await leadEndSaid(cluster, await cluster.untilLeader(others)),
      new RegExp(`^${old.name} did not step down: .*agent was dead.*fence`),
    );
  });
  await step(t, "its next agent rejoins", async () => {
    old.start();
    const leader = await cluster.untilWhole();
    assert.ok(others.includes(leader.name));
    await watch.end();
    assert.deepEqual(watch.violations(), []);
    assert.deepEqual(await watch.lostOn(old), []);
    assert.equal((await fenceOf(old)).state, "off");
  });
}

async function frozen(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  const [old, other] = [cluster.member("n1"), cluster.member("n2")];
  await using watch = new WritableWatch(cluster.members);
  await step(
    t,
    "a frozen agent is ended, and fenced as a dead one",
    async () => {
      await untilSaid(old, "it takes writes", () => watch.last() !== undefined);
      await untilSaid(old, "the fence watches", async () => {
        return (await fenceOf(old)).state === "watching";
      });
      const frozenAt = performance.now();
      old.signal("SIGSTOP");
      await untilSaid(other, "the other member takes writes", () => {
        return watch.last("n2") !== undefined;
      });
      tell("SIGSTOP", { watch, old, since: frozenAt });
      await old.ended();
      assert.equal(old.postmasterPid(), null);
      assert.match(old.log(), /process \d+\) has not moved for [0-9.]+ s/);
      assert.match(
        old.log(),
        /has been gone for [0-9.]+ s and its lease ends in/,
      );
    },
  );
  await step(t, "it rejoins when it is started again", async () => {
    old.start();
    assert.equal((await cluster.untilWhole()).name, "n2");
    assert.match(await leadEndSaid(cluster, other), /^n1 did not step down/);
    await watch.end();
    assert.deepEqual(watch.violations(), []);
    assert.deepEqual(await watch.lostOn(old), []);
  });
}

async function paused(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "in pause nothing is fenced", async () => {
    const leader = await cluster.untilWhole();
    const body = { pause: true };
    await leader.rest("/config", { method: "PATCH", body });
    await untilSaid(leader, "the fence is off", async () => {
      return (await fenceOf(leader)).state === "off";
    });
    const postmaster = leader.postmasterPid();
    await leader.end("SIGKILL");
    await untilSaid(leader, "the proxy noticed", async () => {
      return !(await fenceOf(leader)).agent;
    });
    await cluster.until("the lease has ended", async () => {
      return (await cluster.keys())["leader"] === undefined;
    });
    await leader.sql("INSERT INTO beats DEFAULT VALUES");
    assert.equal(leader.postmasterPid(), postmaster);
    assert.equal((await fenceOf(leader)).fencings, 0);
  });
}

interface Fencing {
  readonly watch: WritableWatch;
  readonly old: AgentMember;
  /** When the fault was put in, `performance.now()`. */
  readonly since: number;
}

/** For people: the times of a fencing. */
function tell(what: string, { watch, old, since }: Fencing): void {
  const last = watch.last(old.name)?.answeredAt ?? since;
  const first = watch.acknowledged.find(({ member, answeredAt }) =>
    member !== old.name && answeredAt > since
  );
  const ms = (at: number): number => Math.round(at - since);
  console.log(
    `${what}: last write on the old leader after ${ms(last)} ms, first on ` +
      `the new one after ${ms(first?.answeredAt ?? NaN)} ms`,
  );
}

function longestGapMs({ acknowledged }: WritableWatch): number {
  const gaps = acknowledged.map(({ answeredAt }, i) =>
    answeredAt - (acknowledged[i - 1]?.answeredAt ?? answeredAt)
  );
  return Math.round(Math.max(...gaps));
}

/** The fence as the member's proxy shows it. */
async function fenceOf(member: AgentMember): Promise<{
  readonly pid: number;
  readonly state: string;
  readonly fencings: number;
  readonly agent: boolean;
}> {
  const port = member.place.proxyPorts?.stats;
  try {
    const response = await fetch(`http://127.0.0.1:${port}/stats`);
    const { pid, agent, fence } = await response.json();
    return { pid, agent: agent?.isConnected ?? false, ...fence };
  } catch {
    return { pid: 0, state: "no proxy", fencings: 0, agent: false };
  }
}

async function untilSaid(
  member: AgentMember,
  what: string,
  look: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await look()) {
    if (performance.now() > deadline) {
      assert.fail(`Never happened: ${what}\n${member.logEnd(60)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
