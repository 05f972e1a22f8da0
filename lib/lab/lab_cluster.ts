/**
 * The members of a running lab: starts and ends their processes and asks their
 * REST API. Knows nothing of what the agent is: the benchmark runs Patroni's
 * agents with it.
 */
import {
  type ClusterStatus,
  fetchClusterStatus,
  leaderOf,
  missingToBeWhole,
} from "./cluster_status.ts";
import { type LabPlan, type MemberPlan, REST_USER } from "./plan.ts";
import {
  type Child,
  type CommandLine,
  endMarked,
  killMarked,
  postmasterPid,
  sendSignal,
  startChild,
  stopChild,
} from "./processes.ts";
import { LabBrokenError, waitFor } from "./wait.ts";

/** How a member's agent is started. */
export interface AgentCommand extends CommandLine {
  readonly env?: Readonly<Record<string, string>>;
}

/** What the cluster needs besides its plan. */
interface LabClusterOptions {
  readonly agentCommand: (member: MemberPlan) => AgentCommand;
  /** The configuration file's text of a member. */
  readonly configText: (member: MemberPlan) => string;
}

/** An agent that is not running although it was started. */
export interface EndedAgent {
  readonly name: string;
  readonly lastLine: string;
}

/** An agent gets this long to stop its PostgreSQL in order. */
const AGENT_STOP_MS = 40_000;
const WHOLE_MS = 90_000;

function lastLine(path: string): string {
  return Deno.readTextFileSync(path).trimEnd().split("\n").at(-1) ?? "";
}

/** The members of a running lab. */
export class LabCluster {
  readonly plan: LabPlan;
  readonly #options: LabClusterOptions;
  readonly #agents = new Map<string, Child>();

  constructor(plan: LabPlan, options: LabClusterOptions) {
    this.plan = plan;
    this.#options = options;
  }

  /** Writes the configuration files and starts all agents. */
  async start(): Promise<void> {
    for (const member of this.plan.members) {
      await Deno.mkdir(member.directory, { recursive: true, mode: 0o700 });
      const text = this.#options.configText(member);
      await Deno.writeTextFile(member.configPath, text, { mode: 0o600 });
      this.startAgent(member.name);
    }
  }

  /** Starts the agent of `name`. */
  startAgent(name: string): void {
    const member = this.member(name);
    const command = this.#options.agentCommand(member);
    const child = startChild({
      ...command,
      mark: member.directory,
      cwd: member.directory,
      logPath: member.logPath,
    });
    this.#agents.set(name, child);
  }

  /** Stops the agent of `name` cleanly (SIGTERM), which stops its PostgreSQL. */
  async stopAgent(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    if (agent !== undefined) await stopChild(agent, AGENT_STOP_MS);
  }

  /** Sends a signal to the agent of `name` alone. */
  signalAgent(name: string, signal: Deno.Signal): void {
    const agent = this.#agents.get(name);
    if (agent?.isRunning()) sendSignal(agent.pid, signal);
  }

  /** Whether the agent that was started last for `name` still runs. */
  isAgentRunning(name: string): boolean {
    return this.#agents.get(name)?.isRunning() ?? false;
  }

  /** Kills the postmaster of `name` with SIGKILL. */
  killPostmaster(name: string): void {
    const pid = postmasterPid(this.member(name).dataDir);
    if (pid === null) throw new Error(`PostgreSQL of ${name} does not run`);
    sendSignal(pid, "SIGKILL");
  }

  /** Kills everything of `name` with SIGKILL: agent, proxy, PostgreSQL. */
  async killMember(name: string): Promise<void> {
    // The agent first, so that it has no time to see its PostgreSQL die.
    const agent = this.#agents.get(name);
    if (agent?.isRunning()) sendSignal(agent.pid, "SIGKILL");
    await killMarked(this.member(name).directory);
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

  /** The agents that are not running, each with the last line of its log. */
  endedAgents(): EndedAgent[] {
    return [...this.#agents].filter(([_, agent]) => !agent.isRunning())
      .map(([name]) => ({
        name,
        lastLine: lastLine(this.member(name).logPath),
      }));
  }

  #assertAgentsRun(): void {
    const [ended] = this.endedAgents();
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
    const member = this.plan.members.find((m) => m.name === name);
    if (member === undefined) throw new Error(`No member ${name}`);
    return member;
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
    await Promise.all(replicas.map((name) => this.stopAgent(name)));
    if (leader !== null) await this.stopAgent(leader);
    const left = this.plan.members.map((m) => endMarked(m.directory));
    return (await Promise.all(left)).reduce((sum, count) => sum + count, 0);
  }
}
