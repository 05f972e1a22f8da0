/** The long task that makes the instance a primary, while the lease covers it. */
import { promoteBudgetMs } from "../core/calc/lead/budgets.ts";
import { remainingMs } from "../core/base/units.ts";
import { CancelledError, PostgresError } from "../ports/errors.ts";
import type { Postgres } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Announcer } from "./events.ts";
import { type FenceWatchParts, untilFenceAnswers } from "./fence_watch.ts";
import type { Deadline } from "./lead_right.ts";
import type { Remembering } from "./memory.ts";
import type { PoolerPause } from "./pooler_pause.ts";
import { stopAtOnce } from "./stops.ts";

/** What a promotion works with. */
interface PromotionParts extends FenceWatchParts {
  readonly postgres: Pick<Postgres, "observe" | "server">;
  readonly right: Deadline;
  readonly memory: Remembering;
  readonly inForce: SettingsInForce;
  readonly events: Pick<Announcer, "roleChanged" | "stop">;
  readonly poolerPause: Pick<PoolerPause, "leads">;
}

/** Promotes. */
export class Promotion {
  readonly #parts: PromotionParts;

  constructor(parts: PromotionParts) {
    this.#parts = parts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { postgres, clock, memory, events } = this.#parts;
    const { settings } = this.#parts.inForce;
    // The decision may rest on a look from before a promotion that just ended.
    const now = await postgres.observe();
    if (now.kind === "running" && now.role === "primary") return;
    if (!await postgres.server.prePromote(signal) && !settings.isPaused) {
      memory.remember({ kind: "pre_promote_failed", at: clock.now() });
      throw new PostgresError("The pre_promote script failed");
    }
    const { right } = this.#parts;
    await untilFenceAnswers(this.#parts, right.deadline, signal);
    const leftMs = right.deadline === null
      ? 0
      : remainingMs(right.deadline, clock.now());
    // Time has passed since the decision: the last look at the lease is here.
    if (leftMs < promoteBudgetMs(settings) || signal.aborted) {
      throw new CancelledError(
        `Only ${Math.round(leftMs)} ms of lease are left`,
      );
    }
    try {
      // The lease sets the limit: when it runs out, or is lost, the task is cancelled.
      await postgres.server.promote(Infinity, signal);
    } catch (error) {
      // A promotion goes on by itself; only a stop keeps it from becoming writable later.
      await events.stop(stopAtOnce());
      throw error;
    }
    events.roleChanged("primary");
    this.#parts.poolerPause.leads();
  }
}
