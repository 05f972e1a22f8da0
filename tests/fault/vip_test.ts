/**
 * The virtual address under faults: it follows the lead, is never on two hosts,
 * and leaves a host whose agent is dead without any code running there.
 */
import assert from "node:assert/strict";
import { stringify } from "yaml";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { freeze, kill, loseHost, stopAgent } from "./bench/faults/processes.ts";
import { stealAddress } from "./bench/faults/wires.ts";
import { carriersOf } from "./bench/carriers.ts";
import type { BenchMember } from "./bench/member.ts";

const WRITES = 100;
const READS = 101;

/** A bench whose members carry an address for each role. */
async function benchWithVips() {
  // The network's subnet is known only once it is there; all benches of a process share it.
  const subnet = `10.77.${Deno.pid % 250}`;
  const [writes, reads] = [`${subnet}.${WRITES}`, `${subnet}.${READS}`];
  const vip = [
    { address: writes, interface: "eth0" },
    { address: reads, interface: "eth0", role: "replica" },
  ];
  const bench = await FaultBench.running({ config: { vip } });
  return { bench, writes, reads };
}

/** Waits until exactly that member carries the address. */
async function untilCarriedBy(
  bench: FaultBench,
  address: string,
  member: BenchMember,
): Promise<void> {
  await bench.until(`${member.name} alone carries ${address}`, async () => {
    const found = await carriersOf(bench, address);
    return found.length === 1 && found[0] === member;
  });
}

faultTest(
  "fault: VIP moves with a switchover and with the loss of its member",
  async () => {
    const { bench, writes, reads } = await benchWithVips();
    await using _ = bench;
    const first = await bench.untilWhole();
    await untilCarriedBy(bench, writes, first);
    await bench.until(
      "one replica carries the read-only VIP",
      async () => (await carriersOf(bench, reads)).length === 1,
    );
    const [reader] = await carriersOf(bench, reads);
    assert.ok(reader !== undefined && reader !== first);
    await bench.record();
    await bench.untilWrites("vip-postgres", first);
    await bench.untilWrites("vip-proxy", first);

    const { status, text } = await first.rest("POST", "/switchover", {
      leader: first.name,
    });
    assert.equal(status, 200, text);
    const second = await bench.untilLeader(bench.others(first));
    await untilCarriedBy(bench, writes, second);
    await bench.untilWrites("vip-postgres", second);
    await bench.untilWhole();

    await loseHost(bench, second);
    const third = await bench.untilLeader(bench.others(second));
    await untilCarriedBy(bench, writes, third);
    await bench.untilWrites("vip-postgres", third);
    await bench.untilWrites("vip-proxy", third);

    const report = await bench.judge();
    assert.deepEqual(report.overlaps, []);
    assert.deepEqual(report.missing, []);
    assert.ok(report.acked > 100, "the recorder was writing");
  },
);

for (const how of ["killed", "frozen"] as const) {
  faultTest(
    `fault: VIP vanishes by itself when the leader's agent is ${how}`,
    async () => {
      const { bench, writes } = await benchWithVips();
      await using _ = bench;
      const first = await bench.untilWhole();
      await untilCarriedBy(bench, writes, first);
      await bench.record();
      await bench.untilWrites("vip-postgres", first);

      const undo = how === "killed"
        ? kill(first, "agent")
        : freeze(first, "agent");
      const isBoth = { seen: false };
      await bench.until("the VIP left the host", async () => {
        const found = await carriersOf(bench, writes);
        isBoth.seen ||= found.length > 1;
        return !found.includes(first);
      });
      const second = await bench.untilLeader(bench.others(first));
      await untilCarriedBy(bench, writes, second);
      await bench.untilWrites("vip-postgres", second);
      assert.equal(isBoth.seen, false);
      await undo();
      await bench.untilWhole();
      const report = await bench.judge("vip-postgres");
      assert.deepEqual(report.overlaps, []);
      assert.deepEqual(report.missing, []);
    },
  );
}

/** Waits until every address has one carrier, and these members carry so many each. */
async function untilSpread(
  bench: FaultBench,
  addresses: readonly string[],
  counts: ReadonlyMap<BenchMember, number>,
): Promise<void> {
  const wanted = [...counts].map(([{ name }, n]) => `${n} on ${name}`);
  await bench.until(`addresses: ${wanted.join(", ")}`, async () => {
    const found = await Promise.all(
      addresses.map((address) => carriersOf(bench, address)),
    );
    return found.every(({ length }) => length === 1) &&
      [...counts].every(([member, count]) =>
        found.filter(([carrier]) => carrier === member).length === count
      );
  });
}

faultTest(
  "fault: VIPs of replicas are spread, fall back to the leader, and are reloaded",
  async () => {
    const subnet = `10.77.${Deno.pid % 250}`;
    const vipOf = (number: number) => ({
      address: `${subnet}.${number}`,
      ...{ interface: "eth0", role: "replica", replica_fallback: true },
    });
    const vip = [vipOf(READS), vipOf(READS + 1)];
    const reads = vip.map(({ address }) => address);
    const bench = await FaultBench.running({ config: { vip } });
    await using _ = bench;
    const leader = await bench.untilWhole();
    const [one, two] = bench.others(leader);
    assert.ok(one !== undefined && two !== undefined);
    await untilSpread(bench, reads, new Map([[one, 1], [two, 1]]));
    const startTwo = stopAgent(two);
    await untilSpread(bench, reads, new Map([[one, 2]]));
    const startOne = stopAgent(one);
    await untilSpread(bench, reads, new Map([[leader, 2]]));
    await startOne();
    await untilSpread(bench, reads, new Map([[one, 2]]));
    await startTwo();
    await untilSpread(bench, reads, new Map([[one, 1], [two, 1]]));

    const moved = [vipOf(READS + 1), vipOf(READS + 2)];
    for (const member of bench.members) {
      const config = { ...member.config, vip: moved };
      await Deno.writeTextFile(member.configPath, stringify(config));
      Deno.kill(member.agentPid() ?? NaN, "SIGHUP");
    }
    const now = moved.map(({ address }) => address);
    await untilSpread(bench, now, new Map([[one, 1], [two, 1]]));
    assert.deepEqual(await carriersOf(bench, vipOf(READS).address), []);
  },
);

faultTest(
  "fault: VIP of another host is left alone until that host lets go",
  async () => {
    const { bench, writes } = await benchWithVips();
    await using _ = bench;
    const first = await bench.untilWhole();
    await untilCarriedBy(bench, writes, first);
    const thief = await bench.network.addHost("x1", 41);
    const giveBack = await stealAddress(bench, thief, writes);
    await bench.until(
      "the second owner is noticed",
      () => Promise.resolve(first.log().includes("is also answered for by")),
    );
    const { status: asked } = await first.rest("POST", "/switchover", {
      leader: first.name,
    });
    assert.equal(asked, 200);
    const second = await bench.untilLeader(bench.others(first));
    await bench.until(
      "the new leader does not take it",
      () => Promise.resolve(second.log().includes("answers for it on eth0")),
    );
    assert.deepEqual(await carriersOf(bench, writes), []);
    await giveBack();
    await untilCarriedBy(bench, writes, second);
  },
);
