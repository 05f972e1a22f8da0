/**
 * The agent dies or stands still and comes back while PostgreSQL and the proxy
 * go on: nothing restarts, nobody else leads, no session is cut.
 */
import assert from "node:assert/strict";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import { connectTo } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

unprivileged(import.meta.url, () => {
  Deno.test("a restarted agent adopts what runs", async (t) => {
    await using cluster = await AgentCluster.running({
      members: 2,
      hasProxies: true,
    });
    const leader = cluster.member("n1");
    const replica = cluster.member("n2");
    const port = leader.place.proxyPorts?.primary ?? 0;
    const session = connectTo(port);
    try {
      const before = await marksOf(session);
      const postmaster = leader.postmasterPid();
      const proxy = leader.proxyPid();
      assert.notEqual(postmaster, null);
      assert.notEqual(proxy, null);

      await step(t, "the leader's agent is killed and restarted", async () => {
        await leader.end("SIGKILL");
        assert.equal(leader.postmasterPid(), postmaster);
        assert.deepEqual(await marksOf(session), before);
        const marks = leader.log().length;
        leader.start();
        await cluster.until(
          "the new agent leads",
          () =>
            Promise.resolve(
              leader.log().slice(marks).includes("the leader with the lock"),
            ),
        );
        assert.equal((await cluster.untilWhole()).name, "n1");
      });
      await step(t, "PostgreSQL, proxy and session are the same", async () => {
        assert.equal(leader.postmasterPid(), postmaster);
        assert.equal(leader.proxyPid(), proxy);
        assert.deepEqual(await marksOf(session), before);
        assert.doesNotMatch(replica.log(), /promoted self/);
        assert.equal(
          (await cluster.key("history") as unknown[] ?? []).length,
          0,
        );
      });
      await step(t, "the same on the replica", async () => {
        const pid = replica.postmasterPid();
        await replica.end("SIGKILL");
        const marks = replica.log().length;
        replica.start();
        await cluster.until(
          "the new agent follows",
          () =>
            Promise.resolve(
              replica.log().slice(marks).includes("and following a leader"),
            ),
        );
        assert.equal((await cluster.untilWhole()).name, "n1");
        assert.equal(replica.postmasterPid(), pid);
        assert.doesNotMatch(replica.log().slice(marks), /running pg_rewind/);
      });
    } finally {
      await session.end({ timeout: 1 });
    }
  });
});

/** What would change if the session or its server were another. */
async function marksOf(
  session: ReturnType<typeof connectTo>,
): Promise<unknown> {
  const rows = await session.unsafe(
    "SELECT pg_backend_pid(), pg_postmaster_start_time()::text",
  );
  return { ...rows[0] };
}
