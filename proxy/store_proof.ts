/** The agent asks the store in each of its cycles; the proxy beside it need not ask as well. */
import { moment } from "../lib/core/base/units.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import type { ProxyHeartbeat } from "../lib/ports/proxy_process.ts";

/** Tells the proxy's store what the agent's was told. */
export function takeStoreProof(
  dcs: Dcs,
  { storeProof }: ProxyHeartbeat,
): void {
  if (storeProof === null || storeProof === undefined) return;
  const { revision: mark, askedAtMs } = storeProof;
  const proof = { mark, askedAt: moment(askedAtMs) };
  dcs.takeHint?.({ kind: "proof", proof });
}
