/**
 * Takeover at `ttl 30`: a leader whose host is lost, cut off or frozen is replaced
 * by its voters' pledges, long before its lease ends, and nothing acknowledged is
 * lost; also when the frozen host goes on later. Direct writers to each member
 * look for two that acknowledge at once.
 */
import assert from "node:assert/strict";
import { FaultBench, faultTest } from "./bench/bench.ts";
import { freeze, freezeHost, loseHost } from "./bench/faults/processes.ts";
import { isolate } from "./bench/faults/wires.ts";
import type { BenchMember } from "./bench/member.ts";
import type { Undo } from "./bench/undo.ts";

const TIMING = { ttl: 30, loop_wait: 10, retry_timeout: 10 };
const TAKEN = "taking the leader key over";

interface Loss {
  readonly name: string;
  readonly mode: true | "quorum";
  readonly strike: (bench: FaultBench, leader: BenchMember) => Promise<Undo>;
}

const LOSSES: readonly Loss[] = [
  { name: "host lost", mode: true, strike: loseHost },
  { name: "host lost, quorum", mode: "quorum", strike: loseHost },
  { name: "host cut off", mode: "quorum", strike: isolate },
  {
    name: "host frozen, then thawed",
    mode: true,
    strike: (_, leader) => freezeHost(leader),
  },
  {
    name: "host frozen, then thawed, quorum",
    mode: "quorum",
    strike: (_, leader) => freezeHost(leader),
  },
];

for (const loss of LOSSES) {
  faultTest(`fault: takeover: ${loss.name}`, () => lose(loss));
}

async function lose({ mode, strike }: Loss): Promise<void> {
  const bootstrapDcs = { ...TIMING, synchronous_mode: mode, takeover: "on" };
  await using bench = await FaultBench.running({ bootstrapDcs });
  const leader = await bench.untilWhole();
  const others = bench.others(leader);
  await untilPledging(bench);
  await bench.record();
  await bench.untilWrites("direct", leader);
  const undo = await strike(bench, leader);
  const successor = await bench.untilLeader(others);
  assert.ok(
    others.some((member) => member.log().includes(TAKEN)),
    "the key was taken over, and did not just run out",
  );
  await bench.untilWrites("direct", successor);
  await undo();
  // It comes back as one of the others, whatever it believes.
  assert.equal((await bench.untilWhole()).name, successor.name);
  const report = await bench.judge("direct");
  assert.deepEqual(report.overlaps, []);
  assert.deepEqual(report.missing, []);
}

faultTest("fault: takeover: agent frozen", async () => {
  const bootstrapDcs = { ...TIMING, synchronous_mode: true, takeover: "on" };
  await using bench = await FaultBench.running({ bootstrapDcs });
  const leader = await bench.untilWhole();
  await untilPledging(bench);
  await bench.record();
  await bench.untilWrites("direct", leader);
  const thaw = freeze(leader, "agent");
  const successor = await bench.untilLeader(bench.others(leader));
  await bench.untilWrites("direct", successor);
  await thaw();
  assert.equal((await bench.untilWhole()).name, successor.name);
  const report = await bench.judge("direct");
  assert.deepEqual(report.overlaps, []);
  assert.deepEqual(report.missing, []);
});

/** Whoever was just copied is behind until it has what its leader had. */
async function untilPledging(bench: FaultBench): Promise<void> {
  await bench.until("all may pledge", async () => {
    const leader = await bench.untilLeader();
    const { text } = await leader.rest("GET", "/cluster");
    const others = bench.others(leader);
    const areReady = others.every((member) =>
      member.log().includes("able to pledge again")
    );
    return areReady && /"(sync|quorum)_standby"/.test(text);
  });
}
