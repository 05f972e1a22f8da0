/**
 * A running lab as a cluster: starts and ends all of it and asks its REST API.
 * Knows nothing of what the agent is: the benchmark runs Patroni's
 * agents with it.
 */
import {
  type ClusterStatus,
  fetchClusterStatus,
  leaderOf,
  missingToBeWhole,
} from "./cluster_status.ts";
import { type LabPlan, type MemberPlan, REST_USER } from "./plan.ts";
import { type AgentCommand, LabAgents, memberOf } from "./lab_agents.ts";
import { endMarked } from "./processes.ts";
import { LabBrokenError, waitFor } from "./wait.ts";

/** What the cluster needs besides its plan. */
interface LabClusterOptions {
  readonly agentCommand: (member: MemberPlan) => AgentCommand;
  /** The configuration file's text of a member. */
  readonly configText: (member: MemberPlan) => string;
}

const WHOLE_MS = 90_000;

/** The members of a running lab. */
export class LabCluster {
  readonly plan: LabPlan;
  readonly agents: LabAgents;
  readonly #options: LabClusterOptions;

  constructor(plan: LabPlan, options: LabClusterOptions) {
    this.plan = plan;
    this.#options = options;
    this.agents = new LabAgents(plan, options.agentCommand);
  }

  /** Writes the configuration files and starts all agents. */
  async start(): Promise<void> {
    for (const member of this.plan.members) {
      await Deno.mkdir(member.directory, { recursive: true, mode: 0o700 });
      const text = this.#options.configText(member);
      await Deno.writeTextFile(member.configPath, text, { mode: 0o600 });
      this.agents.start(member.name);
    }
  }

  /** Asks `leader` for a switchover to whoever is best. */
  async switchover(leader: string): Promise<void> {
    const port = this.member(leader).restPort;
    const login = btoa(`${REST_USER}:${this.plan.password}`);
    const answer = await fetch(`http://127.0.0.1:${port}/switchover`, {
      method: "POST",
      headers: { authorization: `Basic ${login}` },
      body: JSON.stringify({ leader }),
      signal: AbortSignal.timeout(60_000),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Switchover: ${answer.status} ${text}`);
  }

  /** `GET /cluster` of the first member that answers; null if none does. */
  status(): Promise<ClusterStatus | null> {
    return fetchClusterStatus(this.plan.members.map((m) => m.restPort));
  }

  /** Waits until one leader runs and all others stream from it. */
  async untilWhole(signal?: AbortSignal): Promise<ClusterStatus> {
    const wanted = {
      members: this.plan.members.length,
      isSynchronous: this.plan.isSynchronous,
    };
    return await waitFor("all members to stream", async () => {
      this.#assertAgentsRun();
      const status = await this.status();
      if (status === null) throw new Error("no member answers");
      const missing = missingToBeWhole(status, wanted);
      if (missing !== null) throw new Error(missing);
      return status;
    }, { timeoutMs: WHOLE_MS, ...(signal && { signal }) });
  }

  #assertAgentsRun(): void {
    const [ended] = this.agents.ended();
    if (ended === undefined) return;
    throw new LabBrokenError(
      `The agent of ${ended.name} has ended: ${ended.lastLine}`,
    );
  }

  /** The name of the running leader, by the members that answer; null if unknown. */
  async leader(): Promise<string | null> {
    const status = await this.status();
    return status === null ? null : leaderOf(status);
  }

  /** The plan of member `name`. */
  member(name: string): MemberPlan {
    return memberOf(this.plan, name);
  }

  /**
   * Stops all agents in order, replicas first, and kills whatever of the
   * members is left then.
   *
   * @returns How many processes had to be killed.
   */
  async stop(): Promise<number> {
    const leader = await this.leader();
    const names = this.plan.members.map((member) => member.name);
    const replicas = names.filter((name) => name !== leader);
    await Promise.all(replicas.map((name) => this.agents.stop(name)));
    if (leader !== null) await this.agents.stop(leader);
    const left = this.plan.members.map((m) => endMarked(m.directory));
    return (await Promise.all(left)).reduce((sum, count) => sum + count, 0);
  }
}
