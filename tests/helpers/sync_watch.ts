/**
 * The synchronous set as tests look at it: the sync key, what PostgreSQL waits
 * for, and a watch that holds one against the other all the time.
 */
import assert from "node:assert/strict";
import { isQuorumSafe } from "../../lib/core/calc/sync/quorum_plan.ts";
import { parseStandbys } from "../../lib/core/calc/sync/standby_names.ts";
import type { AgentCluster } from "./agent_cluster.ts";
import type { AgentMember, Section } from "./agent_member.ts";

const LOOK_AGAIN_MS = 50;

/** The sync key. */
export interface SyncFacts {
  readonly leader: string | null;
  readonly quorum: number;
  /** Sorted. */
  readonly standbys: readonly string[];
}

/** What the sync key says now. */
export async function syncKey(cluster: AgentCluster): Promise<SyncFacts> {
  const key = Object(await cluster.key("sync"));
  const text = typeof key["sync_standby"] === "string"
    ? key["sync_standby"]
    : "";
  return {
    leader: typeof key["leader"] === "string" ? key["leader"] : null,
    quorum: Number(key["quorum"] ?? 0),
    standbys: text.split(",").filter(Boolean).sort(),
  };
}

/** `synchronous_standby_names` of a member as it is in force. */
export async function standbyNames(member: AgentMember): Promise<string> {
  const [row] = await member.sql("SHOW synchronous_standby_names");
  return String(row?.["synchronous_standby_names"]);
}

/** Waits until key and PostgreSQL of `leader` both say what is wanted. */
export async function untilSync(
  cluster: AgentCluster,
  leader: AgentMember,
  wanted: {
    readonly names: string;
    readonly standbys: readonly string[];
    readonly quorum?: number;
  },
): Promise<void> {
  const { names, standbys, quorum = 0 } = wanted;
  const what = `${leader.name} has '${names}', the key ` +
    `${quorum} of [${standbys}]`;
  await cluster.until(what, async () => {
    const key = await syncKey(cluster);
    return key.leader === leader.name && key.quorum === quorum &&
      key.standbys.join() === [...standbys].sort().join() &&
      await standbyNames(leader) === names;
  });
}

/** Changes the dynamic configuration. */
export async function patch(
  cluster: AgentCluster,
  body: Section,
): Promise<void> {
  const leader = await cluster.untilLeader();
  const answer = await leader.rest("/config", { method: "PATCH", body });
  assert.equal(answer.status, 200, answer.text);
}

/** No winner that the key allows can lack what PostgreSQL acknowledges with `names`. */
function isKept(key: SyncFacts, names: string): boolean {
  const { leader, quorum, standbys } = key;
  const waited = parseStandbys(names);
  // In a change of modes the key may still ask for votes when PostgreSQL waits
  // for one name already.
  if (!names.startsWith("ANY") && quorum === 0) {
    return standbys.every((name) => waited.names.includes(name));
  }
  const voters = standbys;
  return isQuorumSafe({
    self: leader ?? "",
    leader,
    quorum,
    voters,
    ...waited,
  });
}

/**
 * Looks all the time whether the key promises no more than PostgreSQL of its
 * leader keeps. Only a key that did not change meanwhile counts.
 */
export class SyncWatch implements AsyncDisposable {
  readonly violations: string[] = [];
  looks = 0;
  readonly #cluster: AgentCluster;
  readonly #work: Promise<void>;
  #isOver = false;

  constructor(cluster: AgentCluster) {
    this.#cluster = cluster;
    this.#work = this.#watch();
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await this.#look().catch(() => {
        // A server that is down or restarting proves nothing.
      });
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  async #look(): Promise<void> {
    const before = await syncKey(this.#cluster);
    if (before.leader === null) return;
    const names = await standbyNames(this.#cluster.member(before.leader));
    const after = await syncKey(this.#cluster);
    if (JSON.stringify(before) !== JSON.stringify(after)) return;
    this.looks++;
    if (isKept(before, names)) return;
    this.violations.push(`${JSON.stringify(before)} beside '${names}'`);
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#work;
  }
}
