/** Gives the leader key back, when the instance takes no writes any more. */
import type { Lsn } from "../core/base/units.ts";
import type { Log } from "../ports/log.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { SeenScope } from "./last_view.ts";
import type { LeadRight } from "./lead_right.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { ScopeReports } from "./scope_reports.ts";

/** What it takes to give the lead back. */
interface ReturnParts {
  readonly log: Pick<Log, "info">;
  readonly right: Pick<LeadRight, "forget">;
  readonly leases: Pick<LeaseKeeper, "release">;
  readonly reports: Pick<ScopeReports, "writeStatus">;
  readonly heartbeats: Pick<Heartbeats, "stopped">;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
}

/** Returns the lead to the scope. */
export class LeadReturn {
  readonly #parts: ReturnParts;

  constructor(parts: ReturnParts) {
    this.#parts = parts;
  }

  /** @param position Published first, if it is known: successors must have reached it. */
  async giveBack(position: Lsn | null): Promise<void> {
    const { right, heartbeats, leases, reports, last, inForce, log } =
      this.#parts;
    const limits = { timeoutMs: inForce.settings.retryTimeoutMs };
    right.forget();
    // It has stopped, or has written its last checkpoint.
    heartbeats.stopped();
    if (position !== null) {
      const status = last.view?.status;
      await reports.writeStatus({
        leaderLsn: position,
        slots: status?.slots ?? null,
        retainSlots: status?.retainSlots ?? null,
      }, limits);
    }
    if (await leases.release(limits)) log.info("Leader key released");
  }
}
