/**
 * What all parts of the agent share: its ports, its configuration, its state, and
 * each other. Here they are put together.
 */
import { slotNameOf } from "../core/codec/slot_name.ts";
import type { MemberIdentity } from "../core/calc/documents/publication.ts";
import { type Moment } from "../core/base/units.ts";
import type { TimingFloors } from "../core/codec/timing_codec.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import { REMOTE } from "../core/model/standby_cluster.ts";
import { upstreamOf } from "../core/calc/lead/topology.ts";
import type { ConsentRecord } from "../ports/consents.ts";
import type { Callbacks } from "../ports/callbacks.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "../ports/peers.ts";
import type { Postgres, PostgresPeer } from "../ports/postgres.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { Random } from "../ports/random.ts";
import type { ServiceWatch } from "../ports/service_watch.ts";
import { AgentState } from "./agent_state.ts";
import { peerOf } from "./peer_address.ts";
import { type GuardConfig, type GuardPorts, Guards } from "./guards.ts";
import { LeadRight } from "./lead_right.ts";
import { LeaseKeeper } from "./leases.ts";
import { Announcer } from "./events.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Inbox } from "./inbox.ts";
import { Liveness } from "./liveness.ts";
import { ScopeReader } from "./scope_reader.ts";
import { ScopeReports } from "./scope_reports.ts";
import { ScopeStore } from "./scope_store.ts";
import { StartAid } from "./start_aid.ts";
import { LoopStatistics } from "./statistics.ts";
import { TaskRunner } from "./task_runner.ts";

type Document = Readonly<Record<string, unknown>>;

/** The world, as ports. */
export interface AgentPorts extends GuardPorts {
  readonly clock: Clock;
  readonly dcs: Dcs;
  readonly postgres: Postgres;
  readonly peers: Peers;
  readonly log: Log;
  readonly callbacks: Callbacks;
  /** Null: `proxy: false`. */
  readonly proxy:
    | Pick<
      ProxyProcess,
      "heartbeat" | "state" | "failure" | "drain" | "endDrain"
    >
    | null;
  readonly serviceWatch: ServiceWatch;
  readonly random: Random;
  readonly consents: ConsentRecord;
}

/** The local configuration, as far as the agent itself needs it. Replaced on reload. */
export interface AgentConfig extends GuardConfig {
  readonly scope: string;
  readonly self: MemberName;
  readonly tags: Tags;
  /** The configuration has a `bootstrap` section. */
  readonly canBootstrap: boolean;
  /** Dynamic document to begin with when neither store nor cache has one. */
  readonly bootstrapDocument: Document | null;
  /** The local `postgresql` section; beats the dynamic one per key. */
  readonly localPostgresql: Document;
  /** The smallest times that a dynamic document may ask for; absent: TIMING_FLOORS. */
  readonly timingFloors?: TimingFloors | undefined;
  readonly identity: MemberIdentity;
}

/** The agent's shared parts. */
export interface AgentContext {
  readonly ports: AgentPorts;
  config: AgentConfig;
  readonly state: AgentState;
  readonly right: LeadRight;
  readonly leases: LeaseKeeper;
  readonly guards: Guards;
  readonly heartbeats: Heartbeats;
  readonly events: Announcer;
  readonly reader: ScopeReader;
  readonly store: ScopeStore;
  readonly reports: ScopeReports;
  readonly inbox: Inbox;
  readonly startAid: StartAid;
  readonly liveness: Liveness;
  readonly tasks: TaskRunner;
  readonly statistics: LoopStatistics;
}

/** Builds the parts around the ports. */
export function createContext(
  ports: AgentPorts,
  config: AgentConfig,
): AgentContext {
  const state = new AgentState();
  const inbox = new Inbox(ports.clock);
  const guards = new Guards(ports, state, () => context.config);
  const heartbeats = new Heartbeats(() => context);
  const onCovered = (deadline: Moment): Moment => {
    const until = guards.covered(deadline);
    heartbeats.covered(until);
    return until;
  };
  const right = new LeadRight(ports.clock, onCovered);
  const leases = new LeaseKeeper({ ...ports, right }, config.self);
  const labels = { scope: config.scope, name: config.self };
  const statistics = new LoopStatistics(labels, { ...ports, right });
  const tasks = new TaskRunner(ports.clock, (outcome) => {
    state.remember({ kind: "task_ended", outcome });
    statistics.countTask(outcome);
    if (outcome.result === "failed") {
      ports.log.error(`Task ${outcome.task.kind} failed: ${outcome.detail}`);
    }
    if (outcome.task.kind === "restart") {
      inbox.answer(
        outcome.result === "done"
          ? { status: 200, text: "restarted successfully" }
          : { status: 503, text: "restart failed" },
      );
    }
    inbox.wake();
  });
  const context: AgentContext = {
    ports,
    config,
    state,
    guards,
    heartbeats,
    events: new Announcer(ports),
    inbox,
    startAid: new StartAid(() => context),
    liveness: new Liveness(ports.serviceWatch, ports.log),
    tasks,
    right,
    leases,
    statistics,
    reader: new ScopeReader(ports.dcs),
    store: new ScopeStore(ports.dcs),
    reports: new ScopeReports(ports.dcs),
  };
  return context;
}

/** What a standby streams from while nothing changes. */
export function usualUpstream(context: AgentContext): PostgresPeer | null {
  const { state: { view, settings }, config: { self, tags } } = context;
  if (view === null) return null;
  if (view.leader?.name === self) {
    return settings.standbyCluster?.host == null
      ? null
      : peerOf(context, REMOTE);
  }
  const name = upstreamOf(view, { name: self, tags });
  return name === null ? null : peerOf(context, name);
}

/** The member's own slot on whom it copies from; null: slots are not used. */
export function ownSlotName({ state, config }: AgentContext): string | null {
  return state.settings.hasSlots ? slotNameOf(config.self) : null;
}
