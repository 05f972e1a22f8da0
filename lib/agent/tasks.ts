/**
 * The bodies of the long tasks, except giving up the lead (demote.ts): sequences
 * of port calls, no decisions about whether.
 */
import { promoteBudgetMs } from "../core/calc/lead/budgets.ts";
import { remainingMs } from "../core/base/units.ts";
import { isRestartedAsStandby } from "../core/calc/lead/restart_role.ts";
import type { LongTask } from "../core/model/task_view.ts";
import {
  CancelledError,
  PostgresError,
  RewindNotBegunError,
} from "../ports/errors.ts";
import type { StartMode } from "../ports/postgres.ts";
import { type AgentContext, ownSlotName, usualUpstream } from "./context.ts";
import { peerOf } from "./peer_address.ts";
import { reinitialize, removeData, setAside } from "./data_tasks.ts";
import { checkpointBeforeDrain, demote, stopAtOnce } from "./demote.ts";
import { untilFenceAnswers } from "./fence_watch.ts";
import { standbyRole } from "./observe.ts";
import { hasSyncDuty, releaseSyncDuty, resumeSyncDuty } from "./sync_duty.ts";
import type { TaskBody } from "./task_runner.ts";

type TaskOf<K extends LongTask["kind"]> = Extract<LongTask, { kind: K }>;

/** What to run for `task`. */
export function bodyOf(context: AgentContext, task: LongTask): TaskBody {
  switch (task.kind) {
    case "bootstrap":
      return (signal) => bootstrap(context, signal);
    case "finish_restore":
      return (signal) => context.ports.postgres.data.finishRestore(signal);
    case "clone":
      return (signal) => clone(context, task.source, signal);
    case "start":
      return (signal) => start(context, task, signal);
    case "restart":
      return (signal) =>
        withoutSyncDuty(context, () => restart(context, task, signal));
    case "follow":
      return (signal) => follow(context, task, signal);
    case "promote":
      return (signal) => promote(context, signal);
    case "demote":
      return (signal) => demote(context, task, signal);
    case "rewind":
      return (signal) => rewind(context, task, signal);
    case "copy_slots":
      return (signal) => copySlots(context, task, signal);
    case "remove_data":
      return () => removeData(context, task);
    case "set_aside":
      return () => setAside(context, task);
    case "reinitialize":
      return (signal) => reinitialize(context, task, signal);
  }
}

async function bootstrap(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const { postgres } = context.ports;
  try {
    await postgres.data.bootstrap(signal);
  } catch (error) {
    const timeoutMs = context.state.settings.retryTimeoutMs;
    await context.store.cancelInitialize({ timeoutMs });
    throw error;
  }
  context.events.running("on_start", "primary");
}

async function clone(
  context: AgentContext,
  source: string | null,
  signal: AbortSignal,
): Promise<void> {
  const peer = source === null ? null : peerOf(context, source);
  const slotName = peer?.remote === undefined
    ? ownSlotName(context)
    : peer.remote.slotName;
  try {
    await context.ports.postgres.data.clone(peer, slotName, signal);
  } catch (error) {
    if (context.state.memory.isBootstrapOwner) await leaveInitialize(context);
    throw error;
  }
}

/** The first copy of a standby cluster failed: somebody else may try. */
async function leaveInitialize(context: AgentContext): Promise<void> {
  const timeoutMs = context.state.settings.retryTimeoutMs;
  context.state.remember({ kind: "initialize", isOwner: false });
  await context.store.cancelInitialize({ timeoutMs });
}

async function start(
  context: AgentContext,
  task: TaskOf<"start">,
  signal: AbortSignal,
): Promise<void> {
  await startInstance(context, modeOf(context, task), {
    timeoutMs: task.timeoutMs,
    signal,
    event: "on_start",
  });
}

function modeOf(context: AgentContext, task: TaskOf<"start">): StartMode {
  if (task.as === "primary") return { kind: "primary" };
  const { upstream } = task;
  return {
    kind: "standby",
    upstream: upstream === null ? null : peerOf(context, upstream),
  };
}

/** The callbacks hear of `event` once the instance runs, however long that takes. */
async function startInstance(
  context: AgentContext,
  mode: StartMode,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly event: "on_start" | "on_restart" | null;
  },
): Promise<"running" | "starting"> {
  const { events, ports: { postgres, clock } } = context;
  const { timeoutMs, signal, event } = options;
  if (mode.kind === "primary") {
    await untilFenceAnswers(context.ports, context.right.deadline, signal);
  }
  context.state.remember({ kind: "starting", at: clock.now(), timeoutMs });
  const run = () => postgres.server.start(mode, timeoutMs, signal);
  const result = mode.kind === "primary"
    ? await run()
    : await context.startAid.during(run);
  if (result.kind === "failed") throw new PostgresError(result.detail);
  if (event === null) return result.kind;
  if (result.kind === "starting") events.await(event);
  else {
    const isPrimary = mode.kind === "primary";
    events.running(event, isPrimary ? "primary" : standbyRole(context));
  }
  return result.kind;
}

/** A synchronous replica first gives its duty back. */
async function withoutSyncDuty(
  context: AgentContext,
  work: () => Promise<void>,
): Promise<void> {
  if (!hasSyncDuty(context)) return await work();
  try {
    await releaseSyncDuty(context, () => {
      // The loop goes on while a task runs; its next cycle publishes.
      context.inbox.wake();
      return Promise.resolve();
    });
    await work();
  } finally {
    resumeSyncDuty(context);
  }
}

async function restart(
  context: AgentContext,
  task: TaskOf<"restart">,
  signal: AbortSignal,
): Promise<void> {
  const { log, postgres, proxy } = context.ports;
  const view = await postgres.observe();
  const isStandby = isRestartedAsStandby(view, context.state.memory.role);
  const isPrimary = view.kind === "running" && view.role === "primary";
  if (isPrimary) await checkpointBeforeDrain(context.ports, signal);
  if (view.kind === "running") await proxy?.drain(signal);
  const state = await stopAndStart(context, {
    isStandby,
    timeoutMs: task.timeoutMs,
    signal,
  })
    .finally(() => proxy?.endDrain());
  if (state === "starting") {
    const text = "postgres is still starting";
    return context.inbox.answer({ status: 503, text });
  }
  const after = await postgres.observe();
  if (after.kind !== "unresponsive") return;
  // It is up, but with these settings (pg_hba, password) not for the agent.
  const text = `restarted, but it does not answer the agent: ${after.detail}`;
  log.error(`PostgreSQL was ${text}`);
  context.inbox.answer({ status: 503, text });
}

async function stopAndStart(
  context: AgentContext,
  run: {
    readonly isStandby: boolean;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<"running" | "starting"> {
  const { isStandby, signal, timeoutMs } = run;
  await context.ports.postgres.server.stop({
    mode: "fast",
    isCheckpointFirst: context.ports.proxy === null,
    escalateAfterMs: null,
    onShutdownCheckpoint: null,
  });
  if (signal.aborted) throw new CancelledError("Restart was cancelled");
  const mode: StartMode = isStandby
    ? { kind: "standby", upstream: usualUpstream(context) }
    : { kind: "primary" };
  const event = "on_restart";
  return await startInstance(context, mode, { timeoutMs, signal, event });
}

async function follow(
  context: AgentContext,
  task: TaskOf<"follow">,
  signal: AbortSignal,
): Promise<void> {
  const { events, ports: { postgres } } = context;
  const upstream = task.upstream === null
    ? null
    : peerOf(context, task.upstream);
  const change = await postgres.upstream.follow(upstream);
  if (change === "reloaded") {
    return events.running("on_reload", standbyRole(context));
  }
  if (change === "unchanged") return;
  await postgres.server.stop({
    mode: "fast",
    isCheckpointFirst: true,
    escalateAfterMs: null,
    onShutdownCheckpoint: null,
  });
  const timeoutMs = context.state.settings.primaryStartTimeoutMs;
  await startInstance(context, { kind: "standby", upstream }, {
    timeoutMs,
    signal,
    event: "on_restart",
  });
}

async function promote(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const { postgres, clock } = context.ports;
  const { settings } = context.state;
  // The decision may rest on a look from before a promotion that just ended.
  const now = await postgres.observe();
  if (now.kind === "running" && now.role === "primary") return;
  if (!await postgres.server.prePromote(signal) && !settings.isPaused) {
    context.state.remember({ kind: "pre_promote_failed", at: clock.now() });
    throw new PostgresError("The pre_promote script failed");
  }
  await untilFenceAnswers(context.ports, context.right.deadline, signal);
  const deadline = context.right.deadline;
  const leftMs = deadline === null ? 0 : remainingMs(deadline, clock.now());
  // Time has passed since the decision: the last look at the lease is here.
  if (leftMs < promoteBudgetMs(settings) || signal.aborted) {
    throw new CancelledError(`Only ${Math.round(leftMs)} ms of lease are left`);
  }
  try {
    // The lease sets the limit: when it runs out, or is lost, the task is cancelled.
    await postgres.server.promote(Infinity, signal);
  } catch (error) {
    // A promotion goes on by itself; only a stop keeps it from becoming writable later.
    await context.events.stop(stopAtOnce());
    throw error;
  }
  context.events.roleChanged("primary");
}

async function rewind(
  context: AgentContext,
  task: TaskOf<"rewind">,
  signal: AbortSignal,
): Promise<void> {
  const { postgres, log } = context.ports;
  const source = peerOf(context, task.source);
  await context.events.stop({
    mode: "fast",
    isCheckpointFirst: false,
    escalateAfterMs: 60_000,
    onShutdownCheckpoint: null,
  });
  try {
    await postgres.data.rewind(source, signal);
  } catch (error) {
    // Only a primary that is well and still refuses makes the failure final.
    const answer = await postgres.upstream.ask(source);
    const isFinal = !(error instanceof RewindNotBegunError) ||
      task.isLastAttempt;
    if (answer.kind === "answered" && !signal.aborted && isFinal) {
      log.error(`Failed to rewind from healthy primary: ${source.name}`);
      context.state.remember({ kind: "divergence", value: "rewind_failed" });
    }
    throw error;
  }
}

/** Reads first: the instance only stops for slots that are really there. */
async function copySlots(
  context: AgentContext,
  task: TaskOf<"copy_slots">,
  signal: AbortSignal,
): Promise<void> {
  const { postgres } = context.ports;
  const source = peerOf(context, task.source);
  const files = await postgres.slots.fetch(source, task.slots);
  if (signal.aborted) throw new CancelledError("Copying slots was cancelled");
  if (files.length === 0) {
    throw new PostgresError(`No slot of ${task.source} can be copied yet`);
  }
  await withoutSyncDuty(context, async () => {
    await postgres.server.stop({
      mode: "fast",
      isCheckpointFirst: true,
      escalateAfterMs: null,
      onShutdownCheckpoint: null,
    });
    await postgres.slots.install(files);
    const upstream = peerOf(context, task.upstream);
    const timeoutMs = context.state.settings.primaryStartTimeoutMs;
    await startInstance(context, { kind: "standby", upstream }, {
      timeoutMs,
      signal,
      event: null,
    });
  });
}
