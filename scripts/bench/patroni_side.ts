/**
 * Patroni's side of the benchmark: three agents and HAProxy with the usual
 * settings: a check every 3 s, down after three failures, up after two
 * successes, and the sessions of a server that goes down are cut.
 */
import { LabCluster } from "../../lib/lab/lab_cluster.ts";
import { memberYaml } from "../../lib/lab/member_config.ts";
import { connectionString, type LabPlan } from "../../lib/lab/plan.ts";
import { startChild, stopChild } from "../../lib/lab/processes.ts";
import type { System } from "./system.ts";

function haproxyConfig(plan: LabPlan): string {
  const servers = plan.members.map((m) =>
    `  server ${m.name} 127.0.0.1:${m.postgresPort} check port ${m.restPort}`
  );
  return `global
  maxconn 100
defaults
  mode tcp
  retries 2
  timeout connect 4s
  timeout client 30m
  timeout server 30m
  timeout check 5s
listen primary
  bind 127.0.0.1:${plan.proxy.primary}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 3s fall 3 rise 2 on-marked-down shutdown-sessions
${servers.join("\n")}
`;
}

/**
 * Starts Patroni's members and HAProxy.
 *
 * @param pythonPath Folder with the package `patroni`.
 */
export async function startPatroni(
  plan: LabPlan,
  pythonPath: string,
): Promise<System> {
  const cluster = new LabCluster(plan, {
    // Debian's own interpreter: its packages are what Patroni was built for.
    agentCommand: (member) => ({
      command: "/usr/bin/python3",
      args: ["-m", "patroni", member.configPath],
      env: { PYTHONPATH: pythonPath },
    }),
    configText: (member) => memberYaml(plan, member),
  });
  await Deno.mkdir(plan.directory, { recursive: true, mode: 0o700 });
  const config = `${plan.directory}/haproxy.cfg`;
  await Deno.writeTextFile(config, haproxyConfig(plan));
  const haproxy = startChild({
    command: "/usr/sbin/haproxy",
    args: ["-db", "-f", config],
    mark: plan.directory,
    cwd: plan.directory,
    logPath: `${plan.directory}/haproxy.log`,
  });
  await cluster.start();
  return {
    name: "patroni",
    cluster,
    url: connectionString(plan, plan.proxy.primary),
    // Its lease decides, whatever happened before.
    untilReady: () => Promise.resolve(),
    stop: async () => {
      await cluster.stop();
      await stopChild(haproxy, 5000);
    },
  };
}
