/**
 * The acts about fencing: claim it, tell what came of it, let a suspicion rest,
 * take the key of a leader whose host is off, and the run of the program itself.
 */
import type { LongTask } from "../core/model/task_view.ts";
import type { Clock } from "../ports/clock.ts";
import { DcsRefusedError } from "../ports/errors.ts";
import type { FencingCommand } from "../ports/fencing.ts";
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
import type { TaskBody } from "./task_runner.ts";

/** A call that hangs is given up and asked again. */
const CALL_MS_MAX = 2_000;

/** What these acts work with. */
interface FencingParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "info" | "warning">;
  readonly keeper: Pick<PledgeKeeper, "view">;
  readonly keys: Pick<ScopeStore, "writeFencing">;
  readonly leases: Pick<LeaseKeeper, "take">;
  readonly facts: Pick<FactsOfNow, "lease">;
  readonly store: Pick<StoreView, "afresh">;
  readonly budget: Pick<StoreBudget, "leftMs">;
  readonly memory: Remembering;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly self: string; readonly scope: string };
  /** Null: this member has no program for it. */
  readonly fencing: FencingCommand | null;
  /** A leader of its own right needs no failsafe. */
  readonly endFailsafe: () => void;
}

/** Carries them out. */
export class FencingActs {
  readonly #parts: FencingParts;

  constructor(parts: FencingParts) {
    this.#parts = parts;
  }

  /** One guarded write; whoever's claim is in doubt has none. */
  async write(
    { write, reason }: DecisionOf<"write_fencing">,
  ): Promise<Outcome> {
    const { clock, keys, memory } = this.#parts;
    const isClaim = write.claim?.state === "claimed";
    const sentAt = clock.now();
    memory.remember({ kind: "fencing_claimed", at: null });
    if (reason === "vetoed") memory.remember({ kind: "vetoed", at: sentAt });
    const outcome = await keys.writeFencing(write, this.#limits)
      .catch((error: unknown) => this.#refused(error));
    if (outcome === "written" && isClaim) {
      memory.remember({ kind: "fencing_claimed", at: sentAt });
    }
    return await this.#again();
  }

  /** Asked again later, and less often each time: the lease decides meanwhile. */
  #refused(error: unknown): "refused" {
    if (!(error instanceof DcsRefusedError)) throw error;
    const { clock, log, memory } = this.#parts;
    log.warning(
      "The store refuses the key fencing, so nobody is fenced by this " +
        `member: allow it to write it as it may write leader (${error.message})`,
    );
    memory.remember({ kind: "vetoed", at: clock.now() });
    return "refused";
  }

  rest(): Outcome {
    const { clock, memory } = this.#parts;
    memory.remember({ kind: "fencing_claimed", at: null });
    memory.remember({ kind: "vetoed", at: clock.now() });
    return changed({});
  }

  /** One write with everything that it rests on. */
  async take(
    { take }: DecisionOf<"take_fenced_lease">,
  ): Promise<Outcome> {
    const { leases, log, endFailsafe, inForce, store } = this.#parts;
    const { ttlMs } = inForce.settings;
    const outcome = await leases.take(take, { ...this.#limits, ttlMs });
    if (outcome === "lost") {
      log.info("The leader key was not taken over: something has changed");
      await store.afresh(this.#limits);
      return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
    }
    endFailsafe();
    const dcs = await store.afresh(this.#limits);
    const peers = { kind: "not_asked" } as const;
    const held = this.#parts.facts.lease();
    const lease = held.kind === "held"
      ? { ...held, isFresh: true }
      : { kind: "released" } as const;
    return changed({ dcs, lease, peers });
  }

  /** The work of the task: the program against that host. */
  bodyOf(task: LongTask & { readonly kind: "fence" }): TaskBody {
    return async (signal) => {
      const { fencing, config, log } = this.#parts;
      if (fencing === null) throw new Error("no fencing command is configured");
      const { scope, self: by } = config();
      const { host, address, attempt, timeoutMs } = task;
      log.warning(`Fencing ${host}: running the fencing command`, { attempt });
      const reason = "leader_suspected";
      const order = { scope, host, address, by, attempt, reason } as const;
      await fencing.run(order, { timeoutMs, signal });
      log.warning(`${host} is fenced: its host is off, says the command`);
    };
  }

  /** The view that follows, as the store itself has it. */
  async #again(): Promise<Outcome> {
    const { store, keeper } = this.#parts;
    const dcs = await store.afresh(this.#limits);
    return changed({ dcs, pledge: keeper.view("fresh") });
  }

  get #limits() {
    return { timeoutMs: Math.min(CALL_MS_MAX, this.#parts.budget.leftMs) };
  }
}
