/** The processes of a lab's members: agents are started, signalled and ended. */
import type { LabPlan, MemberPlan } from "./plan.ts";
import {
  type Child,
  type CommandLine,
  killMarked,
  postmasterPid,
  sendSignal,
  startChild,
  stopChild,
} from "./processes.ts";

/** How a member's agent is started. */
export interface AgentCommand extends CommandLine {
  readonly env?: Readonly<Record<string, string>>;
}

/** An agent that is not running although it was started. */
export interface EndedAgent {
  readonly name: string;
  readonly lastLine: string;
}

/** An agent gets this long to stop its PostgreSQL in order. */
const AGENT_STOP_MS = 40_000;

function lastLine(path: string): string {
  return Deno.readTextFileSync(path).trimEnd().split("\n").at(-1) ?? "";
}

/** The plan of member `name`. */
export function memberOf(plan: LabPlan, name: string): MemberPlan {
  const member = plan.members.find((m) => m.name === name);
  if (member === undefined) throw new Error(`No member ${name}`);
  return member;
}

/** The agents of a lab's members, and what they started. */
export class LabAgents {
  readonly #plan: LabPlan;
  readonly #command: (member: MemberPlan) => AgentCommand;
  readonly #agents = new Map<string, Child>();

  constructor(plan: LabPlan, command: (member: MemberPlan) => AgentCommand) {
    this.#plan = plan;
    this.#command = command;
  }

  /** Starts the agent of `name`. */
  start(name: string): void {
    const member = memberOf(this.#plan, name);
    const command = this.#command(member);
    const child = startChild({
      ...command,
      mark: member.directory,
      cwd: member.directory,
      logPath: member.logPath,
    });
    this.#agents.set(name, child);
  }

  /** Stops the agent of `name` cleanly (SIGTERM), which stops its PostgreSQL. */
  async stop(name: string): Promise<void> {
    const agent = this.#agents.get(name);
    if (agent !== undefined) await stopChild(agent, AGENT_STOP_MS);
  }

  /** Sends a signal to the agent of `name` alone. */
  signal(name: string, signal: Deno.Signal): void {
    const agent = this.#agents.get(name);
    if (agent?.isRunning()) sendSignal(agent.pid, signal);
  }

  /** Whether the agent that was started last for `name` still runs. */
  isRunning(name: string): boolean {
    return this.#agents.get(name)?.isRunning() ?? false;
  }

  /** Kills the postmaster of `name` with SIGKILL. */
  killPostmaster(name: string): void {
    const pid = postmasterPid(memberOf(this.#plan, name).dataDir);
    if (pid === null) throw new Error(`PostgreSQL of ${name} does not run`);
    sendSignal(pid, "SIGKILL");
  }

  /** Kills everything of `name` with SIGKILL: agent, proxy, PostgreSQL. */
  async killAll(name: string): Promise<void> {
    // The agent first, so that it has no time to see its PostgreSQL die.
    const agent = this.#agents.get(name);
    if (agent?.isRunning()) sendSignal(agent.pid, "SIGKILL");
    await killMarked(memberOf(this.#plan, name).directory);
  }

  /** The agents that are not running, each with the last line of its log. */
  ended(): EndedAgent[] {
    return [...this.#agents].filter(([_, agent]) => !agent.isRunning())
      .map(([name]) => ({
        name,
        lastLine: lastLine(memberOf(this.#plan, name).logPath),
      }));
  }
}
