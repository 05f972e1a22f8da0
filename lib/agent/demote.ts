/**
 * Giving up the lead: stop the instance in the way that fits, and hand the lease
 * over where that is still ours to do. Shared by demotion and agent shutdown.
 */
import { readySuccessors, successors } from "../core/calc/lead/successors.ts";
import { after, type Lsn, remainingMs } from "../core/base/units.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import type { LongTask } from "../core/model/task_view.ts";
import type { Log } from "../ports/log.ts";
import type { PostgresServer, StopOptions } from "../ports/postgres.ts";
import type { AgentContext } from "./context.ts";

/** How often the successors are asked whether they have the shutdown checkpoint. */
const SUCCESSOR_POLL_MS = 100;

/** How often all are asked, while a receiver holds up the stop. */
const RECEIVED_POLL_MS = 500;

/** Replicas that are behind hold it up no longer than that once the lease is given away. */
const STRAGGLER_PATIENCE_MS = 10_000;

/** Reserved at the end of an offline stop for the SIGKILL to work. */
const KILL_RESERVE_MS = 1_000;

/** Runs a demotion. Resolves when the instance is down and the lease is settled. */
export async function demote(
  context: AgentContext,
  task: Extract<LongTask, { kind: "demote" }>,
  signal: AbortSignal,
): Promise<void> {
  const { events, ports: { log } } = context;
  log.info(`Demoting self (${task.how.replaceAll("_", "-")})`);
  if (task.how === "graceful") {
    await checkpointBeforeDrain(context.ports, signal);
    await context.ports.proxy?.drain(signal);
  }
  context.heartbeats.standDown();
  await context.guards.standDown();
  switch (task.how) {
    case "graceful":
      return await handOver(context, signal);
    case "immediate":
      await events.stop(stopAtOnce());
      return await release(context, null);
    case "immediate_nolock":
      context.right.forget();
      return await events.stop(stopAtOnce());
    case "cluster":
      return await stopUnderLease(context, signal);
    case "offline": {
      const leftMs = task.deadline === null
        ? 0
        : remainingMs(task.deadline, context.ports.clock.now());
      await events.stop({
        mode: "fast",
        isCheckpointFirst: false,
        escalateAfterMs: Math.max(500, leftMs - KILL_RESERVE_MS),
        onShutdownCheckpoint: null,
      });
      return context.right.forget();
    }
  }
}

/**
 * What is dirty goes to the disk while the clients still work: once a drain has
 * let them go they wait for all that follows. Without a proxy nobody is let go,
 * and the stop itself checkpoints first.
 */
export async function checkpointBeforeDrain(
  { postgres, proxy, log }: {
    readonly postgres: {
      readonly server: Pick<PostgresServer, "checkpoint">;
    };
    readonly proxy: unknown;
    readonly log: Pick<Log, "warning">;
  },
  signal: AbortSignal,
): Promise<void> {
  if (proxy === null) return;
  try {
    await postgres.server.checkpoint(signal);
  } catch (error) {
    // The stop checkpoints again anyway; this only would have shortened it.
    log.warning(`CHECKPOINT before a stop: ${String(error)}`);
  }
}

/** Stops in order; an abort (the lease runs out meanwhile) makes it an immediate stop. */
async function stopUnderLease(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const stopping = context.events.stop({
    mode: "fast",
    isCheckpointFirst: true,
    escalateAfterMs: null,
    onShutdownCheckpoint: null,
  });
  await Promise.race([stopping, abortOf(signal)]);
  if (signal.aborted) await context.ports.postgres.server.stop(stopAtOnce());
  await stopping;
  if (!signal.aborted) {
    await context.ports.postgres.data.archiveShutdownWal(signal);
  }
}

/**
 * Stops the leader's instance in order and releases the lease as soon as a
 * successor has the shutdown checkpoint, at the latest when the instance is down.
 * An abort (the lease runs out meanwhile) turns it into an immediate stop.
 */
export async function handOver(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const { postgres } = context.ports;
  const { settings } = context.state;
  const isEscalated = settings.synchronousMode !== "off" &&
    settings.primaryStopTimeoutMs > 0;
  let position: Lsn | null = null;
  context.state.endedReceivers = [];
  const stopped = new AbortController();
  let releasing: Promise<boolean> = Promise.resolve(false);
  const stopping = context.events.stop({
    mode: "fast",
    isCheckpointFirst: context.ports.proxy === null,
    escalateAfterMs: isEscalated ? settings.primaryStopTimeoutMs : null,
    onShutdownCheckpoint: (checkpoint) => {
      position = checkpoint;
      // A release that fails here is tried again when the instance is down.
      releasing = releaseWhenReceived(context, checkpoint, stopped.signal)
        .catch(() => false);
      return untilReceived(context, checkpoint, {
        releasing,
        stopped: stopped.signal,
      });
    },
    onReceiverEnded: (receiver) => {
      const { endedReceivers } = context.state;
      context.state.endedReceivers = [...endedReceivers, receiver];
    },
  });
  await Promise.race([stopping, abortOf(signal)]);
  if (signal.aborted) await postgres.server.stop(stopAtOnce());
  await stopping;
  stopped.abort();
  if (!await releasing) await release(context, position);
}

/** Waits for a successor that has `checkpoint`; false if the stop was quicker. */
async function releaseWhenReceived(
  context: AgentContext,
  checkpoint: Lsn,
  stopped: AbortSignal,
): Promise<boolean> {
  const { peers, clock } = context.ports;
  while (!stopped.aborted) {
    const { view, settings } = context.state;
    if (view === null) return false;
    const who = { self: context.config.self, settings };
    const answers = await peers.ask(successors(who, view));
    const limits = { requiredLsn: checkpoint, leaderLsn: null };
    if (readySuccessors(who, view, { answers, limits }).length > 0) {
      await release(context, checkpoint);
      return true;
    }
    await clock.sleep(SUCCESSOR_POLL_MS, stopped);
  }
  return false;
}

/**
 * Resolves when every replica that answers has `checkpoint`; those that are far
 * behind get the rest from the successor, as soon as there is one.
 */
async function untilReceived(
  context: AgentContext,
  checkpoint: Lsn,
  { releasing, stopped }: {
    readonly releasing: Promise<boolean>;
    readonly stopped: AbortSignal;
  },
): Promise<void> {
  const { ports: { peers, clock }, config: { self } } = context;
  const end = after(clock.now(), STRAGGLER_PATIENCE_MS);
  let isReleased = false;
  releasing.then((result) => isReleased = result);
  for (;;) {
    await clock.sleep(RECEIVED_POLL_MS, stopped);
    if (stopped.aborted) return;
    if (isReleased && remainingMs(end, clock.now()) <= 0) return;
    const members = context.state.view?.members ?? [];
    const answers = await peers.ask(
      members.filter(({ name, apiUrl }) => name !== self && apiUrl !== null),
    );
    if (!answers.some((answer) => isBehind(answer, checkpoint))) return;
  }
}

function isBehind(answer: PeerAnswer, checkpoint: Lsn): boolean {
  return answer.kind === "answered" && answer.isInRecovery &&
    (answer.position ?? 0n) < checkpoint;
}

/** Gives the leader key back, after publishing the position that successors must have reached. */
async function release(
  context: AgentContext,
  position: Lsn | null,
): Promise<void> {
  const { reports, leases, state, ports } = context;
  const limits = { timeoutMs: state.settings.retryTimeoutMs };
  context.right.forget();
  // It has stopped, or has written its last checkpoint.
  context.heartbeats.stopped();
  if (position !== null) {
    const status = state.view?.status;
    await reports.writeStatus({
      leaderLsn: position,
      slots: status?.slots ?? null,
      retainSlots: status?.retainSlots ?? null,
    }, limits);
  }
  if (await leases.release(limits)) ports.log.info("Leader key released");
}

/** Resolves when `signal` aborts. */
export function abortOf(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

/** An immediate stop; the postmaster gets five seconds for it. */
export function stopAtOnce(): StopOptions {
  return {
    mode: "immediate",
    isCheckpointFirst: false,
    escalateAfterMs: 5_000,
    onShutdownCheckpoint: null,
  };
}
