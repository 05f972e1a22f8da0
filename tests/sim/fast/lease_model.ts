/**
 * The lease discipline of `lib/agent/leases.ts`, told again on the fast mode's
 * store, with a place to plant the mistakes that it exists to avoid.
 */
import { driftAllowanceMs } from "../../../lib/core/calc/lead/budgets.ts";
import type { LeaseId, Revision } from "../../../lib/core/base/units.ts";
import type { ClusterView } from "../../../lib/core/model/cluster_view.ts";
import type { Host } from "../world/host.ts";
import type { Process } from "./process.ts";
import type { StoreModel } from "./store_model.ts";

/** Mistakes that a simulator worth its name must find. */
export type PlantedBug =
  | "none"
  /** The deadline counts from the answer instead of the request. */
  | "lease_from_response"
  /** A promotion begins however little of the lease is left. */
  | "promotion_without_budget"
  /** A view in which this member led is used again, and believed. */
  | "stale_leader_view"
  /** Names that a session shows are taken for names that commits wait for. */
  | "shown_names_believed";

/** True if `text` names one. */
export function isPlantedBug(text: string): text is PlantedBug {
  return [
    "none",
    "lease_from_response",
    "promotion_without_budget",
    "stale_leader_view",
    "shown_names_believed",
  ].includes(text);
}

/** One call to the store within a time limit; null: unreachable. */
export type StoreCall = <T>(
  request: (store: StoreModel) => T,
  timeoutMs: number,
) => Process<{ readonly value: T } | null>;

/** What a lease call came to. */
export type LeaseOutcome = "held" | "lost" | "unreachable";

/** Keeps the lease of one agent. */
export class LeaseModel {
  readonly #host: Host;
  readonly #call: StoreCall;
  readonly #ttlMs: number;
  readonly #bug: PlantedBug;
  #id: LeaseId | null = null;
  #deadline: number | null = null;
  #isReleased = false;
  #term: Revision | null = null;

  constructor(
    parts: { readonly host: Host; readonly call: StoreCall },
    ttlMs: number,
    bug: PlantedBug,
  ) {
    this.#host = parts.host;
    this.#call = parts.call;
    this.#ttlMs = ttlMs;
    this.#bug = bug;
  }

  /** On the host's clock. */
  get deadline(): number | null {
    return this.#deadline;
  }

  /** Revision of the leader key as this agent last wrote or saw it as its own. */
  get term(): Revision | null {
    return this.#term;
  }

  get id(): LeaseId | null {
    return this.#id;
  }

  /** Bids for the free key; `isStillFit` is asked with the key in hand. */
  *acquire(
    timeoutMs: number,
    isStillFit: () => Process<boolean>,
  ): Process<LeaseOutcome> {
    const { name } = this.#host;
    const fresh = yield* this.#fresh(timeoutMs);
    if (fresh === null) return "unreachable";
    this.#isReleased = true;
    const won = yield* this.#call(
      (store) => store.putLeader(name, fresh.id, "absent"),
      timeoutMs,
    );
    if (won === null) return "unreachable";
    if (won.value === null) return "lost";
    this.#term = won.value;
    if (!(yield* isStillFit())) {
      yield* this.#call((store) => store.deleteLeader(name), timeoutMs);
      return "lost";
    }
    this.#isReleased = false;
    this.#hold(fresh.since);
    return "held";
  }

  /** Renews what `view` shows as ours. */
  *renew(view: ClusterView, timeoutMs: number): Process<LeaseOutcome> {
    const { name } = this.#host;
    const { leader } = view;
    if (leader?.name !== name) return this.#lose();
    if (this.#isReleased) {
      yield* this.#call((store) => store.deleteLeader(name), timeoutMs);
      return this.#lose();
    }
    const held = this.#id;
    const fresh = yield* this.#fresh(timeoutMs);
    if (fresh === null) return "unreachable";
    if (this.#bug !== "stale_leader_view") {
      if (held !== null && held !== fresh.id) return this.#lose();
      if (leader.leaseId !== fresh.id) {
        const bound = yield* this.#call(
          (store) => store.putLeader(name, fresh.id, "own"),
          timeoutMs,
        );
        if (bound === null) return "unreachable";
        if (bound.value === null) return this.#lose();
        this.#term = bound.value;
      } else this.#term = leader.revision;
    }
    this.#hold(fresh.since);
    return "held";
  }

  /** Gives the key back; the right to lead ends before the request. */
  *release(timeoutMs: number): Process<boolean> {
    this.#isReleased = true;
    this.#deadline = null;
    const { name } = this.#host;
    const answer = yield* this.#call(
      (store) => store.deleteLeader(name),
      timeoutMs,
    );
    return answer !== null;
  }

  forget(): void {
    this.#deadline = null;
  }

  /** A lease for the member key; null: unreachable. */
  *keepMember(timeoutMs: number): Process<LeaseId | null> {
    return (yield* this.#fresh(timeoutMs))?.id ?? null;
  }

  *#fresh(
    timeoutMs: number,
  ): Process<{ readonly id: LeaseId; readonly since: number } | null> {
    const id = this.#id;
    const asked = this.#host.localNow;
    if (id !== null) {
      const alive = yield* this.#call((store) => store.renew(id), timeoutMs);
      if (alive === null) return null;
      if (alive.value) return { id, since: this.#since(asked) };
    }
    const askedAgain = this.#host.localNow;
    const ttlMs = this.#ttlMs;
    const granted = yield* this.#call((s) => s.grant(ttlMs), timeoutMs);
    if (granted === null) return null;
    this.#id = granted.value;
    return { id: granted.value, since: this.#since(askedAgain) };
  }

  #since(asked: number): number {
    return this.#bug === "lease_from_response" ? this.#host.localNow : asked;
  }

  #hold(since: number): void {
    if (this.#isReleased) return;
    this.#deadline = since + this.#ttlMs - driftAllowanceMs(this.#ttlMs);
  }

  #lose(): "lost" {
    this.#deadline = null;
    return "lost";
  }
}
