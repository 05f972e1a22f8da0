/**
 * How long a call of the loop may take, so that a leader whose store hangs still
 * has time to stop before its lease ends.
 */
import { remainingMs } from "../core/base/units.ts";
import { STORE_CALL_MIN_MS, storeBudgetMs } from "../core/calc/lead/budgets.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type { AgentContext } from "./context.ts";

/** One attempt of a store call; a hanging endpoint must not eat the whole budget. */
const ATTEMPT_MAX_MS = 3_000;

const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1_000;

/** The budget for store calls of this cycle. */
export function dcsBudgetMs(context: AgentContext): number {
  const { settings, memory } = context.state;
  const { deadline } = context.right;
  const leftMs = deadline === null
    ? null
    : remainingMs(deadline, context.ports.clock.now());
  return storeBudgetMs({ role: memory.role, leftMs }, settings);
}

/**
 * For the loop alone: each attempt tells the service manager that the loop goes on.
 *
 * Repeats `call` while the store is unreachable, with growing pauses, until the
 * budget is used up. Any other failure ends it at once.
 *
 * @throws {DcsUnreachableError} The last one, when the time is up.
 */
export async function withRetries<T>(
  context: AgentContext,
  call: (limits: DcsLimits) => Promise<T>,
): Promise<T> {
  const { clock } = context.ports;
  const startedAt = clock.now();
  const budgetMs = dcsBudgetMs(context);
  for (let pauseMs = PAUSE_MIN_MS;; pauseMs *= 2) {
    context.liveness.alive();
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
