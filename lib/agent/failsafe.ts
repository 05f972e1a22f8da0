/**
 * Failsafe mode as the agent carries it out: publish whom to ask, ask them while
 * the store is away, and believe a leader that asks us.
 *
 * Source: docs/contract/ha.md 12.
 */
import {
  attemptMs,
  isLeadingItself,
  judgePing,
  type OwnLead,
  refusalIn,
} from "../core/calc/lead/consent.ts";
import {
  failsafeMap,
  isSameFailsafe,
  slotPositions,
  slotViewWithoutStore,
  viewOfMembers,
  withFailsafeLeader,
} from "../core/calc/lead/failsafe.ts";
import { after, remainingMs } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafeMember, FailsafePing } from "../core/model/failsafe.ts";
import type { Observation } from "../core/model/observation.ts";
import { ownPosition } from "../core/model/postgres_view.ts";
import type { FailsafeConsent } from "../ports/agent_api.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { AgentContext } from "./context.ts";

/** Writes the map after a renewal, if the mode is on and the map changed. */
export async function publishFailsafe(
  context: AgentContext,
  view: ClusterView,
  limits: DcsLimits,
): Promise<void> {
  const { config, state, reports } = context;
  if (!state.settings.isFailsafeMode) return;
  const { apiUrl } = config.identity;
  const map = failsafeMap(view, { name: config.self, apiUrl });
  if (isSameFailsafe(view.failsafe, map)) return;
  // Before the answer: the store may have the map and we may never hear of it.
  state.remember({ kind: "failsafe_published", map });
  await reports.writeFailsafe(map, limits);
}

/** Asks for consent and extends the lease if all agree. */
export async function askFailsafe(
  context: AgentContext,
  o: Observation,
  members: readonly FailsafeMember[],
): Promise<"granted" | "refused"> {
  const { ports, right, state } = context;
  const { clock, log, peers } = ports;
  const since = clock.now();
  const timeoutMs = attemptMs(o, since);
  const answers = await peers.askFailsafe(members, {
    ping: pingOf(context, o),
    timeoutMs,
  });
  for (const { name, detail, isAccepted } of answers) {
    if (isAccepted) continue;
    log.warning(`Member ${name} did not accept the failsafe ping: ${detail}`);
  }
  const refusal = refusalIn(answers, since);
  state.isFailsafeGranted = refusal === null;
  state.failsafePositions = Object.fromEntries(
    answers.flatMap(({ name, position }) =>
      position === null ? [] : [[name, position]]
    ),
  );
  state.remember({ kind: "failsafe_answered", refusal });
  if (refusal !== null) return "refused";
  right.coverByFailsafe(since, o.settings.ttlMs);
  return "granted";
}

function pingOf(context: AgentContext, o: Observation): FailsafePing {
  const { self, identity } = context.config;
  const slots = o.postgres.kind === "running" ? o.postgres.slots : [];
  return {
    name: self,
    connUrl: identity.connUrl,
    apiUrl: identity.apiUrl,
    slots: slotPositions(slots),
    ttlMs: o.settings.ttlMs,
  };
}

/**
 * A leader asks: from now on, and for one ttl (its own, if that is longer), it
 * leads as far as this member is concerned, also after a restart of the agent.
 */
export async function acceptFailsafe(
  context: AgentContext,
  ping: FailsafePing,
): Promise<FailsafeConsent> {
  const { state, ports, config } = context;
  const verdict = judgePing(ping, {
    ...ownLead(context),
    self: config.self,
    map: state.memory.failsafe,
    members: [
      ...(state.view?.members ?? []),
      ...(state.memory.knownPeers?.members ?? []),
    ],
    ttlMs: state.settings.ttlMs,
  });
  if (verdict.kind === "refused") {
    if (verdict.why === "leading") return verdict;
    const { why, detail } = verdict;
    ports.log.warning(`Refusing a failsafe ping of ${ping.name}: ${detail}`);
    return { kind: "refused", why };
  }
  const at = ports.clock.now();
  const { ttlMs } = verdict;
  state.failsafePing = { ping, until: after(at, ttlMs) };
  await ports.consents.save({ at, ttlMs });
  // It may have won the key while the record was written.
  if (isLeadingItself(ownLead(context))) {
    return { kind: "refused", why: "leading" };
  }
  const postgres = state.observation?.postgres;
  const position = postgres?.kind === "running" ? ownPosition(postgres) : null;
  return { kind: "accepted", position };
}

function ownLead({ right, tasks, ports }: AgentContext): OwnLead {
  const now = ports.clock.now();
  return { now, deadline: right.deadline, task: tasks.view };
}

/** True while failsafe mode decides here, as leader or as listener. */
export function isFailsafeActive(context: AgentContext): boolean {
  return context.state.isFailsafeGranted || heardLeader(context) !== null;
}

/** The view as this member must take it: a leader that pinged lately is there. */
export function completed(
  context: AgentContext,
  view: ClusterView,
): ClusterView {
  const ping = heardLeader(context);
  const known = context.state.memory.knownPeers?.members ?? [];
  return ping === null ? view : withFailsafeLeader(view, ping, known);
}

/**
 * By what the slots here are moved while the store is away: the last view, with
 * what the leader, or the members, said since. Null: failsafe mode decides
 * nothing here.
 */
export function slotView(context: AgentContext): ClusterView | null {
  const { lastView, isFailsafeGranted, failsafePositions } = context.state;
  const ping = heardLeader(context);
  if (lastView === null) return null;
  if (ping !== null) return slotViewWithoutStore(lastView, ping);
  return isFailsafeGranted ? viewOfMembers(lastView, failsafePositions) : null;
}

/** A leader of its own right needs no failsafe; called when the lease is held or the member is promoted. */
export function resetFailsafe(context: AgentContext): void {
  context.state.failsafePing = null;
  context.state.isFailsafeGranted = false;
  context.state.remember({ kind: "failsafe_answered", refusal: null });
}

function heardLeader(context: AgentContext): FailsafePing | null {
  const { failsafePing } = context.state;
  if (failsafePing === null) return null;
  // A consent is a promise: it holds although the mode was switched off since.
  const leftMs = remainingMs(failsafePing.until, context.ports.clock.now());
  return leftMs < 0 ? null : failsafePing.ping;
}
