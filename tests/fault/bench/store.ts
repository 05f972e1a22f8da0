/** The etcd cluster of the bench: three nodes, each on a host of its own. */
import { launch } from "./launch.ts";
import type { Host } from "./network.ts";

/** Command line options of one node. */
function optionsOf(
  host: Host,
  all: readonly Host[],
  directory: string,
): readonly string[] {
  const peer = ({ address }: Host) => `http://${address}:2380`;
  const client = `http://${host.address}:2379`;
  return [
    ["--name", host.name],
    ["--data-dir", `${directory}/${host.name}`],
    ["--listen-client-urls", `${client},http://127.0.0.1:2379`],
    ["--advertise-client-urls", client],
    ["--listen-peer-urls", peer(host)],
    ["--initial-advertise-peer-urls", peer(host)],
    [
      "--initial-cluster",
      all.map((node) => `${node.name}=${peer(node)}`).join(","),
    ],
    ["--logger", "zap"],
    ["--log-level", "warn"],
    // Quick elections: the smallest lease is 1.5 election timeouts.
    ["--heartbeat-interval", "100"],
    ["--election-timeout", "1000"],
    ["--unsafe-no-fsync"],
  ].flat();
}

/** Starts one node. */
export function startEtcd(
  host: Host,
  all: readonly Host[],
  directory: string,
): Deno.ChildProcess {
  return launch({
    host,
    command: ["etcd", ...optionsOf(host, all, directory)],
    env: {},
    log: `${directory}/${host.name}.log`,
    mayCarryAddresses: false,
  });
}

/** Whether the node serves, as seen from outside. */
export async function isEtcdHealthy(host: Host): Promise<boolean> {
  const answer = await ask(host, "health", "GET");
  return answer?.["health"] === "true";
}

/** The node that leads the others, or null. */
export async function etcdLeader(nodes: readonly Host[]): Promise<Host | null> {
  for (const node of nodes) {
    const status = await ask(node, "v3/maintenance/status", "POST");
    const { member_id: id } = Object(status?.["header"]);
    if (id !== undefined && id === status?.["leader"]) return node;
  }
  return null;
}

async function ask(
  host: Host,
  path: string,
  method: "GET" | "POST",
): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    const response = await fetch(`http://${host.address}:2379/${path}`, {
      method,
      ...(method === "POST" ? { body: "{}" } : {}),
      signal: AbortSignal.timeout(1_000),
    });
    return await response.json();
  } catch {
    return null;
  }
}
