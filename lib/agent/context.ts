/**
 * What all parts of the agent share: its ports, its configuration, and the one
 * mutable record of what it knows. Only the loop and the events that it hands
 * out change the record.
 */
import { slotNameOf } from "../core/codec/slot_name.ts";
import {
  type AgentMemory,
  FIRST_MEMORY,
  type MemoryEvent,
  remember,
} from "../core/model/memory.ts";
import type { MemberIdentity } from "../core/calc/documents/publication.ts";
import {
  type Lsn,
  type Moment,
  moment,
  type Revision,
} from "../core/base/units.ts";
import type { TimingFloors } from "../core/codec/timing_codec.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import { REMOTE, type StandbyCluster } from "../core/model/standby_cluster.ts";
import type { Observation } from "../core/model/observation.ts";
import {
  type ClusterSettings,
  DEFAULT_SETTINGS,
} from "../core/model/settings.ts";
import { memberOf } from "../core/model/cluster_view.ts";
import { upstreamOf } from "../core/calc/lead/topology.ts";
import { parseConnUrl } from "../core/codec/conn_url.ts";
import type { ConsentRecord } from "../ports/consents.ts";
import type { Callbacks } from "../ports/callbacks.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "../ports/peers.ts";
import type {
  EndedReceiver,
  Postgres,
  PostgresPeer,
} from "../ports/postgres.ts";
import { PostgresError } from "../ports/errors.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { Random } from "../ports/random.ts";
import type { ServiceWatch } from "../ports/service_watch.ts";
import { type GuardConfig, type GuardPorts, Guards } from "./guards.ts";
import { LeaseKeeper } from "./leases.ts";
import { Announcer } from "./events.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Inbox } from "./inbox.ts";
import { Liveness } from "./liveness.ts";
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

/** What the agent knows between two cycles. */
export class AgentState {
  memory: AgentMemory = FIRST_MEMORY;
  settings: ClusterSettings = DEFAULT_SETTINGS;
  document: Document | null = null;
  configRevision: Revision | null = null;
  view: ClusterView | null = null;
  /** The last one that the store showed, however long ago. */
  lastView: ClusterView | null = null;
  viewedAt: Moment | null = null;
  viewedAtWallMs = 0;
  observation: Observation | null = null;
  /** The last leader that asked for consent in failsafe mode, and until when it may rely on it. */
  failsafePing: { readonly ping: FailsafePing; readonly until: Moment } | null =
    null;
  /** All members agreed that this primary goes on without the store. */
  isFailsafeGranted = false;
  /** How far the members were when they agreed last. */
  failsafePositions: Readonly<Record<MemberName, Lsn>> = {};
  /** Receivers of WAL that held up the last handing over of the lead, and were ended. */
  endedReceivers: readonly EndedReceiver[] = [];
  sentence = "starting";
  nextCycleAt: Moment = moment(0);

  /** Feeds the memory's reducer. */
  remember(event: MemoryEvent): void {
    this.memory = remember(this.memory, event);
  }
}

/** The agent's shared parts. */
export interface AgentContext {
  readonly ports: AgentPorts;
  config: AgentConfig;
  readonly state: AgentState;
  readonly leases: LeaseKeeper;
  readonly guards: Guards;
  readonly heartbeats: Heartbeats;
  readonly events: Announcer;
  readonly store: ScopeStore;
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
  const leases = new LeaseKeeper({ ...ports, onCovered }, config.self);
  const labels = { scope: config.scope, name: config.self };
  const statistics = new LoopStatistics(labels, { ...ports, leases });
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
    leases,
    statistics,
    store: new ScopeStore(ports.dcs),
  };
  return context;
}

/**
 * The address of a member's instance.
 *
 * @throws {PostgresError} If the last view does not show it.
 */
export function peerOf(
  context: { readonly state: Pick<AgentState, "view" | "settings"> },
  name: MemberName,
): PostgresPeer {
  const { view, settings } = context.state;
  if (name === REMOTE) return remotePeer(settings.standbyCluster);
  const url = view === null ? null : memberOf(view, name)?.connUrl ?? null;
  const address = url === null ? null : parseConnUrl(url);
  if (address === null) {
    throw new PostgresError(`The address of member "${name}" is not known`);
  }
  return { name, ...address };
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

/** The instance that a standby cluster follows. */
function remotePeer(section: StandbyCluster | null): PostgresPeer {
  if (section === null || section.host === null) {
    throw new PostgresError("No remote is configured to follow");
  }
  const { host, port, primarySlotName: slotName } = section;
  return { name: REMOTE, host, port, remote: { slotName } };
}
