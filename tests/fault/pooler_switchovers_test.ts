/**
 * A thousand clients of one PgBouncer (transaction pooling) that never try
 * anything twice, and fifty switchovers under them: no error, and each
 * acknowledged write is there once. Says how long the slowest write took.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { freePort } from "../helpers/free_ports.ts";
import { adminUrl, Pgbouncer } from "../helpers/pgbouncer.ts";
import { PoolerLoad } from "../helpers/pooler_load.ts";
import { skipReason } from "../helpers/skip_reason.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const CLIENTS = 1_000;
const SWITCHOVERS = 50;
/** A thousand writes in two seconds: the machine is to be busy, not overrun. */
const REST_MS = 2_000;

/** `MATRIARCH_TEST_LOGS` names a folder for what is found. */
async function tell(text: string): Promise<void> {
  const folder = Deno.env.get("MATRIARCH_TEST_LOGS");
  if (folder === undefined) return console.log(text);
  await Deno.writeTextFile(`${folder}/pooler_switchovers.txt`, `${text}\n`);
}

const skipped = skipReason("pgbouncer", "pgbouncer");
unprivileged(import.meta.url, () => {
  Deno.test({
    name: `${CLIENTS} clients of a PgBouncer see none of ${SWITCHOVERS} ` +
      `switchovers${skipped === null ? "" : ` (skipped: ${skipped})`}`,
    ignore: skipped !== null,
    fn: async () => {
      const port = freePort();
      await using cluster = await AgentCluster.running({
        ...{ members: 2, hasProxies: true },
        change: (config) => ({
          ...config,
          pooler: { pgbouncer: { admin: adminUrl(port) } },
        }),
      });
      await using pooler = await Pgbouncer.start({
        directory: cluster.directory,
        serverPort: cluster.member("n2").place.proxyPorts?.primary ?? 0,
      }, port);
      await using load = await PoolerLoad.start(pooler, {
        count: CLIENTS,
        restMs: REST_MS,
      });
      const report: number[] = [];
      for (let i = 0; i < SWITCHOVERS; i++) {
        await load.untilMore(CLIENTS);
        load.slowestMs = 0;
        const leader = await cluster.untilWhole();
        const [next] = cluster.others(leader.name);
        const { status, text } = await leader.rest("/switchover", {
          method: "POST",
          body: { leader: leader.name, candidate: next?.name },
        });
        assert.equal(status, 200, text);
        await load.untilMore(CLIENTS);
        report.push(Math.round(load.slowestMs));
      }
      assert.deepEqual(await load.end(), []);
      const leader = await cluster.untilWhole();
      const rows = await leader.sql("SELECT id, n FROM pooled");
      const counted = new Map(rows.map(({ id, n }) => [Number(id), Number(n)]));
      assert.deepEqual(counted, load.acknowledged);
      report.sort((a, b) => a - b);
      await tell(
        `${load.total} writes, no error; the slowest write around a ` +
          `switchover: median ${report[report.length >> 1]} ms, longest ` +
          `${report.at(-1)} ms`,
      );
    },
  });
});
