/**
 * Failsafe mode between both kinds: while etcd hangs, a leader of either kind
 * goes on with the consent of members of the other, and stops without it.
 */
import assert from "node:assert/strict";
import { type AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import { mixedCluster, named, switchOver } from "./mixed.ts";
import { patroniSkipReason } from "./programs.ts";

const SKIP = patroniSkipReason();
const TTL_MS = 20_000;

interface Scene {
  readonly t: Deno.TestContext;
  readonly cluster: AgentCluster;
  readonly watch: WritableWatch;
}

unprivileged(import.meta.url, () => {
  const name = "failsafe mode between both kinds" +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const kinds = ["patroni", "matriarch", "matriarch"] as const;
    await using cluster = await mixedCluster(kinds, { failsafe_mode: true });
    const [n1, n2] = cluster.members;
    assert.ok(n1 !== undefined && n2 !== undefined);
    await WritableWatch.prepare(n1);
    await using watch = new WritableWatch(cluster.members);
    const scene = { t, cluster, watch };
    await goesOn(scene, n1);
    await stops(scene, { leader: n1, silent: n2 });
    const leader = await cluster.untilWhole();
    if (leader !== n2) {
      await switchOver({ t, cluster, mode: "async" }, leader, n2);
    }
    await goesOn(scene, n2);
    await stops(scene, { leader: n2, silent: n1 });
    await watch.end();
    await step(t, "never two primaries at once", () => {
      assert.deepEqual(watch.violations(), []);
      return Promise.resolve();
    });
  });
});

async function goesOn(scene: Scene, leader: AgentMember): Promise<void> {
  const { t, cluster, watch } = scene;
  await step(t, `${named(leader)} goes on while all consent`, async () => {
    await cluster.until("the map lists all", async () => {
      const map = Object(await cluster.key("failsafe"));
      return Object.keys(map).length === cluster.members.length;
    });
    const timeline = (await leader.status())?.["timeline"];
    const frozenAt = performance.now();
    cluster.etcd?.freeze();
    await cluster.until("it wrote for more than the ttl", () => {
      const last = watch.last(leader.name);
      return Promise.resolve(
        (last?.askedAt ?? 0) > frozenAt + TTL_MS + 5_000,
      );
    });
    cluster.etcd?.thaw();
    assert.equal((await cluster.untilWhole()).name, leader.name);
    assert.equal((await leader.status())?.["timeline"], timeline);
  });
}

async function stops(
  { t, cluster }: Scene,
  { leader, silent }: {
    readonly leader: AgentMember;
    readonly silent: AgentMember;
  },
): Promise<void> {
  const title = `${named(leader)} stops while ${named(silent)} is silent`;
  await step(t, title, async () => {
    silent.signal("SIGSTOP");
    cluster.etcd?.freeze();
    await cluster.until("it is read-only", async () => {
      const [row] = await leader.sql(
        "SELECT pg_is_in_recovery() AS is_standby",
      );
      return row?.["is_standby"] === true;
    });
    silent.signal("SIGCONT");
    cluster.etcd?.thaw();
    await cluster.untilWhole();
  });
}
