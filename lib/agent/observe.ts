/**
 * Gathers the first observation of a cycle: the store's view, one look at the
 * instance, and what the agent remembers. Failures become data here.
 */
import type { DcsView, Observation } from "../core/model/observation.ts";
import {
  ownPosition,
  type PostgresView,
  type StandbyChange,
} from "../core/model/postgres_view.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { FactsOfNow } from "./facts_of_now.ts";
import type { SeenScope } from "./last_view.ts";
import type { Remembering } from "./memory.ts";
import type { Neighbours } from "./neighbours.ts";
import type { PledgeKeeper } from "./pledge_keeper.ts";
import type { StoreView } from "./store_view.ts";
import type { TaskSeen } from "./task_runner.ts";

/** What is looked at, and who hears of it. */
interface ObserverParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "debug">;
  readonly postgres: Pick<Postgres, "observe" | "upstream">;
  readonly store: Pick<StoreView, "look">;
  readonly facts: Pick<FactsOfNow, "around">;
  readonly keeper: Pick<PledgeKeeper, "look">;
  readonly tasks: TaskSeen;
  readonly last: SeenScope;
  readonly memory: Remembering;
  readonly neighbours: Pick<Neighbours, "standbyRole" | "usualUpstream">;
}

/** Looks at the world for the loop. */
export class Observer {
  readonly #parts: ObserverParts;

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  /** The observation that a cycle begins with. */
  async observe(): Promise<Observation> {
    const { tasks, store, postgres, facts, keeper } = this.#parts;
    // A task that ends while the instance is looked at makes the look an old one,
    // so for this cycle it still runs; its end begins the next cycle at once.
    const task = tasks.view;
    const [dcs, view, pledge] = await Promise.all([
      store.look(),
      postgres.observe(),
      keeper.look(),
    ]);
    this.#note(view);
    this.#noteWal(dcs, view);
    const standbyChange = await this.#standbyChange(view);
    return facts.around({
      ...{ dcs, pledge, standbyChange, task },
      postgres: view,
    });
  }

  /** Looks at the instance once more within a cycle. */
  async lookAgain(): Promise<PostgresView> {
    const view = await this.#parts.postgres.observe();
    this.#note(view);
    return view;
  }

  /** Whether a replica lacks something; without a leader nobody says what it should have. */
  async #standbyChange(view: PostgresView): Promise<StandbyChange> {
    const { last, tasks, postgres, neighbours, log } = this.#parts;
    const isJudged = view.kind === "running" && view.role === "replica" &&
      tasks.view.kind === "idle" && last.view?.leader != null;
    if (!isJudged) return "nothing";
    try {
      return await postgres.upstream.change(neighbours.usualUpstream());
    } catch (error) {
      // The upstream's address is not known yet, or a file cannot be read.
      log.debug(`Cannot compare the standby's settings: ${String(error)}`);
      return "nothing";
    }
  }

  /** Tells the memory that the instance answered. */
  #note(view: PostgresView): void {
    if (view.kind !== "running") return;
    const { memory, neighbours } = this.#parts;
    const role = view.role === "primary" ? "primary" : neighbours.standbyRole();
    memory.remember({ kind: "answered", role });
  }

  /** Tells the memory how far a replica is: without a leader it should stand still. */
  #noteWal(dcs: DcsView, postgres: PostgresView): void {
    if (dcs.kind !== "reachable") return;
    const { memory, clock } = this.#parts;
    const replica = postgres.kind === "running" && postgres.role === "replica"
      ? postgres
      : null;
    memory.remember({
      kind: "wal_seen",
      at: clock.now(),
      lsn: replica === null ? null : ownPosition(replica),
      isStreaming: replica?.isStreaming ?? false,
      hasLeader: dcs.view.leader !== null,
    });
  }
}
