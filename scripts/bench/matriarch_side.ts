/**
 * This project's side of the benchmark: three agents and one stand-alone
 * proxy, through which the client goes as it goes through HAProxy. The loss of
 * a member takes the member's own proxy too, but not this one.
 */
import { stringify } from "yaml";
import { LabCluster } from "../../lib/lab/lab_cluster.ts";
import { memberYaml, proxyYaml } from "../../lib/lab/member_config.ts";
import { connectionString, type LabPlan } from "../../lib/lab/plan.ts";
import { startChild, stopChild } from "../../lib/lab/processes.ts";
import { program } from "./matriarch_program.ts";
import { waitFor } from "../../lib/lab/wait.ts";
import type { System } from "./system.ts";

/** This project's members, each with the proxy beside it; not started. */
export function matriarchMembers(plan: LabPlan): LabCluster {
  return new LabCluster(plan, {
    agentCommand: (member) => program("run", member.configPath),
    configText: (member) => memberYaml(plan, member) + fencingYaml(plan),
  });
}

/**
 * Where nobody is synchronous only a fencing command allows a takeover. The
 * bench itself kills all of the host first, so there is nothing left to do: what
 * a real switch takes comes on top.
 */
function fencingYaml({ isSynchronous, dynamic }: LabPlan): string {
  if (isSynchronous || dynamic?.["takeover"] !== "on") return "";
  return stringify({ fencing: { command: ["/bin/true"], hourly_limit: 20 } });
}

const READY_MS = 60_000;

/** With takeover on: each member says that a lost leader would be taken over from. */
async function untilTakenOver({ members, dynamic }: LabPlan): Promise<void> {
  if (dynamic?.["takeover"] !== "on") return;
  await waitFor("a takeover to be possible", async () => {
    const told = await Promise.all(members.map(explained));
    const [unable] = told.filter(({ by }) => typeof by !== "string");
    if (unable !== undefined) throw new Error(JSON.stringify(unable));
    return true;
  }, { timeoutMs: READY_MS });
}

async function explained(
  { restPort }: LabPlan["members"][number],
): Promise<Record<string, unknown>> {
  const answer = await fetch(`http://127.0.0.1:${restPort}/explain`, {
    signal: AbortSignal.timeout(2_500),
  });
  return Object(Object(await answer.json()).takeover);
}

/** Starts this project's members and its proxy. */
export async function startMatriarch(plan: LabPlan): Promise<System> {
  const cluster = matriarchMembers(plan);
  await Deno.mkdir(plan.directory, { recursive: true, mode: 0o700 });
  const config = `${plan.directory}/proxy.yml`;
  await Deno.writeTextFile(config, proxyYaml(plan), { mode: 0o600 });
  const proxy = startChild({
    ...program("proxy", config),
    mark: plan.directory,
    cwd: plan.directory,
    logPath: `${plan.directory}/proxy.log`,
  });
  await cluster.start();
  return {
    name: "matriarch",
    cluster,
    url: connectionString(plan, plan.proxy.primary),
    untilReady: () => untilTakenOver(plan),
    stop: async () => {
      await cluster.stop();
      await stopChild(proxy, 5000);
    },
  };
}
