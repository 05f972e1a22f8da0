/**
 * The orderly end of the agent: the instance stops, replicas have the shutdown
 * checkpoint, then the lease goes back at once. In pause nothing is touched.
 */
import { encodeMember } from "../core/codec/member_codec.ts";
import { stopBudgetMs } from "../core/calc/budgets.ts";
import { publicationOf } from "../core/calc/publication.ts";
import { remainingMs } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { AgentContext } from "./context.ts";
import { handOver } from "./demote.ts";
import { assemble } from "./observe.ts";
import { hasSyncDuty, releaseSyncDuty } from "./sync_duty.ts";

/**
 * Ends what the agent runs.
 *
 * @param isPostgresLeft The instance is left as it is (wrong lineage).
 */
export async function shutDown(
  context: AgentContext,
  isPostgresLeft: boolean,
): Promise<void> {
  const { log } = context.ports;
  await context.tasks.cancel();
  if (isPostgresLeft) return context.heartbeats.farewell();
  if (context.state.settings.isPaused) {
    log.info(
      "Leader key is not deleted and Postgresql is not stopped due paused state",
    );
    return context.heartbeats.farewell();
  }
  await context.guards.standDown();
  try {
    await stopInstance(context);
    context.heartbeats.farewell();
    await touchStopped(context);
  } catch (error) {
    const isStore = error instanceof DcsUnreachableError ||
      error instanceof DcsRefusedError;
    if (!isStore) throw error;
    log.warning(`Error communicating with DCS at shutdown: ${error.message}`);
  }
}

async function stopInstance(context: AgentContext): Promise<void> {
  const { postgres } = context.ports;
  const isLeader = context.state.view?.leader?.name === context.config.self;
  const view = await postgres.observe();
  if (isLeader && view.kind === "running" && view.role === "primary") {
    context.heartbeats.end();
    return await handOverUnderLease(context);
  }
  if (hasSyncDuty(context) && view.kind === "running") {
    await releaseSyncDuty(context, () => touch(context, context.state.view));
  }
  await context.events.stop({
    mode: "fast",
    isCheckpointFirst: false,
    escalateAfterMs: null,
    onShutdownCheckpoint: null,
  });
  if (isLeader) {
    const timeoutMs = context.state.settings.retryTimeoutMs;
    await context.leases.release({ timeoutMs });
  }
}

/** The loop has ended, so the lease is renewed here while the instance stops; if that fails, the stop gets short. */
async function handOverUnderLease(context: AgentContext): Promise<void> {
  const giveUp = new AbortController();
  const done = new AbortController();
  const handing = handOver(context, giveUp.signal).finally(() => done.abort());
  await Promise.all([handing, renewUntil(context, done.signal, giveUp)]);
}

async function renewUntil(
  context: AgentContext,
  done: AbortSignal,
  giveUp: AbortController,
): Promise<void> {
  const { state, leases, ports } = context;
  const { loopWaitMs, ttlMs } = state.settings;
  while (!done.aborted && !giveUp.signal.aborted) {
    await ports.clock.sleep(
      Math.min(loopWaitMs, stopBudgetMs(state.settings)),
      done,
    );
    const { deadline } = leases;
    if (done.aborted || deadline === null || state.view === null) continue;
    const leftMs = remainingMs(deadline, ports.clock.now());
    if (leftMs < stopBudgetMs(state.settings)) return giveUp.abort();
    const timeoutMs = Math.min(3_000, leftMs);
    await leases.renew(state.view, { ttlMs, timeoutMs }).catch(
      (error: unknown) =>
        ports.log.warning(`Cannot renew the lease at shutdown: ${error}`),
    );
  }
}

async function touchStopped(context: AgentContext): Promise<void> {
  const { view } = context.state;
  context.state.remember({ kind: "sync_duty", isReleased: false });
  await touch(context, view === null ? null : { ...view, leader: null });
}

/** Writes the member key as things are now; the loop has ended. */
async function touch(
  context: AgentContext,
  view: ClusterView | null,
): Promise<void> {
  const { store, leases, state, config, ports } = context;
  if (view === null) return;
  const timeoutMs = state.settings.retryTimeoutMs;
  const ttlMs = state.settings.ttlMs;
  const leaseId = await leases.keepMember({ timeoutMs, ttlMs });
  const postgres = await ports.postgres.observe();
  const o = assemble(context, {
    dcs: { kind: "reachable", view },
    postgres,
  });
  const { role } = o.memory;
  const memory = {
    ...o.memory,
    role: role === "primary" ? "demoted" : role,
    isRecovering: false,
  } as const;
  const publication = publicationOf({ ...o, memory }, config.identity);
  const text = encodeMember(publication);
  await store.touchMember({ name: config.self, text }, leaseId, { timeoutMs });
}
