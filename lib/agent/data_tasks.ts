/**
 * The bodies of the long tasks that give the data directory up: it is removed,
 * moved aside, or replaced by a copy.
 */
import type { LongTask } from "../core/model/task_view.ts";
import { CancelledError } from "../ports/errors.ts";
import { type AgentContext, ownSlotName } from "./context.ts";
import { peerOf } from "./peer_address.ts";

type TaskOf<K extends LongTask["kind"]> = Extract<LongTask, { kind: K }>;

/** What is worthless, or was given away by a setting. */
export async function removeData(
  context: AgentContext,
  task: TaskOf<"remove_data">,
): Promise<void> {
  const { postgres, log } = context.ports;
  log.warning(`Removing the data directory: ${task.why}`);
  await context.events.stop({
    mode: "immediate",
    isCheckpointFirst: false,
    escalateAfterMs: 30_000,
    onShutdownCheckpoint: null,
  });
  await postgres.data.remove();
  context.state.remember({ kind: "divergence", value: "suspected" });
}

/** A server that runs there was started by a person: it is not stopped, and the task fails. */
export async function setAside(
  context: AgentContext,
  task: TaskOf<"set_aside">,
): Promise<void> {
  const { postgres, log } = context.ports;
  const path = await postgres.data.setAside();
  log.warning(`The data directory was moved to ${path}: ${task.why}`);
  context.state.remember({ kind: "divergence", value: "suspected" });
}

/** What an operator gave away. */
export async function reinitialize(
  context: AgentContext,
  task: TaskOf<"reinitialize">,
  signal: AbortSignal,
): Promise<void> {
  const { postgres, log } = context.ports;
  log.warning("Removing the data directory: operator_request");
  await context.events.stop({
    mode: "immediate",
    isCheckpointFirst: false,
    escalateAfterMs: 30_000,
    onShutdownCheckpoint: null,
  });
  context.state.remember({ kind: "divergence", value: "suspected" });
  if (signal.aborted) throw new CancelledError("Reinitialize was cancelled");
  const source = peerOf(context, task.source);
  const slotName = ownSlotName(context);
  if (task.isForcedFromLeader) {
    return await postgres.data.basebackup(source, slotName, signal);
  }
  await postgres.data.reinitialize(source, slotName, signal);
}
