/**
 * A real PgBouncer in front of the proxies: clients that never try anything twice
 * see nothing of a switchover, a transaction that does not end holds nobody up for
 * longer than it may, and no pooler stays paused when its agent is killed.
 */
import assert from "node:assert/strict";
import { AgentCluster, sectionOf } from "../helpers/agent_cluster.ts";
import { connectTo } from "../helpers/agent_member.ts";
import { freePort } from "../helpers/free_ports.ts";
import { adminUrl, Pgbouncer } from "../helpers/pgbouncer.ts";
import { PoolerLoad } from "../helpers/pooler_load.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** Twice as many as connections to the server. */
const CLIENTS = 40;

/** Who leads, and who does next. */
interface Scene {
  readonly cluster: AgentCluster;
  readonly pooler: Pgbouncer;
}

async function switchFrom(cluster: AgentCluster, name: string): Promise<void> {
  const [next] = cluster.others(name);
  assert.ok(next !== undefined);
  const { status, text } = await cluster.member(name).rest("/switchover", {
    method: "POST",
    body: { leader: name, candidate: next.name },
  });
  assert.equal(status, 200, text);
  await cluster.untilWhole();
}

/** For a failure: what the pooler and the members have said. */
function said({ cluster }: Scene): string {
  const log = Deno.readTextFileSync(`${cluster.directory}/pgbouncer.log`);
  return `${log.slice(-4_000)}\n${cluster.logs()}`;
}

async function unseen(scene: Scene): Promise<void> {
  const { cluster, pooler } = scene;
  await using load = await PoolerLoad.start(pooler, {
    count: CLIENTS,
    restMs: 20,
  });
  await load.untilMore(CLIENTS);
  await switchFrom(cluster, "n1");
  await load.untilMore(CLIENTS);
  assert.deepEqual(await load.end(), [], said(scene));
  const rows = await cluster.member("n2").sql("SELECT id, n FROM pooled");
  assert.deepEqual(
    new Map(rows.map(({ id, n }) => [Number(id), Number(n)])),
    load.acknowledged,
    "each acknowledged write is there, once",
  );
}

/** As the service manager does it before the host shuts down. */
async function stopped(scene: Scene): Promise<void> {
  const { cluster, pooler } = scene;
  await using load = await PoolerLoad.start(pooler, {
    count: CLIENTS,
    restMs: 20,
  });
  const leader = cluster.member("n1");
  await load.untilMore(CLIENTS);
  const { code } = await leader.end("SIGTERM");
  assert.equal(code, 0);
  await load.untilMore(CLIENTS);
  await cluster.untilLeader(["n2"]);
  assert.match(leader.log(), /PgBouncer at 127\.0\.0\.1:\d+ is paused/);
  leader.start();
  await cluster.untilWhole();
  await switchFrom(cluster, "n2");
  await load.untilMore(CLIENTS);
  assert.deepEqual(await load.end(), [], said(scene));
  const rows = await leader.sql("SELECT id, n FROM pooled");
  assert.deepEqual(
    new Map(rows.map(({ id, n }) => [Number(id), Number(n)])),
    load.acknowledged,
    "each acknowledged write is there, once",
  );
}

async function givenUp({ cluster, pooler }: Scene): Promise<void> {
  const endless = pooler.client();
  const other = pooler.client();
  try {
    await endless.unsafe("BEGIN").simple();
    await endless.unsafe("UPDATE pooled SET n = -1 WHERE id = 0").simple();
    const told = /PgBouncer at 127\.0\.0\.1:\d+ was not paused within 8 s/;
    const endOnceGivenUp = async (): Promise<void> => {
      await cluster.until(
        "it is given up",
        () => Promise.resolve(told.test(cluster.member("n2").log())),
      );
      // Or the drain would wait for it, too.
      await endless.end({ timeout: 0 });
    };
    await Promise.all([switchFrom(cluster, "n2"), endOnceGivenUp()]);
    const [row] = await other.unsafe("SELECT pg_is_in_recovery() AS r")
      .simple();
    assert.equal(row?.["r"], false);
    const [lost] = await cluster.member("n1")
      .sql("SELECT n FROM pooled WHERE id = 0");
    assert.notEqual(lost?.["n"], -1, "what was not committed is gone");
  } finally {
    await endless.end({ timeout: 0 });
    await other.end({ timeout: 0 });
  }
}

async function killed({ cluster, pooler }: Scene): Promise<void> {
  const leader = cluster.member("n1");
  // The drain of this one's transaction keeps the leader from stopping.
  const busy = connectTo(leader.place.proxyPorts?.primary ?? 0);
  const client = pooler.client();
  try {
    await busy.unsafe("BEGIN");
    await busy.unsafe("UPDATE pooled SET n = n WHERE id = 1");
    const pauses = (): number =>
      leader.log().split(/PgBouncer at .* is paused/).length;
    const before = pauses();
    const request = leader.rest("/switchover", {
      method: "POST",
      body: { leader: "n1", candidate: "n2" },
    }).catch(() => null);
    await cluster.until(
      "the pooler is paused",
      () => Promise.resolve(pauses() > before),
    );
    await leader.end("SIGKILL");
    await request;
    await assert.rejects(pooler.console("PAUSE"), /already suspended\/paused/);
    const answer = client.unsafe("SELECT 1 AS one").simple();
    leader.start();
    assert.equal((await answer)[0]?.["one"], 1);
    // The next leader may have been quicker.
    await cluster.until(
      "it looks after its pause",
      () => Promise.resolve(/may have been left paused/.test(leader.log())),
    );
  } finally {
    await busy.end({ timeout: 0 });
    await client.end({ timeout: 0 });
  }
}

const skipped = skipReason("pgbouncer", "pgbouncer");
unprivileged(import.meta.url, () => {
  Deno.test({
    name: "a PgBouncer in front of the scope" +
      (skipped === null ? "" : ` (skipped: ${skipped})`),
    ignore: skipped !== null,
    fn: async (t) => {
      const port = freePort();
      const pgbouncer = {
        ...{ admin: adminUrl(port), pause_timeout: 8, max_pause: 30 },
      };
      await using cluster = await AgentCluster.running({
        ...{ members: 2, hasProxies: true },
        change: (config) => ({
          ...config,
          proxy: { ...sectionOf(config, "proxy"), drain_timeout: 20 },
          pooler: { pgbouncer },
        }),
      });
      const [, second] = cluster.members;
      await using pooler = await Pgbouncer.start({
        directory: cluster.directory,
        serverPort: second?.place.proxyPorts?.primary ?? 0,
      }, port);
      const scene = { cluster, pooler };
      const stop = "clients that try nothing twice see no stop of the agent";
      const title = "clients that try nothing twice see no switchover";
      await step(t, stop, () => stopped(scene));
      await step(t, title, () => unseen(scene));
      await step(t, "a pause that hangs is given up", () => givenUp(scene));
      await step(t, "a killed agent's pause is ended", () => killed(scene));
    },
  });
});
