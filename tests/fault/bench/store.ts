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
  try {
    const response = await fetch(`http://${host.address}:2379/health`, {
      signal: AbortSignal.timeout(1_000),
    });
    return (await response.text()).includes('"true"');
  } catch {
    return false;
  }
}
