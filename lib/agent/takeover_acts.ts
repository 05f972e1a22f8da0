/**
 * The acts about pledges: make one, take it back, object to those against this
 * leader, and take the key of a lost one. What they rest on was decided before;
 * each of them asks the store itself when it is done.
 */
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { DcsView, Observation } from "../core/model/observation.ts";
import type { LeaseView } from "../core/model/lease_view.ts";
import type { Clock } from "../ports/clock.ts";
import { DcsRefusedError } from "../ports/errors.ts";
import type { Log } from "../ports/log.ts";
import {
  AFTER_CONFLICT_MS,
  changed,
  type DecisionOf,
  type Outcome,
} from "./act_outcome.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { FactsOfNow } from "./facts_of_now.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { Remembering } from "./memory.ts";
import type { PledgeKeeper } from "./pledge_keeper.ts";
import type { ScopeStore } from "./scope_store.ts";
import type { StoreBudget } from "./store_budget.ts";
import type { StoreView } from "./store_view.ts";

/** A source that could not be closed, or a position that is not known yet. */
const CLOSE_AGAIN_MS = 300;
/** A takeover is a matter of seconds; a call that hangs is given up and asked again. */
const CALL_MS_MAX = 2_000;

/** What these acts work with. */
interface TakeoverParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "info" | "warning">;
  readonly keeper: PledgeKeeper;
  readonly listener: { leader(): FailsafePing | null };
  readonly keys: Pick<ScopeStore, "writePledge">;
  readonly leases: Pick<LeaseKeeper, "take" | "term">;
  readonly facts: Pick<FactsOfNow, "lease">;
  readonly store: Pick<StoreView, "afresh">;
  readonly budget: Pick<StoreBudget, "leftMs">;
  readonly memory: Remembering;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly self: string };
  /** A leader of its own right needs no failsafe. */
  readonly endFailsafe: () => void;
}

/** Carries them out. */
export class TakeoverActs {
  readonly #parts: TakeoverParts;

  constructor(parts: TakeoverParts) {
    this.#parts = parts;
  }

  /** The record first, and then the store: what it shows is newer than the record. */
  async lookAfresh(): Promise<Outcome> {
    await this.#parts.keeper.look();
    return await this.#again();
  }

  async writeRecord(
    { record, reason }: DecisionOf<"write_pledge_record">,
  ): Promise<Outcome> {
    const { keeper, memory, clock, listener, log } = this.#parts;
    const hasConsented = listener.leader() !== null;
    if (record.kind === "pledged" && hasConsented) return await this.#again();
    try {
      await keeper.write(record);
    } catch (error) {
      // Of a disk: the rest of the cycle must not depend on it.
      log.warning(
        "This member cannot write down what it promises, and does not pledge " +
          `for a while: ${String(error)}`,
      );
      return changed({ pledge: keeper.view("as_seen") });
    }
    if (reason === "vetoed") {
      memory.remember({ kind: "vetoed", at: clock.now() });
    }
    return await this.#again();
  }

  async closeSource(): Promise<Outcome> {
    const { keeper, log } = this.#parts;
    const isClosed = await keeper.close();
    if (isClosed) return await this.#again();
    log.info(
      "It is not proven yet that no WAL comes in, or up to where it came",
    );
    return { kind: "rest", againInMs: CLOSE_AGAIN_MS };
  }

  async writeEntry(
    { pledge, guard }: DecisionOf<"write_pledge">,
  ): Promise<Outcome> {
    const { keeper, keys, config } = this.#parts;
    // Without an answer it may still come: the next step knows that it was sent.
    keeper.sent(guard);
    const entry = { name: config().self, revision: guard };
    try {
      await keys.writePledge(entry, pledge, this.#limits);
    } catch (error) {
      this.#noteRefusal(error);
      throw error;
    }
    keeper.answered("taken");
    return await this.#again();
  }

  /** Said once, and told at GET /explain as long as it is so. */
  #noteRefusal(error: unknown): void {
    const { config, keeper, log } = this.#parts;
    if (!(error instanceof DcsRefusedError)) return;
    if (!keeper.answered("refused")) return;
    log.warning(
      `The store refuses the key pledges/${config().self}: this member cannot ` +
        "pledge, nor follow while it may have pledged before. Allow it to " +
        `write below pledges/ as below members/ (${error.message})`,
    );
  }

  async veto(
    o: Observation,
    { pledges }: DecisionOf<"veto_pledges">,
  ): Promise<Outcome> {
    const { keys, store } = this.#parts;
    await Promise.all(
      pledges.map((entry) => keys.writePledge(entry, null, this.#limits)),
    );
    return changed({ dcs: await store.afresh(this.#limits), lease: o.lease });
  }

  /** One write with everything that it rests on; an answer that is lost leaves the pledge as it is. */
  async take({ take }: DecisionOf<"take_lease">): Promise<Outcome> {
    const { leases, memory, log, endFailsafe, inForce, store } = this.#parts;
    const { ttlMs } = inForce.settings;
    const outcome = await leases.take(take, { ...this.#limits, ttlMs });
    if (outcome === "lost") {
      log.info("The leader key was not taken over: something has changed");
      await store.afresh(this.#limits);
      return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
    }
    if (leases.term !== null) {
      memory.remember({ kind: "taken", term: leases.term });
    }
    endFailsafe();
    const dcs = await store.afresh(this.#limits);
    const peers = { kind: "not_asked" } as const;
    return changed({ dcs, lease: this.#fresh(), peers });
  }

  async #again(): Promise<Outcome> {
    const { store, keeper } = this.#parts;
    const dcs: DcsView = await store.afresh(this.#limits);
    return changed({ dcs, pledge: keeper.view("fresh") });
  }

  #fresh(): LeaseView {
    const lease = this.#parts.facts.lease();
    return lease.kind === "held"
      ? { ...lease, isFresh: true }
      : { kind: "released" };
  }

  get #limits() {
    return { timeoutMs: Math.min(CALL_MS_MAX, this.#parts.budget.leftMs) };
  }
}
