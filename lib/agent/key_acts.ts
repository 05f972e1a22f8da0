/** The acts that write a key of the scope, and the setting that follows the sync key. */
import type { Log } from "../ports/log.ts";
import type { PostgresSettings } from "../ports/postgres.ts";
import {
  AFTER_CONFLICT_MS,
  changed,
  type DecisionOf,
  type Outcome,
} from "./act_outcome.ts";
import type { LeaseKeeper } from "./leases.ts";
import type { Remembering } from "./memory.ts";
import type { Observer } from "./observe.ts";
import type { ScopeStore } from "./scope_store.ts";
import type { Guarded } from "./scope_write.ts";
import type { StoreBudget } from "./store_budget.ts";
import type { StoreView } from "./store_view.ts";

type KeyWrite = DecisionOf<
  | "race_initialize"
  | "write_initialize"
  | "write_config"
  | "clear_failover"
  | "write_sync"
  | "delete_sync"
>;

/** What these acts work with. */
interface KeyParts {
  readonly log: Pick<Log, "info">;
  readonly keys: ScopeStore;
  readonly store: Pick<StoreView, "again">;
  readonly budget: Pick<StoreBudget, "leftMs">;
  readonly memory: Remembering;
  readonly leases: Pick<LeaseKeeper, "term">;
  readonly observer: Pick<Observer, "lookAgain">;
  readonly postgres: {
    readonly settings: Pick<PostgresSettings, "setSynchronousStandbys">;
  };
}

/** Carries them out. */
export class KeyActs {
  readonly #parts: KeyParts;

  constructor(parts: KeyParts) {
    this.#parts = parts;
  }

  async write(decision: KeyWrite): Promise<Outcome> {
    const { memory, log, store } = this.#parts;
    const isSync = decision.kind === "write_sync";
    // Without an answer the write may still take effect, later than we think.
    if (isSync) memory.remember({ kind: "sync_written", outcome: "unknown" });
    const outcome = await this.#put(decision);
    if (isSync) memory.remember({ kind: "sync_written", outcome: "known" });
    if (outcome === "conflict") {
      log.info(`${decision.kind}: somebody else was first`);
      return await this.#lookAgain();
    }
    if (decision.kind === "race_initialize") {
      memory.remember({ kind: "initialize", isOwner: true });
    }
    if (decision.kind === "write_initialize") {
      memory.remember({ kind: "initialize", isOwner: false });
    }
    return changed({ dcs: await store.again() });
  }

  async setSynchronousStandbys(
    decision: DecisionOf<"set_synchronous_standbys">,
  ): Promise<Outcome> {
    const { leases, postgres, observer } = this.#parts;
    // The key that allows it must have been seen in this member's own term.
    if (decision.term !== leases.term) return await this.#lookAgain();
    await postgres.settings.setSynchronousStandbys(decision.value);
    const view = await observer.lookAgain();
    const isApplied = view.kind === "running" &&
      (decision.value === null ||
        view.synchronousStandbyNames === decision.value);
    return isApplied
      ? changed({ postgres: view })
      : { kind: "rest", againInMs: AFTER_CONFLICT_MS };
  }

  /** The view is not what the decision took it for. */
  async #lookAgain(): Promise<Outcome> {
    await this.#parts.store.again();
    return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
  }

  async #put(decision: KeyWrite): Promise<Guarded> {
    const { keys, budget } = this.#parts;
    const limits = { timeoutMs: budget.leftMs };
    switch (decision.kind) {
      case "race_initialize":
        return await keys.raceInitialize(limits);
      case "write_initialize":
        return await keys.writeInitialize(decision, limits);
      case "write_config":
        return await keys.writeConfig(decision.document, null, limits);
      case "clear_failover":
        return await keys.clearFailover(decision.revision, limits);
      case "write_sync":
        return await keys.writeSync(decision, decision, limits);
      case "delete_sync":
        return await keys.deleteSync(decision, limits);
    }
  }
}
