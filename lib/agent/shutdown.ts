/**
 * The orderly end of the agent: clients are let go, the instance stops, replicas
 * have the shutdown checkpoint, then the lease goes back at once. In pause
 * nothing is touched.
 */
import { encodeMember } from "../core/codec/member_codec.ts";
import { stopBudgetMs } from "../core/calc/lead/budgets.ts";
import { publicationOf } from "../core/calc/documents/publication.ts";
import { remainingMs } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { Observation } from "../core/model/observation.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { AgentContext } from "./context.ts";
import { abortOf, checkpointBeforeDrain, handOver } from "./demote.ts";
import { assemble } from "./observe.ts";
import { hasSyncDuty, releaseSyncDuty } from "./sync_duty.ts";

/** What a call of the store may take before the instance is down. */
const CALL_MS_MAX = 3_000;

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
    return await handOverUnderLease(context);
  }
  if (hasSyncDuty(context) && view.kind === "running") {
    await releaseSyncDuty(context, () => announceStop(context));
  } else await announceStop(context);
  // Its readers find another replica before this one goes.
  if (view.kind === "running") {
    await context.ports.proxy?.drain(new AbortController().signal);
  }
  await context.guards.standDown();
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
  const handing = letClientsGo(context, giveUp.signal)
    .then(() => handOver(context, giveUp.signal))
    .finally(() => done.abort());
  await Promise.all([handing, renewUntil(context, done.signal, giveUp)]);
}

/** As before a planned switchover; an abort ends the patience. */
async function letClientsGo(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  // Without the right to lead nobody may write for one moment longer.
  if (context.right.deadline !== null) {
    await checkpointBeforeDrain(context.ports, signal);
    await Promise.race([announceStop(context), abortOf(signal)]);
    await context.ports.proxy?.drain(signal);
  }
  context.heartbeats.end();
  await context.guards.standDown();
}

/** Every proxy holds new clients of a primary that says so, and leaves such a replica alone. */
async function announceStop(context: AgentContext): Promise<void> {
  const { view } = context.state;
  try {
    await touch(context, { view, as: "stopping" });
  } catch (error) {
    const { log } = context.ports;
    log.warning(`Cannot tell the DCS that this member stops: ${String(error)}`);
  }
}

async function renewUntil(
  context: AgentContext,
  done: AbortSignal,
  giveUp: AbortController,
): Promise<void> {
  const { state, right, leases, ports } = context;
  const { loopWaitMs, ttlMs } = state.settings;
  const budgetMs = stopBudgetMs(state.settings);
  /** Until the stop has to be short; a released lease does not run out. */
  const spareMs = () =>
    right.deadline === null
      ? Infinity
      : remainingMs(right.deadline, ports.clock.now()) - budgetMs;
  while (!done.aborted) {
    const restMs = Math.min(loopWaitMs, budgetMs, spareMs());
    if (restMs <= 0) return giveUp.abort();
    await ports.clock.sleep(restMs, done);
    const timeoutMs = Math.min(CALL_MS_MAX, spareMs());
    const isDue = right.deadline !== null && timeoutMs > 0;
    if (done.aborted || !isDue || state.view === null) continue;
    const outcome = await leases.renew(state.view.leader, { ttlMs, timeoutMs })
      .catch(
        (error: unknown) =>
          ports.log.warning(`Cannot renew the lease at shutdown: ${error}`),
      );
    if (outcome === "lost" && !leases.isReleased) return giveUp.abort();
  }
}

async function touchStopped(context: AgentContext): Promise<void> {
  const { view } = context.state;
  context.state.remember({ kind: "sync_duty", isReleased: false });
  await touch(context, { view, as: "stopped" });
}

/** Writes the member key in place of the loop, which has ended. */
async function touch(
  context: AgentContext,
  { view, as }: {
    readonly view: ClusterView | null;
    readonly as: "stopping" | "stopped";
  },
): Promise<void> {
  const { reports, leases, state, config, ports } = context;
  if (view === null) return;
  const timeoutMs = as === "stopped"
    ? state.settings.retryTimeoutMs
    : CALL_MS_MAX;
  const ttlMs = state.settings.ttlMs;
  const session = await leases.keepMember({ timeoutMs, ttlMs });
  const task = context.tasks.view;
  const postgres = await ports.postgres.observe();
  const o = assemble(context, {
    dcs: { kind: "reachable", view },
    postgres,
    standbyChange: "nothing",
    task,
  });
  const publication = publicationOf(
    as === "stopping" ? stoppingNow(o) : stopped(o),
    config.identity,
  );
  const text = encodeMember(publication);
  await reports.touchMember({ name: config.self, text }, session, {
    timeoutMs,
  });
}

function stoppingNow(o: Observation): Observation {
  const task = { kind: "demote", how: "graceful", deadline: null } as const;
  return { ...o, task: { kind: "running", task, startedAt: o.now } };
}

function stopped(o: Observation): Observation {
  const { role } = o.memory;
  const now = role === "primary" ? "demoted" : role;
  const memory = { ...o.memory, role: now, isRecovering: false };
  return { ...o, memory, lease: { kind: "released" } };
}
