/**
 * What happens to one member, and what must follow: the rows of the table that
 * docs/safety.md stands on, one after the other on one bench, each with a name
 * of its own.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { step } from "../helpers/step.ts";
import { freeze, kill, loseHost, stopAgent } from "./bench/faults/processes.ts";
import { blockRecovery } from "./bench/faults/disks.ts";
import { cutFromEtcd } from "./bench/faults/wires.ts";
import { type BenchMember, PORTS } from "./bench/member.ts";
import { Readers } from "./bench/readers.ts";

/** Longer than a lease of 20 s. */
const LASTING_MS = 25_000;

/** Who is struck, on a whole scope. */
interface Scene {
  readonly bench: FaultBench;
  readonly leader: BenchMember;
  readonly replica: BenchMember;
}

/** What happens, and what must happen; afterwards the scope must become whole again. */
type Row = readonly [name: string, play: (scene: Scene) => Promise<void>];

const REPLICA_ROWS: readonly Row[] = [
  [
    "replica: PostgreSQL stops: restarted, rejoins",
    async ({ bench, leader, replica }) => {
      const pid = replica.postmasterPid();
      kill(replica, "postmaster");
      await bench.until("another postmaster", () => {
        const now = replica.postmasterPid();
        return Promise.resolve(now !== null && now !== pid);
      });
      assert.equal(await bench.untilWhole(), leader);
    },
  ],
  [
    "replica: agent stopped cleanly: PostgreSQL stopped, out of the replica port before",
    async ({ bench, leader, replica }) => {
      await using readers = Readers.through(leader, PORTS.replica);
      await bench.until("reads come from the replica", () => {
        return Promise.resolve(readers.seen().has(replica.host.address));
      });
      const startAgain = stopAgent(replica);
      await replica.ended();
      assert.equal(replica.postmasterPid(), null);
      assert.deepEqual(readers.failures(), []);
      await startAgain();
    },
  ],
  [
    "replica: agent killed: PostgreSQL goes on, a restart adopts it",
    async ({ bench, replica }) => {
      const pid = replica.postmasterPid();
      const startAgain = kill(replica, "agent");
      await replica.ended();
      await startAgain();
      await bench.untilWhole();
      assert.equal(replica.postmasterPid(), pid);
    },
  ],
  [
    "replica: no etcd: goes on replicating, no promotion",
    async ({ bench, leader, replica }) => {
      const heal = await cutFromEtcd(bench, replica);
      await bench.lasting(LASTING_MS);
      assert.equal((await replica.status())?.["role"], "replica");
      const count = async (member: BenchMember) => {
        const [row] = await member.sql("SELECT count(*)::int FROM fault_log");
        return Number(row?.["count"]);
      };
      const written = await count(leader);
      await bench.until(
        "the replica has them too",
        async () => await count(replica) >= written,
      );
      await heal();
      assert.equal(await bench.untilWhole(), leader);
    },
  ],
];

const LEADER_ROWS: readonly Row[] = [
  ["leader: PostgreSQL stops: restarted", async ({ bench, leader }) => {
    kill(leader, "postmaster");
    await bench.untilWrites("direct", leader);
  }],
  [
    "leader: PostgreSQL stops: past primary_start_timeout another leads",
    async ({ bench, leader }) => {
      await leader.rest("PATCH", "/config", { primary_start_timeout: 5 });
      const unblock = await blockRecovery(leader);
      kill(leader, "postmaster");
      const next = await bench.untilLeader(bench.others(leader));
      await bench.untilWrites("direct", next);
      await unblock();
      await next.rest("PATCH", "/config", { primary_start_timeout: null });
    },
  ],
  [
    "leader: proxy killed: the agent starts another",
    async ({ bench, leader }) => {
      const pid = leader.proxyPid();
      kill(leader, "proxy");
      await untilOtherProxy(bench, leader, pid);
    },
  ],
  [
    "leader: proxy frozen: the agent replaces it",
    async ({ bench, leader }) => {
      const pid = leader.proxyPid();
      freeze(leader, "proxy");
      await untilOtherProxy(bench, leader, pid);
    },
  ],
  [
    "leader: agent stopped cleanly: PostgreSQL stopped, VIP gone, another leads",
    async ({ bench, leader }) => {
      const startAgain = stopAgent(leader);
      await leader.ended();
      assert.equal(leader.postmasterPid(), null);
      const addresses = await bench.network.addressesOn(leader.host);
      assert.ok(!addresses.includes(bench.vip));
      const next = await bench.untilLeader(bench.others(leader));
      await bench.untilWrites("vip-postgres", next);
      await startAgain();
    },
  ],
  [
    "leader: the whole host is lost: another leads, it rejoins",
    async ({ bench, leader }) => {
      const comeBack = await loseHost(bench, leader);
      const next = await bench.untilLeader(bench.others(leader));
      await bench.untilWrites("vip-postgres", next);
      await comeBack();
    },
  ],
];

async function untilOtherProxy(
  bench: FaultBench,
  member: BenchMember,
  pid: number | null,
): Promise<void> {
  await bench.until("another proxy", () => {
    const now = member.proxyPid();
    return Promise.resolve(now !== null && now !== pid);
  });
  await bench.untilWrites(`proxy-${member.name}`, member);
}

faultTest(
  "fault: one member: what happens, and what must happen",
  async (t) => {
    await using bench = await FaultBench.running();
    await bench.untilWhole();
    await bench.record();
    for (const [name, play] of [...REPLICA_ROWS, ...LEADER_ROWS]) {
      await step(t, name, async () => {
        const leader = await bench.untilWhole();
        const [replica] = bench.others(leader);
        assert.ok(replica !== undefined);
        await play({ bench, leader, replica });
        await bench.untilWhole();
      });
    }
    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
  },
);
