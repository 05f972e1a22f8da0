/**
 * Before the instance may become writable, the proxy process that would stop it
 * in this agent's place should be there. Usually it is; just after the start of
 * a host it may take seconds, and an agent killed in between would leave a
 * primary that nobody stops. A proxy that has failed is not on its way: it is not
 * waited for, and that nobody guards the instance is said.
 */
import { type Moment, remainingMs } from "../core/base/units.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";

/** A cluster without a primary must not wait long for a proxy. */
const WAIT_MS_MAX = 5_000;
/** What waiting may take of a lease: most of it is for promoting. */
const LEASE_SHARE = 1 / 4;
const LOOK_MS = 50;

/** What it takes to wait for the fence. */
export interface FenceWatchParts {
  /** Null: `proxy: false`, there is no fence. */
  readonly proxy: Pick<ProxyProcess, "state" | "failure"> | null;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Resolves when the proxy answers or `signal` aborts; with a warning after 5 s,
 * or as soon as the proxy has failed. Never rejects.
 *
 * @param deadline The end of the lease, of which a quarter is used at most; null: there is none.
 */
export async function untilFenceAnswers(
  { proxy, clock, log }: FenceWatchParts,
  deadline: Moment | null,
  signal: AbortSignal,
): Promise<void> {
  if (proxy === null) return;
  const since = clock.now();
  const leftMs = deadline === null ? Infinity : remainingMs(deadline, since);
  const limitMs = Math.min(WAIT_MS_MAX, leftMs * LEASE_SHARE);
  while (proxy.state() === null && !signal.aborted) {
    const failure = proxy.failure();
    const isTimeUp = -remainingMs(since, clock.now()) >= limitMs;
    if (failure !== null || isTimeUp) {
      return log.warning(
        `${failure ?? "The proxy does not answer"}: until one answers, ` +
          "nobody stops PostgreSQL if this agent dies",
      );
    }
    await clock.sleep(LOOK_MS, signal);
  }
}
