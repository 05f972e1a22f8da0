/**
 * The user's programs that the agent waits for: one that may forbid a promotion,
 * one that prepares a stop.
 *
 * Source: docs/contract/ha.md 18.
 */
import { abortOf } from "../../../ports/clock.ts";
import { CancelledError } from "../../../ports/errors.ts";
import type { StopOptions } from "../../../ports/postgres.ts";
import type { PostgresContext } from "../options.ts";
import { run } from "../process/programs.ts";

/** An urgent stop waits no longer than that for its hook: the lease may be gone. */
const URGENT_MS = 1_000;

/**
 * True if `pre_promote` agreed or is not configured.
 *
 * @throws {CancelledError} If the signal was aborted.
 */
export async function runPrePromote(
  context: PostgresContext,
  signal: AbortSignal,
): Promise<boolean> {
  const [command, ...args] = context.config?.prePromote ?? [];
  if (command === undefined) return true;
  try {
    const { code } = await run({ command, args, signal });
    context.log.info(`pre_promote script "${command}" exited with ${code}`);
    return code === 0;
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    context.log.error(`Cannot run the pre_promote script: ${String(error)}`);
    return false;
  }
}

/**
 * Runs `before_stop`; its result does not matter. A stop that is limited in time
 * stays so: the hook gets half of it, an immediate stop's hook a second.
 *
 * @returns What is left of `escalateAfterMs`.
 */
export async function runBeforeStop(
  context: PostgresContext,
  options: StopOptions,
): Promise<number | null> {
  const [command, ...args] = context.config?.beforeStop ?? [];
  const { escalateAfterMs, mode } = options;
  if (command === undefined || mode === "kill") return escalateAfterMs;
  const { clock, log } = context;
  const startedAt = clock.now();
  const limitMs = Math.min(
    mode === "immediate" ? URGENT_MS : Infinity,
    escalateAfterMs === null ? Infinity : escalateAfterMs / 2,
  );
  const ending = new AbortController();
  const isOver = new AbortController();
  const timer = limitMs === Infinity
    ? Promise.resolve()
    : clock.sleep(limitMs, isOver.signal).then(() => ending.abort());
  const running = run({ command, args, signal: ending.signal });
  try {
    await Promise.race([running, abortOf(ending.signal)]);
    if (ending.signal.aborted) {
      log.warning("The before_stop script took too long");
    }
  } catch (error) {
    log.warning(`The before_stop script failed: ${String(error)}`);
  } finally {
    running.catch(() => undefined);
    isOver.abort();
    await timer;
  }
  const usedMs = clock.now() - startedAt;
  return escalateAfterMs === null
    ? null
    : Math.max(0, escalateAfterMs - usedMs);
}
