/**
 * This project's side of the benchmark: three agents and one stand-alone
 * proxy, through which the client goes as it goes through HAProxy. The loss of
 * a member takes the member's own proxy too, but not this one.
 */
import { ENGINE_FLAGS } from "../engine_flags.ts";
import { LabCluster } from "../../lib/lab/lab_cluster.ts";
import { memberYaml, proxyYaml } from "../../lib/lab/member_config.ts";
import { connectionString, type LabPlan } from "../../lib/lab/plan.ts";
import { startChild, stopChild } from "../../lib/lab/processes.ts";
import type { System } from "./system.ts";

/** The program from this checkout, or the one file that MATRIARCH_BIN names. */
function program(...args: string[]): { command: string; args: string[] } {
  const file = Deno.env.get("MATRIARCH_BIN");
  if (file) return { command: file, args };
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const run = ["run", "--allow-all", "--quiet", "--no-prompt", ENGINE_FLAGS];
  return { command: Deno.execPath(), args: [...run, main, ...args] };
}

/** This project's members, each with the proxy beside it; not started. */
export function matriarchMembers(plan: LabPlan): LabCluster {
  return new LabCluster(plan, {
    agentCommand: (member) => program("run", member.configPath),
    configText: (member) => memberYaml(plan, member),
  });
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
    stop: async () => {
      await cluster.stop();
      await stopChild(proxy, 5000);
    },
  };
}
