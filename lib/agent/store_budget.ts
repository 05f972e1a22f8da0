/**
 * How long calls of the store may take, so that a leader whose store hangs still
 * has time to stop before its lease ends.
 */
import { remainingMs } from "../core/base/units.ts";
import { STORE_CALL_MIN_MS, storeBudgetMs } from "../core/calc/lead/budgets.ts";
import type { Clock } from "../ports/clock.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Deadline } from "./lead_right.ts";
import type { Remembered } from "./memory.ts";

/** One attempt of a store call; a hanging endpoint must not eat the whole budget. */
const ATTEMPT_MAX_MS = 3_000;

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1_000;

/** What the budget is made of. */
interface BudgetParts {
  readonly clock: Clock;
  readonly right: Deadline;
  readonly memory: Remembered;
  readonly inForce: SettingsInForce;
  readonly liveness: { alive(): void };
}

/** The time that calls of the store get. */
export class StoreBudget {
  readonly #parts: BudgetParts;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
  }

  /** For the store calls of this cycle together, as of now. */
  get leftMs(): number {
    const { clock, right: { deadline }, memory, inForce } = this.#parts;
    const leftMs = deadline === null
      ? null
      : remainingMs(deadline, clock.now());
    const { role } = memory.now;
    return storeBudgetMs({ role, leftMs }, inForce.settings);
  }

  /**
   * For the loop alone: each attempt tells the service manager that the loop goes on.
   *
   * Repeats `call` while the store is unreachable, with growing pauses, until the
   * budget is used up. Any other failure ends it at once.
   *
   * @throws {DcsUnreachableError} The last one, when the time is up.
   */
  async withRetries<T>(call: (limits: DcsLimits) => Promise<T>): Promise<T> {
    const { clock, liveness } = this.#parts;
    const startedAt = clock.now();
    const budgetMs = this.leftMs;
    for (let pauseMs = PAUSE_MIN_MS;; pauseMs *= 2) {
      liveness.alive();
      const leftMs = budgetMs - (clock.now() - startedAt);
      const timeoutMs = Math.max(
        STORE_CALL_MIN_MS,
        Math.min(ATTEMPT_MAX_MS, leftMs),
      );
      try {
        return await call({ timeoutMs });
      } catch (error) {
        const waitMs = Math.min(pauseMs, PAUSE_MAX_MS);
        const isOver = clock.now() - startedAt + waitMs >= budgetMs;
        if (!(error instanceof DcsUnreachableError) || isOver) throw error;
        await clock.sleep(waitMs);
      }
    }
  }
}
