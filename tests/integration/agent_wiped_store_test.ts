/**
 * The store loses all its keys: the running leader takes its place again and the
 * dynamic configuration comes back from what the members keep on disk.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

const LIMITS = { timeoutMs: 5_000 };

unprivileged(import.meta.url, () => {
  Deno.test("a wiped store is rebuilt by the members", async (t) => {
    await using cluster = await AgentCluster.running({ members: 2 });
    const first = cluster.member("n1");
    const { status } = await first.rest("/config", {
      method: "PATCH",
      body: { maximum_lag_on_failover: 4711 },
    });
    assert.equal(status, 200);
    for (const { dataDir, name } of cluster.members) {
      await cluster.until(
        `${name} keeps the change`,
        async () =>
          (await Deno.readTextFile(`${dataDir}/patroni.dynamic.json`))
            .includes("4711"),
      );
    }

    await step(t, "under running agents", async () => {
      await cluster.withDcs((dcs) => dcs.removeScope(LIMITS));
      await isRebuilt(cluster);
    });
    await step(t, "while no agent runs", async () => {
      for (const member of cluster.members) await member.end("SIGKILL");
      await cluster.withDcs((dcs) => dcs.removeScope(LIMITS));
      first.start();
      await cluster.untilLeader(["n1"]);
      cluster.member("n2").start();
      await isRebuilt(cluster);
    });
  });
});

async function isRebuilt(cluster: AgentCluster): Promise<void> {
  await cluster.until("the configuration is back", async () => {
    const config = await cluster.key("config");
    return JSON.stringify(config).includes("4711");
  });
  assert.equal((await cluster.untilWhole()).name, "n1");
  const [row] = await cluster.member("n1").sql(
    "SELECT system_identifier::text AS id FROM pg_control_system()",
  );
  const keys = await cluster.keys();
  assert.equal(keys["initialize"], row?.["id"]);
  assert.equal((await cluster.member("n1").status())?.["timeline"], 1);
}
