/**
 * The proxy beside a member, in front of real members: it follows the leader,
 * spreads readers, holds new connections while the leader changes, and says with
 * PostgreSQL's own word when nobody takes over in time.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { commandLine } from "../helpers/command_line.ts";
import { decodeFailovers } from "../../lib/core/codec/failovers_codec.ts";
import type { FailoverRecord } from "../../lib/core/model/failover.ts";
import {
  documentedFamilies,
  printedFamilies,
} from "../helpers/metric_families.ts";
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
    await metrics(t, { cluster, primary, stats });
    await switchover(t, { cluster, primary });
    await switchoverIsKept(t, { cluster, primary });
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

/** What alerts rest on, of real servers. */
async function metrics(
  t: Deno.TestContext,
  { cluster, stats }: Scene & { readonly stats: number },
): Promise<void> {
  const leader = cluster.member("n1");
  const read = async (member: AgentMember): Promise<string> =>
    (await member.rest("/metrics")).text;
  await step(t, "the metrics say that the fence is armed", async () => {
    await cluster.until(
      "it is armed",
      async () => /^matriarch_fence_armed\S+ 1$/m.test(await read(leader)),
    );
    // Without a proxy there is none that could be armed.
    assert.doesNotMatch(await read(cluster.member("n2")), /fence_armed/);
  });
  await step(t, "the metrics say how much WAL a slot retains", async () => {
    // Else the leader drops a slot that nobody asked for; the other one shows when it knows.
    const { status } = await leader.rest("/config", {
      method: "PATCH",
      body: {
        ignore_slots: [{ name: "stuck" }],
        postgresql: { parameters: { work_mem: "5MB" } },
      },
    });
    assert.equal(status, 200);
    await cluster.until("the leader knows", async () => {
      const [row] = await leader.sql("SHOW work_mem");
      return row?.["work_mem"] === "5MB";
    });
    await leader.sql(
      "SELECT pg_create_physical_replication_slot('stuck', true)",
    );
    await leader.sql("SELECT pg_switch_wal()");
    await leader.sql("CREATE TABLE bytes_of_wal AS SELECT 1");
    const line =
      /^matriarch_slot_retained_bytes\S+slot="stuck",type="physical",active="no"} [1-9]\d*$/m;
    await cluster.until(
      "it retains some",
      async () => line.test(await read(leader)),
    );
    await leader.sql("SELECT pg_drop_replication_slot('stuck')");
    await cluster.until(
      "it is gone",
      async () => !(await read(leader)).includes('slot="stuck"'),
    );
  });
  await step(
    t,
    "each metric of a proxy with a fence is documented",
    async () => {
      const response = await fetch(`http://127.0.0.1:${stats}/metrics`);
      const printed = printedFamilies(await response.text());
      assert.ok(printed.some(({ name }) => name.includes("fencings")));
      const documented = await documentedFamilies("Proxies");
      for (const family of printed) {
        const row = documented.find(({ name }) => name === family.name);
        assert.deepEqual(row, family);
      }
    },
  );
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

async function switchoverIsKept(
  t: Deno.TestContext,
  { cluster, primary }: Scene,
): Promise<void> {
  await step(t, "the store keeps what happened and was felt", async () => {
    const writer = connectTo(primary);
    try {
      await writer.unsafe("CREATE TABLE kept (id int)");
    } finally {
      await writer.end({ timeout: 0 });
    }
    const record = await keptChange(
      cluster,
      (each) =>
        each.leader === "n2" && each.felt.length === 1 &&
        each.phases.some(({ name }) => name === "first_write"),
    );
    const { before, felt, phases, lostBytes, rule } = record;
    assert.deepEqual({ before, lostBytes }, { before: "n1", lostBytes: 0 });
    assert.match(rule, /^R\d+$/);
    assert.deepEqual(phases.map(({ name }) => name), [
      ...["detected", "decided", "promoted", "first_write"],
    ]);
    const [told] = felt;
    assert.equal(told?.proxy, "n1");
    assert.ok(told.ended >= 1 && told.waited >= 1, JSON.stringify(told));
    assert.ok(told.longestWaitMs > 0, JSON.stringify(told));
    assert.equal(told.failed, 0);
  });
  await step(t, "history -v shows it", async () => {
    const any = cluster.member("n3");
    const asked = await commandLine(any, ["history", "-v", "-f", "json"]);
    const [line] = JSON.parse(asked.text);
    assert.equal(line.Failover.leader, "n2");
    assert.equal(line.Failover.clients[0].proxy, "n1");
    const { text } = await commandLine(any, ["history", "-v"]);
    assert.match(text, /TL 2, .*: n1 -> n2\n/);
    assert.match(text, /clients of n1: .* 0 in vain/);
  });
}

/** The newest change that is as wanted. */
async function keptChange(
  cluster: AgentCluster,
  isWanted: (record: FailoverRecord) => boolean,
): Promise<FailoverRecord> {
  let found: FailoverRecord | undefined;
  await cluster.until("the change is kept", async () => {
    const { failovers = null } = await cluster.keys();
    found = decodeFailovers(failovers).findLast(isWanted);
    return found !== undefined;
  });
  return found ?? assert.fail("no such change");
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
      const left = await keptChange(
        cluster,
        ({ leftBehind }) => leftBehind.some(({ member }) => member === "n2"),
      );
      assert.equal(left.before, "n2");
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
