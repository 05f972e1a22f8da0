/** Whether a switchover is under way that clients had better wait for. */
import {
  after,
  type Moment,
  remainingMs,
  type Revision,
} from "../lib/core/base/units.ts";
import type { ClusterView } from "../lib/core/model/cluster_view.ts";

/** A request that leads to nothing must not hold clients for ever: the next read after that lets them go to the old leader again. */
const HANDOVER_MS_MAX = 15_000;

/** Remembers the request to switch over that was seen last, and since when. */
export class Handover {
  #request: { readonly revision: Revision; readonly seenAt: Moment } | null =
    null;

  isExpected({ failover }: ClusterView, now: Moment): boolean {
    if (failover === null) this.#request = null;
    else if (this.#request?.revision !== failover.revision) {
      this.#request = { revision: failover.revision, seenAt: now };
    }
    return this.#request !== null &&
      remainingMs(after(this.#request.seenAt, HANDOVER_MS_MAX), now) > 0;
  }
}
