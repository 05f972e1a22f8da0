/**
 * Carries out one decision and says what the next round of the cycle looks at.
 * Sequences of port calls; whether to make them was decided before.
 */
import type { LeaseTerms } from "./leases.ts";
import { isSameVacancy, vacancyOf } from "../core/model/cluster_view.ts";
import { explain } from "../core/explain.ts";
import type { Decision } from "../core/model/decision.ts";
import { laterInCycle, type LeaseView } from "../core/model/lease_view.ts";
import type { DcsView, Observation } from "../core/model/observation.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import { type AgentContext } from "./context.ts";
import { peerOf } from "./peer_address.ts";
import { askFailsafe, resetFailsafe } from "./failsafe.ts";
import { dcsBudgetMs, withRetries } from "./limits.ts";
import {
  assemble,
  leaseNow,
  notePostgres,
  noteView,
  unreachable,
} from "./observe.ts";
import { bodyOf } from "./tasks.ts";

/** Look again soon after a write that somebody else's write came before. */
const AFTER_CONFLICT_MS = 200;

/** What follows a decision. */
export type Act =
  | { readonly kind: "round"; readonly observation: Observation }
  /** The cycle is over; null: rest for loop_wait. */
  | { readonly kind: "rest"; readonly againInMs: number | null }
  | {
    readonly kind: "exit";
    readonly decision: Extract<Decision, { kind: "exit" }>;
  };

type Of<K extends Decision["kind"]> = Extract<Decision, { kind: K }>;

/**
 * Carries out `decision`.
 *
 * @param o The observation that it rests on.
 */
export async function act(
  context: AgentContext,
  o: Observation,
  decision: Decision,
): Promise<Act> {
  try {
    return await carryOut(context, o, decision);
  } catch (error) {
    if (error instanceof DcsUnreachableError) {
      const dcs = unreachable(context, context.ports.clock.now(), error);
      return round(context, o, { dcs });
    }
    if (!(error instanceof DcsRefusedError)) throw error;
    context.ports.log.error(`${decision.kind} was refused: ${error.message}`);
    return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
  }
}

function carryOut(
  context: AgentContext,
  o: Observation,
  decision: Decision,
): Promise<Act> {
  switch (decision.kind) {
    case "wait":
      return rest(decision.againInMs);
    case "exit":
      return Promise.resolve({ kind: "exit", decision });
    case "start_task":
      return startTask(context, decision);
    case "cancel_task":
      return cancelTask(context);
    case "renew_lease":
      return renewLease(context, o, decision);
    case "acquire_lease":
      return acquireLease(context, o, decision);
    case "release_lease":
      return releaseLease(context, o, decision);
    case "ask_peers":
      return askPeers(context, o, decision);
    case "ask_failsafe":
      return askConsent(context, o, decision);
    case "ask_upstream":
      return askUpstream(context, o, decision);
    case "trust_timeline":
      context.state.remember({ kind: "divergence", value: "unsuspected" });
      return Promise.resolve(round(context, o, {}));
    case "set_synchronous_standbys":
      return setSynchronousStandbys(context, o, decision);
    case "drop_restart":
      context.state.remember({ kind: "restart_scheduled", restart: null });
      return Promise.resolve(round(context, o, {}));
    case "refuse_request": {
      const text = explain(decision, context.config.self);
      context.inbox.answer({ status: 503, text });
      return Promise.resolve(round(context, o, {}));
    }
    case "race_initialize":
    case "write_initialize":
    case "write_config":
    case "clear_failover":
    case "write_sync":
    case "delete_sync":
      return writeKey(context, o, decision);
  }
}

async function startTask(
  context: AgentContext,
  decision: Of<"start_task">,
): Promise<Act> {
  const { task } = decision;
  if (task.kind === "restart" && task.isScheduled) {
    context.state.remember({ kind: "restart_scheduled", restart: null });
  }
  await context.tasks.start(task, bodyOf(context, task));
  if (task.kind === "reinitialize") {
    context.inbox.answer({ status: 200, text: "reinitialize started" });
  }
  return await rest(null);
}

async function cancelTask(context: AgentContext): Promise<Act> {
  await context.tasks.cancel();
  return await rest(0);
}

async function renewLease(
  context: AgentContext,
  o: Observation,
  { key }: Of<"renew_lease">,
): Promise<Act> {
  const outcome = await withRetries(
    context,
    (limits) => context.leases.renew(key, terms(context, limits.timeoutMs)),
  );
  if (outcome === "renewed") {
    resetFailsafe(context);
    // Binding the key to a new lease began a new term, which the view must show.
    const isSeen = key.revision === context.leases.term;
    const dcs = isSeen ? o.dcs : await readAgain(context);
    return round(context, o, { dcs, lease: fresh(context) });
  }
  context.ports.log.warning("failed to update leader lock");
  const dcs = await readAgain(context);
  return round(context, o, { dcs, lease: { kind: "lost" } });
}

async function acquireLease(
  context: AgentContext,
  o: Observation,
  { vacancy }: Of<"acquire_lease">,
): Promise<Act> {
  const { leases } = context;
  let dcs: DcsView | null = null;
  const outcome = await leases.acquire(
    terms(context, context.state.settings.retryTimeoutMs),
    async () => {
      const seen = await readAgain(context);
      dcs = seen;
      return seen.kind === "reachable" &&
        isSameVacancy(vacancy, vacancyOf(seen.view));
    },
  );
  dcs ??= await readAgain(context);
  if (outcome === "lost") {
    context.ports.log.info("Could not take out TTL lock");
    return round(context, o, { dcs, lease: { kind: "outbid" } });
  }
  resetFailsafe(context);
  // What the peers said before counts for the bid, not for what follows.
  const peers = { kind: "not_asked" } as const;
  return round(context, o, { dcs, lease: fresh(context), peers });
}

async function releaseLease(
  context: AgentContext,
  o: Observation,
  { newRole }: Of<"release_lease">,
): Promise<Act> {
  if (newRole !== null) {
    context.state.remember({ kind: "recovery_failed" });
    context.events.roleChanged(newRole);
  }
  const timeoutMs = context.state.settings.retryTimeoutMs;
  await context.leases.release({ timeoutMs });
  context.state.remember({ kind: "stopped" });
  const dcs = await readAgain(context);
  return round(context, o, { dcs, lease: { kind: "released" } });
}

async function askPeers(
  context: AgentContext,
  o: Observation,
  decision: Of<"ask_peers">,
): Promise<Act> {
  const answers = await context.ports.peers.ask(decision.members);
  return round(context, o, { peers: { kind: "asked", answers } });
}

async function askConsent(
  context: AgentContext,
  o: Observation,
  decision: Of<"ask_failsafe">,
): Promise<Act> {
  const cover = await askFailsafe(context, o, decision.members);
  const lease = leaseNow(context.right);
  return round(context, o, {
    lease: lease.kind === "held" ? { ...lease, cover } : lease,
  });
}

async function askUpstream(
  context: AgentContext,
  o: Observation,
  { source }: Of<"ask_upstream">,
): Promise<Act> {
  const upstream = await context.ports.postgres.upstream.ask(
    peerOf(context, source),
  );
  if (upstream.kind === "silent") {
    context.ports.log.debug(`The upstream does not answer: ${upstream.detail}`);
  }
  return round(context, o, { upstream });
}

async function setSynchronousStandbys(
  context: AgentContext,
  o: Observation,
  decision: Of<"set_synchronous_standbys">,
): Promise<Act> {
  const { postgres } = context.ports;
  // The key that allows it must have been seen in this member's own term.
  if (decision.term !== context.leases.term) {
    await readAgain(context);
    return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
  }
  await postgres.settings.setSynchronousStandbys(decision.value);
  const view = await postgres.observe();
  notePostgres(context, view);
  const isApplied = view.kind === "running" &&
    (decision.value === null ||
      view.synchronousStandbyNames === decision.value);
  return isApplied
    ? round(context, o, { postgres: view })
    : { kind: "rest", againInMs: AFTER_CONFLICT_MS };
}

async function writeKey(
  context: AgentContext,
  o: Observation,
  decision: KeyWrite,
): Promise<Act> {
  const isSync = decision.kind === "write_sync";
  // Without an answer the write may still take effect, later than we think.
  if (isSync) {
    context.state.remember({ kind: "sync_written", outcome: "unknown" });
  }
  const outcome = await write(context, decision);
  if (isSync) {
    context.state.remember({ kind: "sync_written", outcome: "known" });
  }
  if (outcome === "conflict") {
    context.ports.log.info(`${decision.kind}: somebody else was first`);
    await readAgain(context);
    return { kind: "rest", againInMs: AFTER_CONFLICT_MS };
  }
  if (decision.kind === "race_initialize") {
    context.state.remember({ kind: "initialize", isOwner: true });
  }
  if (decision.kind === "write_initialize") {
    context.state.remember({ kind: "initialize", isOwner: false });
  }
  return round(context, o, { dcs: await readAgain(context) });
}

type KeyWrite = Of<
  | "race_initialize"
  | "write_initialize"
  | "write_config"
  | "clear_failover"
  | "write_sync"
  | "delete_sync"
>;

async function write(
  context: AgentContext,
  decision: KeyWrite,
): Promise<"written" | "conflict"> {
  const { store, state } = context;
  const limits = { timeoutMs: dcsBudgetMs(context) };
  switch (decision.kind) {
    case "race_initialize":
      return await store.raceInitialize(limits);
    case "write_initialize":
      return await store.writeInitialize(decision, limits);
    case "write_config":
      return await store.writeConfig(state.document ?? {}, null, limits);
    case "clear_failover":
      return await store.clearFailover(decision.revision, limits);
    case "write_sync":
      return await store.writeSync(decision, decision, limits);
    case "delete_sync":
      return await store.deleteSync(decision, limits);
  }
}

async function readAgain(context: AgentContext): Promise<DcsView> {
  const view = await withRetries(
    context,
    (limits) => context.reader.view(limits),
  );
  return { kind: "reachable", view: await noteView(context, view) };
}

/** Renewed or won just now; a release that came meanwhile wins. */
function fresh({ right }: AgentContext): LeaseView {
  const lease = leaseNow(right);
  return lease.kind === "held"
    ? { ...lease, isFresh: true }
    : { kind: "released" };
}

function terms(context: AgentContext, timeoutMs: number): LeaseTerms {
  return { ttlMs: context.state.settings.ttlMs, timeoutMs };
}

function rest(againInMs: number | null): Promise<Act> {
  return Promise.resolve({ kind: "rest", againInMs });
}

/** The next round: what this one changed, over what still holds, at the time of now. */
function round(
  context: AgentContext,
  o: Observation,
  changes: Partial<Observation>,
): Act {
  const now = assemble(context, o);
  return {
    kind: "round",
    observation: {
      ...now,
      lease: laterInCycle(o.lease, now.lease),
      peers: o.peers,
      upstream: o.upstream,
      ...changes,
    },
  };
}
