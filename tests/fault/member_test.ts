/**
 * What happens to one member, and what must follow: the rows of the table that
 * docs/safety.md stands on, one after the other on one bench, each with a name
 * of its own. Rows that need the fence are not here yet.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { kill, loseMember, stopAgent } from "./bench/faults.ts";

const VIP_NUMBER = 100;

faultTest(
  "fault: one member: what happens, and what must happen",
  async (t) => {
    const writes = `10.77.${Deno.pid % 250}.${VIP_NUMBER}`;
    const vip = [{ address: writes, interface: "eth0" }];
    await using bench = await FaultBench.running({ config: { vip } });
    await bench.untilWhole();
    await bench.record([writes]);

    /** A row: starts and ends with a whole scope. */
    const row = async (name: string, fn: () => Promise<void>) => {
      const isDone = await t.step({
        name,
        fn: async () => {
          await fn();
          await bench.untilWhole();
        },
        sanitizeOps: false,
        sanitizeResources: false,
      });
      if (!isDone) throw new Error(`"${name}" failed; the rest needs it`);
    };
    const replicaOf = async () => {
      const leader = await bench.untilWhole();
      const [replica] = bench.others(leader);
      assert.ok(replica !== undefined);
      return { leader, replica };
    };

    await row("replica: PostgreSQL stops: restarted, rejoins", async () => {
      const { leader, replica } = await replicaOf();
      const pid = replica.postmasterPid();
      kill(replica, "postmaster");
      await bench.until("another postmaster", () => {
        const now = replica.postmasterPid();
        return Promise.resolve(now !== null && now !== pid);
      });
      assert.equal(await bench.untilWhole(), leader);
    });

    await row(
      "replica: agent stopped cleanly: PostgreSQL stopped",
      async () => {
        const { replica } = await replicaOf();
        const startAgain = stopAgent(replica);
        await replica.ended();
        assert.equal(replica.postmasterPid(), null);
        await startAgain();
      },
    );

    await row(
      "replica: agent killed: PostgreSQL goes on, a restart adopts it",
      async () => {
        const { replica } = await replicaOf();
        const pid = replica.postmasterPid();
        const startAgain = kill(replica, "agent");
        await replica.ended();
        await startAgain();
        await bench.untilWhole();
        assert.equal(replica.postmasterPid(), pid);
      },
    );

    await row("leader: PostgreSQL stops: restarted", async () => {
      const { leader } = await replicaOf();
      kill(leader, "postmaster");
      await bench.untilWrites("direct", leader);
    });

    await row("leader: proxy killed: the agent starts another", async () => {
      const { leader } = await replicaOf();
      const pid = leader.proxyPid();
      kill(leader, "proxy");
      await bench.until("another proxy", () => {
        const now = leader.proxyPid();
        return Promise.resolve(now !== null && now !== pid);
      });
      await bench.untilWrites(`proxy-${leader.name}`, leader);
    });

    await row(
      "leader: agent stopped cleanly: PostgreSQL stopped, VIP gone, another leads",
      async () => {
        const { leader } = await replicaOf();
        const startAgain = stopAgent(leader);
        await leader.ended();
        assert.equal(leader.postmasterPid(), null);
        const addresses = await bench.network.addressesOn(leader.host);
        assert.ok(!addresses.includes(writes));
        const next = await bench.untilLeader(bench.others(leader));
        await bench.untilWrites("vip-postgres", next);
        await startAgain();
      },
    );

    await row(
      "leader: the whole host is lost: another leads, it rejoins",
      async () => {
        const { leader } = await replicaOf();
        const comeBack = await loseMember(bench, leader);
        const next = await bench.untilLeader(bench.others(leader));
        await bench.untilWrites("vip-postgres", next);
        await comeBack();
      },
    );

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);
