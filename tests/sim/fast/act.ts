/**
 * Carries out a decision of the fast mode; the mirror of `lib/agent/act.ts`.
 */
import {
  isSameVacancy,
  vacancyOf,
} from "../../../lib/core/model/cluster_view.ts";
import { laterInCycle } from "../../../lib/core/model/lease_view.ts";
import type { Decision } from "../../../lib/core/model/decision.ts";
import type { Member } from "../../../lib/core/model/member.ts";
import type {
  DcsView,
  Observation,
} from "../../../lib/core/model/observation.ts";
import type { PeerAnswer } from "../../../lib/core/model/peer_view.ts";
import { peerAnswer, upstreamAnswer } from "../world/instance_view.ts";
import type { Answer, FastAgent } from "./agent.ts";
import type { Process } from "./process.ts";
import type { StoreModel } from "./store_model.ts";

const AFTER_CONFLICT_MS = 200;
const PEER_TIMEOUT_MS = 2_000;

/** What follows a decision. */
export type Act =
  | { readonly kind: "round"; readonly observation: Observation }
  | { readonly kind: "rest"; readonly againInMs: number | null }
  | { readonly kind: "exit" };

type Of<K extends Decision["kind"]> = Extract<Decision, { kind: K }>;

/** Carries out `decision`, which rests on `o`. */
export function* act(
  agent: FastAgent,
  o: Observation,
  decision: Decision,
): Process<Act> {
  switch (decision.kind) {
    case "wait":
      return rest(decision.againInMs);
    case "exit":
      return { kind: "exit" };
    case "start_task":
      yield* agent.tasks.start(decision.task);
      if (decision.task.kind === "reinitialize") agent.request = null;
      return rest(null);
    case "cancel_task":
      yield* agent.tasks.cancel();
      return rest(0);
    case "renew_lease":
      return yield* renewLease(agent, o);
    case "acquire_lease":
      return yield* acquireLease(agent, o, decision);
    case "release_lease":
      return yield* releaseLease(agent, o);
    case "ask_peers":
      return yield* askPeers(agent, o, decision);
    case "ask_failsafe":
      // The model has no failsafe mode: nobody answers.
      return round(agent, o, {
        lease: o.lease.kind === "held"
          ? { ...o.lease, cover: "refused" }
          : o.lease,
      });
    case "ask_upstream":
      return yield* askUpstream(agent, o);
    case "trust_timeline":
      agent.remember({ kind: "divergence", value: "unsuspected" });
      return round(agent, o, {});
    case "set_synchronous_standbys":
      return yield* setStandbys(agent, o, decision.value ?? "");
    case "refuse_request":
      agent.request = null;
      return round(agent, o, {});
    case "drop_restart":
      agent.remember({ kind: "restart_scheduled", restart: null });
      return round(agent, o, {});
    case "race_initialize":
    case "write_initialize":
    case "write_config":
    case "clear_failover":
    case "write_sync":
    case "delete_sync":
      return yield* writeKey(agent, o, decision);
  }
}

function* renewLease(agent: FastAgent, o: Observation): Process<Act> {
  if (o.dcs.kind !== "reachable") return rest(null);
  const { view } = o.dcs;
  const outcome = yield* agent.retrying(
    (timeoutMs) => agent.leases.renew(view, timeoutMs),
    (value) => value === "unreachable",
  );
  if (outcome === "held") {
    const dcs = isOwnTerm(agent, o.dcs) ? o.dcs : yield* agent.readAgain();
    return round(agent, o, { dcs, lease: fresh(agent) });
  }
  if (outcome === "unreachable") return unreachable(agent, o);
  const dcs = yield* agent.readAgain();
  const lease = { kind: "lost" } as const;
  return round(agent, o, { dcs, lease });
}

function* acquireLease(
  agent: FastAgent,
  o: Observation,
  { vacancy }: Of<"acquire_lease">,
): Process<Act> {
  const outcome = yield* agent.leases.acquire(
    agent.settings.retryTimeoutMs,
    function* () {
      const seen = yield* agent.readAgain();
      return seen.kind === "reachable" &&
        isSameVacancy(vacancy, vacancyOf(seen.view));
    },
  );
  if (outcome === "unreachable") return unreachable(agent, o);
  const dcs = yield* agent.readAgain();
  if (outcome === "lost") {
    const lease = { kind: "outbid" } as const;
    return round(agent, o, { dcs, lease });
  }
  const peers = { kind: "not_asked" } as const;
  return round(agent, o, { dcs, lease: fresh(agent), peers });
}

function* releaseLease(agent: FastAgent, o: Observation): Process<Act> {
  const isDone = yield* agent.leases.release(agent.settings.retryTimeoutMs);
  if (!isDone) return unreachable(agent, o);
  agent.remember({ kind: "stopped" });
  const dcs = yield* agent.readAgain();
  const lease = { kind: "released" } as const;
  return round(agent, o, { dcs, lease });
}

function* askPeers(
  agent: FastAgent,
  o: Observation,
  decision: Of<"ask_peers">,
): Process<Act> {
  const answers = yield* ask(agent, decision.members);
  return round(agent, o, { peers: { kind: "asked", answers } });
}

/** Asks peers over the network; an agent that is frozen or dead is silent. */
export function* ask(
  agent: FastAgent,
  members: readonly Member[],
): Process<readonly PeerAnswer[]> {
  const { world } = agent.driver;
  const answers = new Map<string, PeerAnswer>();
  if (members.length === 0) return [];
  yield (resume) => {
    agent.site.host.after(PEER_TIMEOUT_MS, resume);
    for (const { name } of members) {
      world.timeline.after(world.callDelayMs(), () => {
        const answer = peerAnswer(world, agent.self, name);
        if (answer === null) return;
        world.timeline.after(world.callDelayMs(), () => {
          if (!world.isLinkOpen(agent.self, name)) return;
          agent.site.host.entrance(() => {
            answers.set(name, answer);
            if (answers.size === members.length) resume();
          });
        });
      });
    }
  };
  return members.map(({ name }) =>
    answers.get(name) ?? { kind: "silent", name, detail: "time-out" }
  );
}

function* askUpstream(agent: FastAgent, o: Observation): Process<Act> {
  const leader = o.dcs.kind === "reachable" ? o.dcs.view.leader : null;
  if (leader === null) return rest(null);
  const { world } = agent.driver;
  yield (resume) => agent.site.host.after(2 * world.callDelayMs(), resume);
  const isOpen = world.isLinkOpen(agent.self, leader.name);
  const asked = isOpen ? world.instance(leader.name) : null;
  const upstream = upstreamAnswer(agent.site.instance, asked);
  return round(agent, o, { upstream });
}

function* setStandbys(
  agent: FastAgent,
  o: Observation,
  value: string,
): Process<Act> {
  const { instance } = agent.site;
  const { replication } = instance;
  replication.areNamesManaged = true;
  if (!isOwnTerm(agent, o.dcs)) {
    yield* agent.readAgain();
    return rest(AFTER_CONFLICT_MS);
  }
  yield (resume) => replication.setNames(value, resume);
  const view = agent.look();
  const isApplied = view.kind === "running" &&
    view.synchronousStandbyNames === value;
  return isApplied
    ? round(agent, o, { postgres: view })
    : rest(AFTER_CONFLICT_MS);
}

type KeyWrite = Of<
  | "race_initialize"
  | "write_initialize"
  | "write_config"
  | "clear_failover"
  | "write_sync"
  | "delete_sync"
>;

function* writeKey(
  agent: FastAgent,
  o: Observation,
  decision: KeyWrite,
): Process<Act> {
  if (o.dcs.kind !== "reachable") return rest(null);
  const isSync = decision.kind === "write_sync";
  if (isSync) agent.remember({ kind: "sync_written", outcome: "unknown" });
  const written: Answer<boolean> = yield* agent.call(
    (store) => write(store, decision),
    agent.budgetMs(),
  );
  if (written === null) return unreachable(agent, o);
  if (isSync) agent.remember({ kind: "sync_written", outcome: "known" });
  if (!written.value) {
    yield* agent.readAgain();
    return rest(AFTER_CONFLICT_MS);
  }
  if (decision.kind === "race_initialize") {
    agent.remember({ kind: "initialize", isOwner: true });
  }
  if (decision.kind === "write_initialize") {
    agent.remember({ kind: "initialize", isOwner: false });
  }
  return round(agent, o, { dcs: yield* agent.readAgain() });
}

function write(
  store: StoreModel,
  decision: KeyWrite,
): boolean {
  switch (decision.kind) {
    case "race_initialize":
      return store.putInitialize({ kind: "bootstrapping" }, "absent");
    case "write_initialize": {
      const { systemId } = decision;
      const guard = decision.expected === "absent" ? "absent" : "none";
      return store.putInitialize({ kind: "initialized", systemId }, guard);
    }
    case "write_config":
      store.putConfig();
      return true;
    case "clear_failover":
      return store.putFailover(null, decision.revision);
    case "write_sync":
      return store.putSync(decision, decision);
    case "delete_sync":
      return decision.revision === null || store.putSync(null, decision);
  }
}

function isOwnTerm({ leases }: FastAgent, dcs: DcsView): boolean {
  return dcs.kind === "reachable" && dcs.view.leader !== null &&
    dcs.view.leader.revision === leases.term;
}

function fresh(agent: FastAgent): Observation["lease"] {
  const { lease } = agent;
  return lease.kind === "held"
    ? { ...lease, isFresh: true }
    : { kind: "released" };
}

function unreachable(agent: FastAgent, o: Observation): Act {
  return round(agent, o, { dcs: agent.unreachable() });
}

function rest(againInMs: number | null): Act {
  return { kind: "rest", againInMs };
}

function round(
  agent: FastAgent,
  o: Observation,
  changes: Partial<Observation>,
): Act {
  const now = agent.assemble(o.dcs, o.postgres);
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
