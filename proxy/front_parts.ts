/** What control tells a front: limits and doors, as the options and the host's own limits have them. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import {
  clientsFor,
  descriptorsFor,
  descriptorsMax,
  REFUSALS_MAX,
} from "./descriptors.ts";
import type { Doorway, FrontLimits } from "./front.ts";
import type { ProxyOptions } from "./options.ts";
import type { Inheritance } from "./succession.ts";

/** What a front is told by control. */
export interface FrontParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
}

interface FrontSource {
  readonly clock: Clock;
  readonly log: Log;
  readonly options: ProxyOptions;
}

/** What the options mean for a front. */
export function frontParts(
  parts: FrontSource,
  { doors, predecessor }: Inheritance,
): FrontParts {
  const { clock, log, options } = parts;
  const { connectTimeoutMs, holdTimeoutMs, startupTimeoutMs } = options;
  const { turnHoldMs, allow } = options;
  const threads = Math.max(1, options.workers);
  const { listen, primaryPort, replicaPort } = options;
  return {
    clock,
    log,
    limits: {
      holdTimeoutMs,
      connectTimeoutMs,
      startupTimeoutMs,
      turnHoldMs,
      allow,
      refusalsMax: Math.ceil(REFUSALS_MAX / threads),
      // Clients of an address are spread over the threads like all others.
      silentPerSourceMax: Math.ceil(options.silentPerSourceMax / threads),
      connectionsMax: clientsMax(parts),
      routeConnectionsMax: options.routeConnectionsMax,
    },
    doorway: {
      listen,
      ports: { primary: primaryPort, replica: replicaPort },
      isTakeOver: predecessor !== null,
      inherited: doors,
    },
  };
}

/** `max_connections`, or less if the file descriptors are not enough for it. */
function clientsMax({ log, options }: FrontSource): number {
  const wanted = options.connectionsMax;
  const possible = possibleClients(options);
  if (possible < wanted) {
    log.warning(
      `proxy.max_connections is ${wanted}, which takes ` +
        `${
          descriptorsFor(wanted, options.workers)
        } file descriptors; the limit of this ` +
        `process is ${descriptorsMax()}, so the proxy takes ${possible} clients`,
    );
  }
  return possible;
}

/** `max_connections`, as far as file descriptors are enough for it. */
export function possibleClients(
  { connectionsMax, workers }: ProxyOptions,
): number {
  return Math.min(connectionsMax, clientsFor(descriptorsMax(), workers));
}
