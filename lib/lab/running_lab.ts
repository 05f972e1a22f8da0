/** A started lab: the store, the members, the stand-alone proxy, and their ordered end. */
import { selfCommand } from "../compose/self_command.ts";
import type { AgentCommand } from "./lab_agents.ts";
import { LabCluster } from "./lab_cluster.ts";
import { memberYaml, proxyYaml } from "./member_config.ts";
import type { LabPlan } from "./plan.ts";
import {
  type Child,
  endMarked,
  killMarked,
  startChild,
  stopChild,
} from "./processes.ts";
import type { RunningStore } from "./stores/store.ts";

/** This very program with other arguments. */
export function ownProgram(...args: readonly string[]): AgentCommand {
  const self = selfCommand();
  return { ...self, args: [...self.args, ...args] };
}

function withEnvironment(
  command: AgentCommand,
  { store }: LabPlan,
): AgentCommand {
  return { ...command, env: { ...command.env, ...store.environment } };
}

const PROXY_STOP_MS = 5000;

/** A started lab and its end. */
export class RunningLab {
  readonly plan: LabPlan;
  readonly cluster: LabCluster;
  #store: RunningStore | null = null;
  #proxy: Child | null = null;

  constructor(plan: LabPlan) {
    this.plan = plan;
    this.cluster = new LabCluster(plan, {
      agentCommand: (member) =>
        withEnvironment(ownProgram("run", member.configPath), plan),
      configText: (member) => memberYaml(plan, member),
    });
  }

  /** Starts everything; the members are not whole yet when it resolves. */
  async start(): Promise<void> {
    const { store, directory } = this.plan;
    this.#store = await store.start?.() ?? null;
    await this.cluster.start();
    const config = `${directory}/proxy.yml`;
    await Deno.writeTextFile(config, proxyYaml(this.plan), { mode: 0o600 });
    this.#proxy = startChild({
      ...withEnvironment(ownProgram("proxy", config), this.plan),
      mark: `${directory}/proxy`,
      cwd: directory,
      logPath: `${directory}/proxy.log`,
    });
  }

  /**
   * Stops everything in order and makes sure that nothing is left.
   *
   * @returns How many processes did not end in order and had to be killed.
   */
  async stop(): Promise<number> {
    const killed = await this.cluster.stop();
    if (this.#proxy !== null) await stopChild(this.#proxy, PROXY_STOP_MS);
    await this.#store?.stop();
    return killed + await endMarked(this.plan.directory);
  }

  /** Kills everything at once, for the impatient and for failed starts. */
  async kill(): Promise<void> {
    await killMarked(this.plan.directory);
  }
}
