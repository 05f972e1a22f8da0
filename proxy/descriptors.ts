/**
 * How many clients the process's file descriptors are enough for. The runtime
 * does not survive the lack of them in all of its corners, so the proxy refuses
 * a client with a clear error before they run out.
 */

/** Clients that are being told "too many" at once; more are closed in silence. */
export const REFUSALS_MAX = 32;
/** Connections to the statistics port at the same time. */
export const STATS_CONNECTIONS_MAX = 32;
/** Cluster pages that are open at the statistics port. */
export const EVENT_STREAMS_MAX = 32;
/** Replicas that are being told of cancel requests at once, per thread; more wait. */
export const TELLINGS_MAX = 32;
/** Those of control, and: listeners, DCS, control socket, log, the runtime's own. */
const RESERVED = 64 + REFUSALS_MAX + STATS_CONNECTIONS_MAX +
  EVENT_STREAMS_MAX;
/** A thread's runtime, its loop, its inbox, clients on their way from thread to thread. */
const PER_THREAD = 32 + TELLINGS_MAX;
/** A session has two ends. */
const PER_CLIENT = 2;
/** Two more lead from the proxy's own end of TLS to the inner door. */
const PER_TLS_CLIENT = 4;

/** What sessions may need. */
interface SessionKinds {
  /** TLS of some may end in the proxy. */
  readonly hasTls: boolean;
}

const WITHOUT_TLS: SessionKinds = { hasTls: false };

/**
 * The number of clients for which `descriptorsMax` descriptors are enough, one
 * at least.
 *
 * @param descriptorsMax Null: unlimited or unknown.
 * @param threads Worker threads.
 */
export function clientsFor(
  descriptorsMax: number | null,
  threads: number,
  kinds: SessionKinds = WITHOUT_TLS,
): number {
  if (descriptorsMax === null) return Infinity;
  const free = descriptorsMax - descriptorsFor(0, threads);
  return Math.max(1, Math.floor(free / perClient(kinds)));
}

function perClient({ hasTls }: SessionKinds): number {
  return hasTls ? PER_TLS_CLIENT : PER_CLIENT;
}

/** How many descriptors `clients` clients and `threads` worker threads need. */
export function descriptorsFor(
  clients: number,
  threads: number,
  kinds: SessionKinds = WITHOUT_TLS,
): number {
  return RESERVED + PER_THREAD * Math.max(1, threads) +
    perClient(kinds) * clients;
}

/** The soft limit of this process; null if there is none, or it is unknown. */
export function descriptorsMax(): number | null {
  try {
    return parseDescriptorsMax(Deno.readTextFileSync("/proc/self/limits"));
  } catch {
    return null;
  }
}

/**
 * The soft limit in the text of `/proc/<pid>/limits`.
 *
 * Source: Linux manual, proc_pid_limits(5).
 */
export function parseDescriptorsMax(limits: string): number | null {
  const match = /^Max open files\s+(\d+)\s/m.exec(limits);
  return match === null ? null : Number(match[1]);
}
