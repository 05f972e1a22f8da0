/** Ports of clusters in one proxy: no two may want the same one of the same address. */
import type { ConfigProblem } from "./problems.ts";
import type { ProxyHostConfig } from "./proxy_host.ts";
import type { ProxyConfig } from "./sections/proxy.ts";

/** One door of one cluster. */
interface Use {
  readonly at: number;
  readonly scope: string;
  readonly key: string;
  readonly port: number;
  readonly proxy: ProxyConfig;
}

const EVERYWHERE: readonly string[] = ["*", "0.0.0.0", "::"];

/** A problem for each port that an earlier door has. */
export function portProblems(
  configs: readonly ProxyHostConfig[],
): readonly ConfigProblem[] {
  const byPort = new Map<number, Use[]>();
  return configs.flatMap(usesOf).flatMap((use) => {
    const earlier = byPort.get(use.port) ?? [];
    byPort.set(use.port, [...earlier, use]);
    const taken = earlier.find((one) => areSame(one.proxy, use.proxy));
    return taken === undefined ? [] : [{
      path: `clusters.${use.at}.proxy.${use.key}`,
      value: use.port,
      wanted: "a port that nothing else here has " +
        `(${taken.key} of clusters.${taken.at}, scope "${taken.scope}", is the same)`,
    }];
  });
}

function usesOf(
  { proxy, scope }: ProxyHostConfig,
  at: number,
): readonly Use[] {
  const doors = [
    { key: "primary_port", port: proxy.primaryPort },
    { key: "replica_port", port: proxy.replicaPort },
    ...proxy.ports.map(({ port }, index) => ({
      key: `ports.${index}.port`,
      port,
    })),
  ];
  return doors.map((door) => ({ ...door, at, scope, proxy }));
}

/** On an address of both, or on sockets of one folder. */
function areSame(left: ProxyConfig, right: ProxyConfig): boolean {
  const isEverywhere = [...left.listen, ...right.listen]
    .some((host) => EVERYWHERE.includes(host));
  return isEverywhere ||
    left.listen.some((host) => right.listen.includes(host)) ||
    (left.socketDirectory !== null &&
      left.socketDirectory === right.socketDirectory);
}
