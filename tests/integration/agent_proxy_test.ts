/**
 * The proxy beside a member, in front of real members: it follows the leader,
 * spreads readers, holds new connections while the leader changes, and says with
 * PostgreSQL's own word when nobody takes over in time.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { type AgentMember, connectTo } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** How a session that ends with its leader looks to a client. */
const CUT_CODES = new Set([
  "CONNECTION_CLOSED",
  "57P01",
  "EPIPE",
  "ECONNRESET",
]);

const WHERE = "SELECT inet_server_port() AS port, " +
  "pg_is_in_recovery() AS is_standby";

unprivileged(import.meta.url, () => {
  Deno.test("a member's proxy in front of the scope", async (t) => {
    await using cluster = await AgentCluster.running({
      hasProxies: true,
      change: (config, { name }) => ({
        ...config,
        proxy: name === "n1"
          ? { ...sectionOf(config, "proxy"), hold_timeout: 10 }
          : false,
      }),
    });
    const { primary = 0, replica = 0, stats = 0 } =
      cluster.member("n1").place.proxyPorts ?? {};
    await routes(t, { cluster, primary, replica, stats });
    await switchover(t, { cluster, primary });
    await nobodyLeads(t, { cluster, primary });
    await leaderStops(t, { cluster, primary });
  });
});

interface Scene {
  readonly cluster: AgentCluster;
  readonly primary: number;
}

async function routes(
  t: Deno.TestContext,
  scene: Scene & { readonly replica: number; readonly stats: number },
): Promise<void> {
  const { cluster, primary, replica, stats } = scene;
  await step(t, "writers reach the leader", async () => {
    assert.deepEqual(await visit(primary), {
      port: cluster.member("n1").place.postgresPort,
      is_standby: false,
    });
  });
  await step(t, "readers are spread over the replicas", async () => {
    const ports = new Set<unknown>();
    await cluster.until("both replicas were visited", async () => {
      const seen = await visit(replica);
      assert.equal(seen?.["is_standby"], true);
      ports.add(seen["port"]);
      return ports.size === 2;
    });
    assert.equal(ports.has(cluster.member("n1").place.postgresPort), false);
  });
  await step(t, "the statistics name the routes", async () => {
    const response = await fetch(`http://127.0.0.1:${stats}/stats`);
    const { scope, routes } = await response.json();
    assert.equal(scope, "batman");
    assert.equal(routes.primary.name, "n1");
    const names = routes.replicas.map(({ name }: { name: string }) => name);
    assert.deepEqual(names.sort(), ["n2", "n3"]);
  });
}

async function switchover(
  t: Deno.TestContext,
  { cluster, primary }: Scene,
): Promise<void> {
  await step(t, "new connections wait while the leader changes", async () => {
    const old = cluster.member("n1");
    const next = cluster.member("n2");
    let cuts = 0;
    const session = connectTo(primary, { onclose: () => void cuts++ });
    await session.unsafe(WHERE);
    const visitors = new Visitors(primary);
    try {
      await switchTo(old, next);
      await cluster.until(
        "the old session is cut",
        () => Promise.resolve(cuts === 1),
      );
      await cluster.until(
        "writers reach the new leader",
        async () =>
          (await visit(primary))?.["port"] === next.place.postgresPort,
      );
    } finally {
      await visitors.end();
      await session.end({ timeout: 0 });
    }
    assert.deepEqual(visitors.refusals, []);
    const ports = [old, next].map(({ place }) => place.postgresPort);
    assert.deepEqual([...new Set(visitors.ports)], ports);
    assert.equal((await cluster.untilWhole()).name, "n2");
  });
}

async function nobodyLeads(
  t: Deno.TestContext,
  { cluster, primary }: Scene,
): Promise<void> {
  await step(t, "without a leader the wait ends with 57P03", async () => {
    await cluster.member("n2").killAll();
    await assert.rejects(visit(primary), { code: "57P03" });
  });
  await step(t, "the next leader is found", async () => {
    await cluster.expireLeader();
    const leader = await cluster.untilLeader(["n1", "n3"]);
    await cluster.until(
      "writers reach it",
      async () =>
        (await visit(primary))?.["port"] === leader.place.postgresPort,
    );
  });
}

async function leaderStops(
  t: Deno.TestContext,
  { cluster, primary }: Scene,
): Promise<void> {
  await step(
    t,
    "a leader that stops in order lets clients finish",
    async () => {
      cluster.member("n2").start();
      const last = await cluster.untilWhole();
      const leader = cluster.member("n1");
      if (last !== leader) {
        await switchTo(last, leader);
        await cluster.untilWhole();
      }
      const writer = connectTo(primary);
      await writer.unsafe("BEGIN");
      await writer.unsafe("CREATE TABLE finished (id int)");
      const visitors = new Visitors(primary);
      const ended = leader.end("SIGTERM");
      try {
        await cluster.until("its key says that it stops", async () => {
          const key = await cluster.key("members/n1");
          return Object(key).state === "stopping";
        });
        await writer.unsafe("COMMIT");
        assert.equal((await ended).code, 0);
        const next = await cluster.untilLeader(["n2", "n3"]);
        await cluster.until(
          "writers reach the next leader",
          () =>
            Promise.resolve(visitors.ports.at(-1) === next.place.postgresPort),
        );
        const [found] = await next.sql(
          "SELECT count(*) AS count FROM finished",
        );
        assert.equal(found?.["count"], "0");
      } finally {
        await visitors.end();
        await writer.end({ timeout: 0 });
        await ended;
      }
      assert.deepEqual(visitors.refusals, []);
    },
  );
}

async function switchTo(old: AgentMember, next: AgentMember): Promise<void> {
  const { status, text } = await old.rest("/switchover", {
    method: "POST",
    body: { leader: old.name, candidate: next.name },
  });
  assert.equal(status, 200, text);
}

/** Where a new connection through `port` ends up. */
async function visit(port: number) {
  const session = connectTo(port);
  try {
    const [row] = await session.unsafe(WHERE);
    return { ...row };
  } finally {
    await session.end({ timeout: 0 });
  }
}

/** Connects anew all the time. */
class Visitors {
  /** Servers reached, in order. */
  readonly ports: unknown[] = [];
  /** Connections that were not taken. */
  readonly refusals: unknown[] = [];
  readonly #port: number;
  readonly #running: Promise<void>;
  #isOver = false;

  constructor(port: number) {
    this.#port = port;
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        const seen = await visit(this.#port);
        assert.equal(seen["is_standby"], false);
        this.ports.push(seen["port"]);
      } catch (error) {
        if (!wasCut(error)) this.refusals.push(error);
      }
    }
  }
}

/** A session to the leader that stops ends with it; that is no refusal. */
function wasCut(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    CUT_CODES.has(String(error.code));
}
