/**
 * Finds out early that an endpoint's host is gone. A lost host says nothing, so a
 * call to its etcd would wait for all of its share of the time limit. The kernel
 * of a living host answers a new connection at once, however slow its etcd is:
 * so neither load nor a slow disk is taken for a loss. A process that is frozen
 * on a living host is not found this way.
 */
import { connect } from "node:net";
import type { Clock } from "../../ports/clock.ts";

/** An answer is late after this. */
const LATE_MS = 200;
/** And a connection after this; above the round trip of any sane network. */
const CONNECT_MS = 300;

/** Where the answer comes from. */
interface Asked {
  /** As URL. */
  readonly endpoint: string;
  readonly clock: Pick<Clock, "sleep">;
}

/**
 * The answer, unless it is late and the endpoint's host does not answer either.
 *
 * @throws {Error} If the host is gone, and what `answer` throws.
 */
export async function unlessLost<T>(
  answer: Promise<T>,
  { endpoint, clock }: Asked,
): Promise<T> {
  const settled = new AbortController();
  const stop = (): void => settled.abort();
  answer.then(stop, stop);
  await clock.sleep(LATE_MS, settled.signal);
  if (settled.signal.aborted) return await answer;
  const connected = canConnect(endpoint, settled.signal);
  const patience = clock.sleep(CONNECT_MS, settled.signal);
  const isThere = await Promise.race([connected, patience.then(() => false)]);
  if (isThere || settled.signal.aborted) {
    stop();
    return await answer;
  }
  stop();
  throw new Error("its host does not answer");
}

/** Resolves to true with any answer, a refusal too: the call itself shows what it means. */
function canConnect(endpoint: string, signal: AbortSignal): Promise<boolean> {
  const { hostname, port, protocol } = new URL(endpoint);
  const own = protocol === "https:" ? 443 : 80;
  const host = hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve) => {
    const socket = connect({ host, port: port === "" ? own : Number(port) });
    const end = (): void => {
      socket.destroy();
      resolve(true);
    };
    socket.once("connect", end);
    socket.once("error", end);
    signal.addEventListener("abort", end, { once: true });
  });
}
