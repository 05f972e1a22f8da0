/** The acts about the leader key: renew, bid, give back. */
import { isSameVacancy, vacancyOf } from "../core/model/cluster_view.ts";
import type { LeaseView } from "../core/model/lease_view.ts";
import type { DcsView, Observation } from "../core/model/observation.ts";
import type { Log } from "../ports/log.ts";
import { changed, type DecisionOf, type Outcome } from "./act_outcome.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Announcer } from "./events.ts";
import type { FactsOfNow } from "./facts_of_now.ts";
import type { LeaseKeeper, LeaseTerms } from "./leases.ts";
import type { Remembering } from "./memory.ts";
import type { StoreBudget } from "./store_budget.ts";
import type { StoreView } from "./store_view.ts";

/** What these acts work with. */
interface LeaseActParts {
  readonly log: Pick<Log, "info" | "warning">;
  readonly leases: LeaseKeeper;
  readonly facts: Pick<FactsOfNow, "lease">;
  readonly store: Pick<StoreView, "again">;
  readonly budget: StoreBudget;
  readonly inForce: SettingsInForce;
  readonly memory: Remembering;
  readonly events: Pick<Announcer, "roleChanged">;
  /** A leader of its own right needs no failsafe. */
  readonly endFailsafe: () => void;
}

/** Carries them out. */
export class LeaseActs {
  readonly #parts: LeaseActParts;

  constructor(parts: LeaseActParts) {
    this.#parts = parts;
  }

  async renew(
    o: Observation,
    { key }: DecisionOf<"renew_lease">,
  ): Promise<Outcome> {
    const { budget, leases, endFailsafe, store, log } = this.#parts;
    const outcome = await budget.withRetries(
      (limits) => leases.renew(key, this.#terms(limits.timeoutMs)),
    );
    if (outcome === "renewed") {
      endFailsafe();
      // Binding the key to a new lease began a new term, which the view must show.
      const isSeen = key.revision === leases.term;
      const dcs = isSeen ? o.dcs : await store.again();
      return changed({ dcs, lease: this.#fresh() });
    }
    log.warning("failed to update leader lock");
    const dcs = await store.again();
    return changed({ dcs, lease: { kind: "lost" } });
  }

  async acquire({ vacancy }: DecisionOf<"acquire_lease">): Promise<Outcome> {
    const { leases, store, inForce, endFailsafe, log } = this.#parts;
    let dcs: DcsView | null = null;
    const outcome = await leases.acquire(
      this.#terms(inForce.settings.retryTimeoutMs),
      async () => {
        const seen = await store.again();
        dcs = seen;
        return seen.kind === "reachable" &&
          isSameVacancy(vacancy, vacancyOf(seen.view));
      },
    );
    dcs ??= await store.again();
    if (outcome === "lost") {
      log.info("Could not take out TTL lock");
      return changed({ dcs, lease: { kind: "outbid" } });
    }
    endFailsafe();
    // What the peers said before counts for the bid, not for what follows.
    const peers = { kind: "not_asked" } as const;
    return changed({ dcs, lease: this.#fresh(), peers });
  }

  async release({ newRole }: DecisionOf<"release_lease">): Promise<Outcome> {
    const { memory, events, leases, inForce, store } = this.#parts;
    if (newRole !== null) {
      memory.remember({ kind: "recovery_failed" });
      events.roleChanged(newRole);
    }
    await leases.release({ timeoutMs: inForce.settings.retryTimeoutMs });
    memory.remember({ kind: "stopped" });
    const dcs = await store.again();
    return changed({ dcs, lease: { kind: "released" } });
  }

  /** Renewed or won just now; a release that came meanwhile wins. */
  #fresh(): LeaseView {
    const lease = this.#parts.facts.lease();
    return lease.kind === "held"
      ? { ...lease, isFresh: true }
      : { kind: "released" };
  }

  #terms(timeoutMs: number): LeaseTerms {
    return { ttlMs: this.#parts.inForce.settings.ttlMs, timeoutMs };
  }
}
