/** What control tells a front: limits and doors, as the options and the host's own limits have them. */
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import {
  clientsFor,
  descriptorsFor,
  descriptorsMax,
  REFUSALS_MAX,
} from "./descriptors.ts";
import { doorsOf } from "./doors.ts";
import type { Doorway, FrontLimits } from "./front.ts";
import type { ProxyOptions } from "./options.ts";
import type { SessionRecord } from "./session_record.ts";
import type { Inheritance } from "./succession.ts";

/** What a front is told by control. */
export interface FrontParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: FrontLimits;
  readonly doorway: Doorway;
  /** Hears of each session that has ended, if the limits want it. Must not throw. */
  readonly onSession: (record: SessionRecord) => void;
}

interface FrontSource {
  readonly clock: Clock;
  readonly log: Log;
  readonly options: ProxyOptions;
  readonly onSession?: ((record: SessionRecord) => void) | null;
}

/** What the options mean for a front. */
export function frontParts(
  parts: FrontSource,
  { doors: inherited, predecessor }: Inheritance,
): FrontParts {
  const { clock, log, options } = parts;
  const { connectTimeoutMs, holdTimeoutMs, startupTimeoutMs } = options;
  const { turnHoldMs, allow } = options;
  const threads = Math.max(1, options.workers);
  const doors = doorsOf(options);
  return {
    clock,
    log,
    onSession: parts.onSession ?? (() => {}),
    limits: {
      holdTimeoutMs,
      connectTimeoutMs,
      startupTimeoutMs,
      turnHoldMs,
      allow,
      queueTimeoutMs: options.queueTimeoutMs,
      places: {
        perServerMax: options.serverConnectionsMax,
        lineMax: options.queueMax,
      },
      tcp: options.tcp,
      acceptProxyFrom: options.acceptProxyFrom,
      sendProxy: options.sendProxy,
      clientTimeoutMs: options.clientTimeoutMs,
      serverTimeoutMs: options.serverTimeoutMs,
      areSessionsLogged: (parts.onSession ?? null) !== null,
      newPerSourceMax: options.newPerSourceMax / threads,
      refusalsMax: Math.ceil(REFUSALS_MAX / threads),
      // Clients of an address are spread over the threads like all others.
      silentPerSourceMax: Math.ceil(options.silentPerSourceMax / threads),
      connectionsMax: clientsMax(parts),
      doors,
    },
    doorway: {
      listen: options.listen,
      sockets: options.sockets,
      tlsPorts: options.tlsPorts,
      doors,
      isTakeOver: predecessor !== null,
      inherited,
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
          descriptorsFor(wanted, options.workers, kindsOf(options))
        } file descriptors; the limit of this ` +
        `process is ${descriptorsMax()}, so the proxy takes ${possible} clients`,
    );
  }
  return possible;
}

/** `max_connections`, as far as file descriptors are enough for it. */
export function possibleClients(
  options: ProxyOptions,
): number {
  const { connectionsMax, workers } = options;
  const possible = clientsFor(descriptorsMax(), workers, kindsOf(options));
  return Math.min(connectionsMax, possible);
}

function kindsOf({ tlsPorts }: ProxyOptions): { readonly hasTls: boolean } {
  return { hasTls: tlsPorts.length > 0 };
}
