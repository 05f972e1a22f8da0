/** One server of Consul. */
import { hasProgram } from "../programs.ts";
import { startServer } from "./server.ts";
import type { LabStore, RunningStore, StorePlan } from "./store.ts";

interface Consul {
  readonly directory: string;
  readonly http: number;
  readonly server: number;
  readonly serf: number;
}

/** `--dcs consul`. */
export const CONSUL: LabStore = {
  name: "consul",
  what: "one server",
  needs: [{ isThere: () => hasProgram("consul"), package: "consul" }],
  plan: ({ directory, firstPort }): StorePlan => {
    const plan: Consul = {
      directory: `${directory}/consul`,
      ...{ http: firstPort, server: firstPort + 1, serf: firstPort + 2 },
    };
    return {
      section: { consul: { host: `127.0.0.1:${plan.http}` } },
      ports: [
        { port: plan.http, use: "Consul" },
        { port: plan.server, use: "servers of Consul" },
        { port: plan.serf, use: "gossip of Consul" },
      ],
      start: () => start(plan),
    };
  },
};

async function start(plan: Consul): Promise<RunningStore> {
  const { directory, http } = plan;
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  return await startServer({
    ...{ command: "consul", args: argumentsOf(plan), directory },
    what: `Consul on port ${http} to have a leader`,
    isReady: () => hasLeader(http),
  });
}

function argumentsOf(
  { directory, http, server, serf }: Consul,
): readonly string[] {
  return [
    ...["agent", "-server", "-bootstrap-expect", "1"],
    ...["-bind", "127.0.0.1", "-client", "127.0.0.1"],
    ...["-data-dir", `${directory}/data`, "-disable-host-node-id"],
    ...["-http-port", `${http}`, "-server-port", `${server}`],
    ...["-serf-lan-port", `${serf}`, "-serf-wan-port", "-1"],
    ...["-dns-port", "-1", "-grpc-port", "-1"],
    ...["-hcl", "disable_update_check = true"],
    ...["-hcl", "performance { raft_multiplier = 1 }"],
  ];
}

async function hasLeader(port: number): Promise<true | null> {
  const url = `http://127.0.0.1:${port}/v1/status/leader`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(1000) });
  return (await answer.json()) === "" ? null : true;
}
