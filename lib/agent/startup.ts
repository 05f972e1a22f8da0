/**
 * What happens before the first cycle: a first view of the scope, no other agent
 * of the same name, and a dynamic configuration to begin with.
 */
import { memberOf } from "../core/model/cluster_view.ts";
import { slotNameOf } from "../core/codec/slot_name.ts";
import { beforeFirstView } from "../core/calc/lead/uncovered.ts";
import { DcsUnreachableError } from "../ports/errors.ts";
import type { LastConsent } from "../core/model/failsafe.ts";
import type { AgentContext } from "./context.ts";
import { noteView, takeOver } from "./observe.ts";

/** Source: docs/contract/cli.md B2. */
const TRY_AGAIN_MS = 5_000;

/** Why an agent must not start. */
export class StartRefusedError extends Error {
  override readonly name: string = "StartRefusedError";
}

/**
 * Prepares the agent; waits for the store as long as it takes.
 *
 * @throws {StartRefusedError} If another agent of this name is alive.
 */
export async function startUp(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const { ports, config, state } = context;
  state.remember({ kind: "began", lastConsent: await lastConsent(context) });
  const cached = await ports.postgres.settings.loadDynamicConfig();
  await takeOver(context, cached ?? config.bootstrapDocument ?? {});
  await awaitFirstView(context, signal);
  const own = state.view === null ? null : memberOf(state.view, config.self);
  if (own?.apiUrl != null && await ports.peers.isAlive(own.apiUrl)) {
    throw new StartRefusedError(
      `Can't start; there is already a node named '${config.self}' running`,
    );
  }
  if (own === null) await refuseSharedSlot(context);
}

/** Who comes new can still have another name; of two that stream by one slot, one never does. */
async function refuseSharedSlot(context: AgentContext): Promise<void> {
  const { ports, config, state } = context;
  const slot = slotNameOf(config.self);
  const other = state.view?.members.find(({ name }) =>
    name !== config.self && slotNameOf(name) === slot
  );
  if (other === undefined || !state.settings.hasSlots) return;
  const text = `member '${other.name}' has the same replication slot name ` +
    `'${slot}' as '${config.self}'`;
  if ((await ports.postgres.observe()).kind === "empty") {
    throw new StartRefusedError(`Can't start; ${text}: choose another name`);
  }
  ports.log.error(`One of two members cannot stream: ${text}`);
}

/** What may have been promised before this agent began: anything until now, if nobody wrote it down. */
async function lastConsent({ ports }: AgentContext): Promise<LastConsent> {
  const at = ports.clock.now();
  const known = await ports.consents.load();
  // A clock that stands before it belongs to another life of this host.
  if (known !== null && known.at <= at) return known;
  const unknown = { at, ttlMs: null };
  await ports.consents.save(unknown).catch((error: unknown) =>
    ports.log.warning(`Cannot keep a record of consents: ${String(error)}`)
  );
  return unknown;
}

async function awaitFirstView(
  context: AgentContext,
  signal: AbortSignal,
): Promise<void> {
  const { ports, state, reader } = context;
  while (!signal.aborted) {
    const timeoutMs = state.settings.retryTimeoutMs;
    try {
      await noteView(context, await reader.freshView({ timeoutMs }));
      return;
    } catch (error) {
      if (!(error instanceof DcsUnreachableError)) throw error;
      ports.log.warning(`Can not get cluster from dcs: ${error.message}`);
    }
    await stopUncovered(context);
    await ports.clock.sleep(TRY_AGAIN_MS, signal);
  }
}

/** A primary that no agent holds a lease for must not go on while nobody can say who leads. */
async function stopUncovered(context: AgentContext): Promise<void> {
  const { postgres, log } = context.ports;
  const { settings } = context.state;
  const seen = { postgres: await postgres.observe(), settings };
  if (beforeFirstView(seen) === "leave") return;
  log.warning("demoted self because DCS is not accessible and I was a leader");
  await postgres.server.stop({
    mode: "fast",
    isCheckpointFirst: false,
    escalateAfterMs: context.state.settings.retryTimeoutMs,
    onShutdownCheckpoint: null,
  });
}
