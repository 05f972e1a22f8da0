/**
 * Agents that are started anew, or reload, with a proxy of another edition in
 * their way: sessions of the old one go on with real queries, new connections
 * land in the new one, none is refused, and the fence is there once.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { type AgentMember, connectTo } from "../helpers/agent_member.ts";
import { isAlive } from "../helpers/own_processes.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("a member's proxy is replaced under its clients", async (t) => {
    await using cluster = await AgentCluster.running({
      hasProxies: true,
      members: 2,
      // The machine may be slow, and the agent is to be in time.
      change: withProxy({ agent_grace: 60 }),
    });
    const leader = cluster.member("n1");
    const port = leader.place.proxyPorts?.primary ?? 0;
    const first = await proxyOf(leader);
    const session = new Worker(port);
    const visitors = new Visitors(port);
    await restarted(t, { cluster, leader, session });
    await reloaded(t, { cluster, leader, session });
    await step(t, "nobody was refused meanwhile", async () => {
      await visitors.end();
      assert.deepEqual(visitors.failures, []);
      assert.ok(visitors.served > 20, `${visitors.served}`);
      assert.deepEqual(session.failures, []);
    });
    await switchedOver(t, { cluster, leader, session, pid: first.pid });
    await fencedOnce(t, cluster);
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly leader: AgentMember;
  readonly session: Worker;
}

/** As an upgrade does it: the agent is gone for a moment, its proxy is not. */
async function restarted(t: Deno.TestContext, scene: Scene): Promise<void> {
  await step(t, "an agent that starts anew replaces the proxy", async () => {
    const { cluster, leader, session } = scene;
    const before = await proxyOf(leader);
    leader.config = withProxy({ hold_timeout: 11 })(leader.config);
    await leader.end("SIGKILL");
    leader.start();
    const after = await cluster.until("another proxy answers", async () => {
      const now = await proxyOf(leader);
      return now.pid !== before.pid && now.fence.state === "watching" && now;
    });
    assert.equal(after.predecessor?.pid, before.pid);
    await session.more(5);
    assert.deepEqual(session.failures, []);
    assert.match(leader.log(), /which goes on with \d+ sessions/);
    assert.doesNotMatch(leader.log(), /fencing the local primary/);
  });
}

async function reloaded(t: Deno.TestContext, scene: Scene): Promise<void> {
  await step(t, "a reload of a changed section does the same", async () => {
    const { cluster, leader, session } = scene;
    const before = await proxyOf(leader);
    leader.config = withProxy({ hold_timeout: 12 })(leader.config);
    leader.writeConfig();
    const { status } = await leader.rest("/reload", { method: "POST" });
    assert.equal(status, 202);
    await cluster.until("another proxy answers", async () => {
      const now = await proxyOf(leader);
      return now.pid !== before.pid && now.fence.state === "watching";
    });
    await session.more(5);
    assert.deepEqual(session.failures, []);
  });
  await step(
    t,
    "a reload without a change leaves the proxy alone",
    async () => {
      const { cluster, leader } = scene;
      const before = await proxyOf(leader);
      const reloads = countOf(leader, /received SIGHUP, reloading/g);
      await leader.rest("/reload", { method: "POST" });
      await cluster.until("it has reloaded", () =>
        Promise.resolve(
          countOf(leader, /received SIGHUP, reloading/g) > reloads,
        ));
      assert.equal((await proxyOf(leader)).pid, before.pid);
    },
  );
}

async function switchedOver(
  t: Deno.TestContext,
  scene: Scene & { readonly pid: number },
): Promise<void> {
  await step(
    t,
    "a switchover ends the sessions of the oldest, too",
    async () => {
      const { cluster, leader, pid, session } = scene;
      const { status, text } = await leader.rest("/switchover", {
        method: "POST",
        body: { leader: leader.name, candidate: "n2" },
      });
      assert.equal(status, 200, text);
      await cluster.until(
        "its session has ended",
        () => Promise.resolve(session.failures.length > 0),
      );
      await cluster.until(
        "its process has ended",
        () => Promise.resolve(!isAlive(pid)),
      );
      assert.equal((await cluster.untilWhole()).name, "n2");
      await session.end();
    },
  );
}

/** Old proxies of the leader live on; only the one in charge may fence. */
async function fencedOnce(
  t: Deno.TestContext,
  cluster: AgentCluster,
): Promise<void> {
  await step(t, "of several proxies one alone fences", async () => {
    const leader = cluster.member("n2");
    const old = await proxyOf(leader);
    // A reader's session outlives the fencing, as long as its server stays a replica.
    await neverLeads(cluster, cluster.member("n1"));
    const reader = new Worker(leader.place.proxyPorts?.replica ?? 0);
    await reader.more(1);
    leader.config = withProxy({ agent_grace: 1 })(leader.config);
    leader.writeConfig();
    await leader.rest("/reload", { method: "POST" });
    const now = await cluster.until("another proxy answers", async () => {
      const found = await proxyOf(leader);
      return found.pid !== old.pid && found.fence.state === "watching" && found;
    });
    assert.equal(isAlive(old.pid) && isAlive(now.pid), true);
    const postmaster = leader.postmasterPid();
    await leader.end("SIGKILL");
    await cluster.until(
      "PostgreSQL is down",
      () => Promise.resolve(leader.postmasterPid() !== postmaster),
    );
    await cluster.until("the fence is done", async () => {
      return (await proxyOf(leader)).fence.state === "fenced";
    });
    assert.equal(isAlive(old.pid) && isAlive(now.pid), true);
    assert.equal(countOf(leader, /fencing the local primary/g), 1);
    assert.equal(countOf(leader, /in place of its agent \(fast\)/g), 1);
    await reader.end();
  });
}

async function neverLeads(
  cluster: AgentCluster,
  member: AgentMember,
): Promise<void> {
  member.config = { ...member.config, tags: { nofailover: true } };
  member.writeConfig();
  await member.rest("/reload", { method: "POST" });
  await cluster.until(`${member.name} is tagged`, async () => {
    const { text } = await member.rest("/patroni");
    return JSON.parse(text).tags?.nofailover === true;
  });
}

function withProxy(change: Readonly<Record<string, unknown>>) {
  return (config: Readonly<Record<string, unknown>>) => ({
    ...config,
    proxy: { ...sectionOf(config, "proxy"), ...change },
  });
}

async function proxyOf(member: AgentMember) {
  const port = member.place.proxyPorts?.stats ?? 0;
  const response = await fetch(`http://127.0.0.1:${port}/stats`);
  return await response.json();
}

function countOf(member: AgentMember, pattern: RegExp): number {
  return [...member.log().matchAll(pattern)].length;
}

/** One session that works all the time. */
class Worker {
  readonly failures: string[] = [];
  #done = 0;
  readonly #session: ReturnType<typeof connectTo>;
  readonly #working: Promise<void>;
  #isOver = false;
  #pid: unknown = null;

  constructor(port: number) {
    this.#session = connectTo(port, { max_lifetime: null });
    this.#working = this.#work();
  }

  /** Resolves when that many more queries have been answered, or one failed. */
  async more(count: number): Promise<void> {
    const wanted = this.#done + count;
    while (this.#done < wanted && this.failures.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#working;
    await this.#session.end({ timeout: 0 });
  }

  async #work(): Promise<void> {
    while (!this.#isOver && this.failures.length === 0) {
      try {
        const [row] = await this.#session.unsafe(
          "select pg_backend_pid() as pid from pg_sleep(0.02)",
        );
        this.#pid ??= row?.["pid"];
        if (row?.["pid"] !== this.#pid) this.failures.push("another session");
        this.#done++;
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}

/** Connects anew all the time. */
class Visitors {
  readonly failures: string[] = [];
  served = 0;
  readonly #visiting: Promise<void>;
  #isOver = false;

  constructor(port: number) {
    this.#visiting = this.#visit(port);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#visiting;
  }

  async #visit(port: number): Promise<void> {
    while (!this.#isOver) {
      const session = connectTo(port);
      try {
        await session.unsafe("select 1");
        this.served++;
      } catch (error) {
        this.failures.push(String(error));
      } finally {
        await session.end({ timeout: 0 });
      }
    }
  }
}
