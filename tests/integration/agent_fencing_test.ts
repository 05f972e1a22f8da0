/**
 * Two members without synchronous replication: when the leader's host is lost a
 * command of the user's ends it for certain, and then the other member leads,
 * long before the lease ends. Where the command cannot, the lease decides.
 */
import assert from "node:assert/strict";
import { FAILOVERS_KEY } from "../../lib/core/codec/failovers_codec.ts";
import { decodeFencing } from "../../lib/core/codec/fencing_codec.ts";
import type { FencingKey } from "../../lib/core/model/fencing.ts";
import { revision } from "../../lib/core/base/units.ts";
import { AgentCluster } from "../helpers/agent_cluster.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { etcdSkipReason } from "../helpers/etcd.ts";
import { isAlive, pidsWith, signalTo } from "../helpers/own_processes.ts";
import { step } from "../helpers/step.ts";
import { patch } from "../helpers/sync_watch.ts";
import { unprivileged } from "../helpers/unprivileged.ts";

/** Far below the ttl, far above what a busy host makes of three seconds. */
const TAKEN_WITHIN_MS = 40_000;

/** The power switch: ends every process of the member's directory, for certain. */
const SWITCH_OFF = `
echo "$FENCE_SCOPE $FENCE_MEMBER $FENCE_BY $FENCE_ATTEMPT $FENCE_REASON $1" >>"$0/runs"
printf 'switching \\033[31moff\\n'
for pid in $(cat "$0/$FENCE_MEMBER.pids"); do kill -9 "$pid" 2>/dev/null; done
for pid in $(cat "$0/$FENCE_MEMBER.pids"); do
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
done
exit 0`;

/** Says what it is, leaves a child behind, and does not end. */
const HANG = `echo "$FENCE_ATTEMPT" >>"$0"; sh -c 'sleep 600; :' "$0" & wait`;

unprivileged(import.meta.url, () => {
  Deno.test({
    name:
      "a leader whose host is fenced is replaced long before its lease ends",
    ignore: etcdSkipReason() !== null,
    fn: async (t) => {
      const folder = await Deno.makeTempDir({ prefix: "matriarch-fencing-" });
      try {
        await using cluster = await fencedPair(folder);
        await step(t, "a leader that lives objects", () => objected(cluster));
        await step(
          t,
          "in pause nobody would be fenced",
          () => barredByPause(cluster),
        );
        await step(
          t,
          "the whole host is gone",
          () => lose(cluster, folder, (old) => old.killAll()),
        );
        await step(
          t,
          "the whole host stands still, and is ended while it does",
          () => lose(cluster, folder, (old) => freeze(old)),
        );
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });

  Deno.test({
    name: "a fencing command that hangs is killed, and the lease decides",
    ignore: etcdSkipReason() !== null,
    fn: async () => {
      const folder = await Deno.makeTempDir({ prefix: "matriarch-fencing-" });
      const mark = `${folder}/hanging`;
      try {
        await using cluster = await AgentCluster.running({
          ...{ dcs: "etcd", members: 2, isQuick: true },
          bootstrapDcs: { takeover: true },
          change: (config) => ({
            ...config,
            fencing: {
              ...{ command: ["sh", "-c", HANG, mark], timeout: 1, retries: 1 },
            },
          }),
        });
        const old = await untilFencingWorks(cluster);
        await old.killAll();
        const next = await cluster.untilLeader(
          cluster.others(old.name).map(({ name }) => name),
        );
        const { past } = await fencingKey(cluster);
        assert.ok(past.length >= 1 && past.length <= 2, Deno.inspect(past));
        for (const { host, by, result } of past) {
          assert.deepEqual([host, by, result], [old.name, next.name, "failed"]);
        }
        await cluster.until(
          "nothing of the command is left",
          () => Promise.resolve(pidsWith(mark).length === 0),
        );
        assert.match(cluster.logs(), /took longer than 1000 ms/);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
});

async function fencedPair(folder: string): Promise<AgentCluster> {
  await Deno.chmod(folder, 0o777);
  return await AgentCluster.running({
    ...{ dcs: "etcd", members: 2 },
    bootstrapDcs: {
      ...{ ttl: 120, loop_wait: 10, retry_timeout: 10 },
      ...{ synchronous_mode: false, takeover: true },
    },
    change: (config) => ({
      ...config,
      fencing: {
        command: ["sh", "-c", SWITCH_OFF, folder, "{member}/{address}"],
      },
    }),
  });
}

/** As if the other one had claimed: the claim stands for a moment only. */
async function objected(cluster: AgentCluster): Promise<void> {
  const leader = await untilFencingWorks(cluster);
  const [other] = cluster.others(leader.name);
  const term = await cluster.withDcs(async (dcs) => {
    const { entries } = await dcs.readFresh({ timeoutMs: 5_000 });
    return entries.find(({ key }) => key === "leader")?.revision ?? null;
  });
  const claim = {
    ...{ term, host: leader.name, by: other?.name, attempt: 1 },
    ...{ hold_ms: 60_000, state: "claimed" },
  };
  await cluster.put("fencing", JSON.stringify({ claim, past: [] }));
  await cluster.until(
    "the claim is let go",
    async () => (await fencingKey(cluster)).claim === null,
  );
  assert.equal((await cluster.untilWhole()).name, leader.name);
}

async function barredByPause(cluster: AgentCluster): Promise<void> {
  const leader = await cluster.untilWhole();
  await patch(cluster, { pause: true });
  const [other] = cluster.others(leader.name);
  await cluster.until("it says so", async () => {
    const { text } = await other?.rest("/explain") ?? { text: "{}" };
    const { works, fencing } = JSON.parse(text).takeover;
    return works === false &&
      JSON.stringify(fencing.obstacles).includes("paused");
  });
  await patch(cluster, { pause: null });
}

async function lose(
  cluster: AgentCluster,
  folder: string,
  away: (old: AgentMember) => Promise<void>,
): Promise<void> {
  const old = await untilFencingWorks(cluster);
  const [other] = cluster.others(old.name);
  assert.ok(other !== undefined);
  const pids = processesOf(old);
  Deno.writeTextFileSync(`${folder}/${old.name}.pids`, pids.join("\n"));
  Deno.writeTextFileSync(`${folder}/runs`, "");
  await away(old);
  await cluster.untilLeader([other.name], TAKEN_WITHIN_MS);
  await cluster.until("the next leader writes", async () => {
    await other.sql("CREATE TABLE IF NOT EXISTS written (at timestamptz)");
    await other.sql("INSERT INTO written VALUES (now())");
    return true;
  }, TAKEN_WITHIN_MS);
  assert.deepEqual(pids.filter(isAlive), []);
  assert.equal(
    Deno.readTextFileSync(`${folder}/runs`),
    `batman ${old.name} ${other.name} 1 leader_suspected ` +
      `${old.name}/127.0.0.1\n`,
  );
  const { claim, past } = await fencingKey(cluster);
  assert.equal(claim, null);
  const last = past.at(-1);
  assert.deepEqual(
    [last?.host, last?.by, last?.result],
    [old.name, other.name, "done"],
  );
  const { text: metrics } = await other.rest("/metrics");
  assert.match(metrics, /^matriarch_last_failover_seconds\{.*phase="fence"/m);
  assert.match(
    metrics,
    /^matriarch_tasks_total\{.*task="fence",result="done"\} [1-9]/m,
  );
  assert.match(cluster.logs(), /Fencing command: switching \[31moff/);
  await cluster.until("the change is kept with its phases", async () => {
    const kept = (await cluster.keys())[FAILOVERS_KEY] ?? "";
    return ["suspected", "fenced", "taken", "promoted"].every((phase) =>
      kept.includes(`"${phase}"`)
    );
  });
  old.start();
  assert.equal((await cluster.untilWhole()).name, other.name);
}

/** All that runs on that host: what carries its directory, and children of that. */
function processesOf({ place }: AgentMember): readonly number[] {
  const own = pidsWith(`${place.directory}/`);
  const children = own.flatMap((pid) => {
    const path = `/proc/${pid}/task/${pid}/children`;
    return Deno.readTextFileSync(path).split(" ").filter((word) => word !== "")
      .map(Number);
  });
  return [...new Set([...own, ...children])];
}

/** Agent and PostgreSQL stand still: the host is not gone. */
function freeze(old: AgentMember): Promise<void> {
  for (const pid of processesOf(old)) signalTo(pid, "SIGSTOP");
  return Promise.resolve();
}

async function untilFencingWorks(cluster: AgentCluster): Promise<AgentMember> {
  const leader = await cluster.untilWhole();
  await cluster.until("fencing would work", async () => {
    const told = await Promise.all(
      cluster.others(leader.name).map((member) => member.rest("/explain")),
    );
    return told.every(({ text }) =>
      JSON.parse(text).takeover?.by === "fencing"
    );
  });
  return leader;
}

async function fencingKey(cluster: AgentCluster): Promise<FencingKey> {
  return decodeFencing((await cluster.keys())["fencing"] ?? "", revision(0));
}
