/**
 * The orderly end of the agent: the instance stops, replicas have the shutdown
 * checkpoint, then the lease goes back at once. In pause nothing is touched.
 */
import { encodeMember } from "../core/codec/member_codec.ts";
import { publicationOf } from "../core/calc/publication.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { AgentContext } from "./context.ts";
import { handOver } from "./demote.ts";
import { assemble } from "./observe.ts";

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
  if (isPostgresLeft) return;
  if (context.state.settings.isPaused) {
    log.info(
      "Leader key is not deleted and Postgresql is not stopped due paused state",
    );
    return;
  }
  try {
    await stopInstance(context);
    await touchStopped(context);
  } catch (error) {
    const isStore = error instanceof DcsUnreachableError ||
      error instanceof DcsRefusedError;
    if (!isStore) throw error;
    log.warning(`Error communicating with DCS at shutdown: ${error.message}`);
  }
}

async function stopInstance(context: AgentContext): Promise<void> {
  const { postgres, proxy } = context.ports;
  const isLeader = context.state.view?.leader?.name === context.config.self;
  const view = await postgres.observe();
  if (isLeader && view.kind === "running" && view.role === "primary") {
    proxy?.heartbeat({ role: "demoted", leaseDeadlineMs: null });
    return await handOver(context, new AbortController().signal);
  }
  await postgres.stop({
    mode: "fast",
    isCheckpointFirst: false,
    escalateAfterMs: null,
    onShutdownCheckpoint: null,
  });
  if (isLeader) {
    const timeoutMs = context.state.settings.retryTimeoutMs;
    await context.leases.release({ timeoutMs });
  }
  context.ports.callbacks.fire("on_stop", context.state.memory.role);
}

async function touchStopped(context: AgentContext): Promise<void> {
  const { store, leases, state, config, ports } = context;
  const { view } = state;
  if (view === null) return;
  const timeoutMs = state.settings.retryTimeoutMs;
  const ttlMs = state.settings.ttlMs;
  const leaseId = await leases.keepMember({ timeoutMs, ttlMs });
  const postgres = await ports.postgres.observe();
  const o = assemble(context, {
    dcs: { kind: "reachable", view: { ...view, leader: null } },
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
