/**
 * How each node of etcd answers, one by one, for people who look. Each look has
 * a connection of its own that ends with it: the calls that matter go on through
 * theirs, and while nobody looks there is none.
 */
import type { Clock } from "../../ports/clock.ts";
import type { DcsNode } from "../../ports/dcs.ts";
import { etcdClient, type EtcdOptions } from "./options.ts";

/** More than any etcd has. */
const NODES_MAX = 16;

/** How they are asked. */
interface LookParts extends Pick<EtcdOptions, "tls"> {
  readonly clock: Pick<Clock, "now">;
  readonly timeoutMs: number;
}

/** In the order of the endpoints. Never rejects. */
export async function lookAtNodes(
  endpoints: readonly string[],
  parts: LookParts,
): Promise<readonly DcsNode[]> {
  return await Promise.all(
    endpoints.slice(0, NODES_MAX).map((endpoint) => lookAt(endpoint, parts)),
  );
}

async function lookAt(
  endpoint: string,
  { tls, clock, timeoutMs }: LookParts,
): Promise<DcsNode> {
  const address = endpoint.replace(/^https?:\/\//, "");
  const begun = clock.now();
  try {
    // Its state is told to whoever may connect: no login.
    const login = null;
    const etcd = etcdClient(endpoint, {
      login,
      ...(tls === undefined ? {} : { tls }),
    });
    try {
      const deadline = Date.now() + timeoutMs;
      const { header, leader } = await etcd.maintenance.status({ deadline });
      const answerMs = clock.now() - begun;
      return { address, answerMs, isLeader: header.member_id === leader };
    } finally {
      etcd.close();
    }
  } catch {
    return { address, answerMs: null, isLeader: false };
  }
}
