/**
 * A synchronous replica that is about to stop asks its leader not to wait for it
 * any more, so that no commit hangs on it meanwhile.
 *
 * Source: docs/contract/ha.md 11.6.
 */
import { isInSync } from "../core/calc/lead/candidates.ts";
import { after, remainingMs } from "../core/base/units.ts";
import type { AgentContext } from "./context.ts";

/** How often the sync key is looked at. */
const LOOK_AGAIN_MS = 500;
const LOOK_MAX_MS = 3_000;

/** True for a replica that commits may wait for; the last view may be too old to tell. */
export function hasSyncDuty(context: AgentContext): boolean {
  const { state, config } = context;
  const { settings, view } = state;
  const isOn = settings.synchronousMode !== "off" && !settings.isStandbyCluster;
  return isOn && !config.tags.isNosync && view !== null &&
    view.leader !== null && view.leader.name !== config.self;
}

/**
 * Gives the duty back and waits until the sync key agrees, at most two loop_wait.
 * Errors end the wait: the restart was asked for.
 *
 * @param publish Writes the member key, now that it says "nosync".
 */
export async function releaseSyncDuty(
  context: AgentContext,
  publish: () => Promise<void>,
): Promise<void> {
  const { state, reader, config, ports } = context;
  const { clock, log } = ports;
  state.remember({ kind: "sync_duty", isReleased: true });
  const { loopWaitMs, retryTimeoutMs } = state.settings;
  const deadline = after(clock.now(), 2 * loopWaitMs);
  log.info("Waiting for primary to release us from synchronous standby");
  try {
    await publish();
    while (remainingMs(deadline, clock.now()) > 0) {
      const timeoutMs = Math.min(LOOK_MAX_MS, retryTimeoutMs);
      const view = await reader.freshView({ timeoutMs });
      if (!isInSync(view, config.self)) return;
      await clock.sleep(LOOK_AGAIN_MS);
    }
    log.warning("The primary still waits for this replica; going on");
  } catch (error) {
    log.warning(
      `Cannot see whether the primary waits for us: ${String(error)}`,
    );
  }
}

/** The replica is back. */
export function resumeSyncDuty(context: AgentContext): void {
  context.state.remember({ kind: "sync_duty", isReleased: false });
  context.inbox.wake();
}
