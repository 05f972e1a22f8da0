/** What failsafe mode means for the rest of the agent, as leader or as listener. */
import {
  slotViewWithoutStore,
  viewOfMembers,
} from "../core/calc/lead/failsafe.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Consent } from "./failsafe_lead.ts";
import type { FailsafeListener } from "./failsafe_listener.ts";

/** The two sides of the mode. */
export interface FailsafeSides {
  readonly consent: Consent;
  readonly listener: Pick<FailsafeListener, "leader">;
}

/** True while failsafe mode decides here, as leader or as listener. */
export function isFailsafeActive(
  { consent, listener }: FailsafeSides,
): boolean {
  return consent.isGranted || listener.leader() !== null;
}

/**
 * By what the slots here are moved while the store is away: the last view, with
 * what the leader, or the members, said since. Null: failsafe mode decides
 * nothing here.
 *
 * @param shown The last view that the store showed.
 */
export function slotView(
  { consent, listener }: FailsafeSides,
  shown: ClusterView | null,
): ClusterView | null {
  const ping = listener.leader();
  if (shown === null) return null;
  if (ping !== null) return slotViewWithoutStore(shown, ping);
  return consent.isGranted ? viewOfMembers(shown, consent.positions) : null;
}
