/**
 * Random accidents in a synchronous scope whose members change their kind
 * between them: it heals each time, and no acknowledged row is lost. The seed is
 * part of the name; MATRIARCH_COMPAT_SEED and MATRIARCH_COMPAT_ROUNDS change it.
 */
import assert from "node:assert/strict";
import { type AgentCluster } from "../helpers/agent_cluster.ts";
import { step } from "../helpers/step.ts";
import type { AgentMember } from "../helpers/agent_member.ts";
import { unprivileged } from "../helpers/unprivileged.ts";
import { WritableWatch } from "../helpers/writable_watch.ts";
import { mixedCluster, named } from "./mixed.ts";
import { kindOf, patroniSkipReason, setKind } from "./programs.ts";

const SKIP = patroniSkipReason();
const SEED = Number(Deno.env.get("MATRIARCH_COMPAT_SEED") ?? "7");
const ROUNDS = Number(Deno.env.get("MATRIARCH_COMPAT_ROUNDS") ?? "8");

interface Scene {
  readonly cluster: AgentCluster;
  readonly leader: AgentMember;
  readonly replicas: readonly AgentMember[];
  readonly random: () => number;
}

/** What happens, told in the step's name; resolves when it has happened. */
interface Accident {
  readonly title: (scene: Scene) => string;
  readonly run: (scene: Scene) => Promise<void>;
}

const ACCIDENTS: readonly Accident[] = [
  {
    title: ({ leader }) => `${named(leader)} is lost`,
    run: async ({ cluster, leader, replicas }) => {
      await leader.killAll();
      await cluster.expireLeader();
      await cluster.untilLeader(replicas.map(({ name }) => name));
      leader.start();
    },
  },
  {
    title: ({ leader }) => `PostgreSQL of ${named(leader)} is killed`,
    run: ({ leader }) => Promise.resolve(leader.killPostmaster()),
  },
  {
    title: ({ leader }) => `the agent of ${named(leader)} is killed`,
    run: async ({ leader }) => {
      leader.signal("SIGKILL");
      await leader.ended();
      leader.start();
    },
  },
  {
    title: ({ leader }) => `${named(leader)} is ended in order`,
    run: async ({ cluster, leader, replicas }) => {
      await leader.end();
      await cluster.untilLeader(replicas.map(({ name }) => name));
      leader.start();
    },
  },
  {
    title: ({ replicas }) => `${replicas.map(named).join(" and ")} are lost`,
    run: async ({ replicas }) => {
      for (const replica of replicas) await replica.killAll();
      for (const replica of replicas) replica.start();
    },
  },
  {
    title: ({ leader }) => `switchover from ${named(leader)}`,
    run: async ({ cluster, leader }) => {
      // Right after an accident nobody may be synchronous yet.
      await cluster.until("it is accepted", async () => {
        const { status } = await leader.rest("/switchover", {
          method: "POST",
          body: { leader: leader.name },
        });
        return status === 200;
      });
    },
  },
];

unprivileged(import.meta.url, () => {
  const name = `accidents among both kinds, seed ${SEED}` +
    (SKIP === null ? "" : `: ${SKIP}`);
  Deno.test({ name, ignore: SKIP !== null }, async (t) => {
    const random = generator(SEED);
    const mode = random() < 0.5 ? true : "quorum";
    await using cluster = await mixedCluster(
      ["patroni", "matriarch", "matriarch"],
      { synchronous_mode: mode },
    );
    await WritableWatch.prepare(cluster.member("n1"));
    await using watch = new WritableWatch(cluster.members);
    for (let round = 1; round <= ROUNDS; round++) {
      await play(t, { cluster, watch, random, round });
    }
    await watch.end();
    await step(t, "never two primaries at once", () => {
      assert.deepEqual(watch.violations(), []);
      return Promise.resolve();
    });
  });
});

async function play(
  t: Deno.TestContext,
  parts: {
    readonly cluster: AgentCluster;
    readonly watch: WritableWatch;
    readonly random: () => number;
    readonly round: number;
  },
): Promise<void> {
  const { cluster, watch, random, round } = parts;
  const leader = await cluster.untilWhole();
  const replicas = cluster.others(leader.name);
  const scene = { cluster, leader, replicas, random };
  const accident = ACCIDENTS[Math.floor(random() * ACCIDENTS.length)];
  assert.ok(accident !== undefined);
  await step(t, `round ${round}: ${accident.title(scene)}`, async () => {
    await untilSynchronous(cluster, leader);
    await accident.run(scene);
    await cluster.untilWhole();
    const count = watch.acknowledged.length;
    await cluster.until(
      "the client writes",
      () => Promise.resolve(watch.acknowledged.length > count),
    );
    // The list may be from before the accident: the leader of it does not answer then.
    const { lost } = await cluster.until("the rows can be read", async () => {
      const now = await cluster.untilWhole();
      return { lost: await watch.lostOn(now) };
    });
    assert.deepEqual(lost, []);
    await exchange(cluster, random);
  });
}

/** Sometimes a replica goes on with the other kind. */
async function exchange(
  cluster: AgentCluster,
  random: () => number,
): Promise<void> {
  const leader = await cluster.untilWhole();
  const replica = cluster.others(leader.name)[Math.floor(random() * 2)];
  if (replica === undefined || random() < 0.4) return;
  await replica.end();
  setKind(replica, kindOf(replica) === "patroni" ? "matriarch" : "patroni");
  replica.start();
  await cluster.untilWhole();
}

async function untilSynchronous(
  cluster: AgentCluster,
  leader: AgentMember,
): Promise<void> {
  await cluster.until("somebody is synchronous", async () => {
    const key = Object(await cluster.key("sync"));
    return key.leader === leader.name && (key.sync_standby ?? "") !== "";
  });
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
