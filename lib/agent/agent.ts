/**
 * The whole agent, put together: the only file that knows all of its parts. Each
 * part names what it works with; here it is given that.
 */
import type { MemberIdentity } from "../core/calc/documents/publication.ts";
import type { Moment } from "../core/base/units.ts";
import type { TimingFloors } from "../core/codec/timing_codec.ts";
import type { FencingOrders } from "../core/model/fencing.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import type { LongTask, TaskOutcome } from "../core/model/task_view.ts";
import type { ConsentRecord } from "../ports/consents.ts";
import type { Callbacks } from "../ports/callbacks.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { FencingCommand } from "../ports/fencing.ts";
import type { Log } from "../ports/log.ts";
import type { Notifier } from "../ports/notifier.ts";
import type { Tracer } from "../ports/tracer.ts";
import type { Peers } from "../ports/peers.ts";
import type { Postgres, PostgresPledge } from "../ports/postgres.ts";
import type { Poolers } from "../ports/poolers.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import type { Random } from "../ports/random.ts";
import type { ServiceWatch } from "../ports/service_watch.ts";
import { Actor } from "./act.ts";
import { AskActs } from "./ask_acts.ts";
import { ConfigInForce } from "./config_in_force.ts";
import { CatchUp } from "./catch_up.ts";
import { CycleEnd } from "./cycle_end.ts";
import { DataTasks } from "./data_tasks.ts";
import { DecisionLog } from "./decision_log.ts";
import { Demotion } from "./demote.ts";
import { CycleTraces } from "./cycle_trace.ts";
import { DoubtWatch } from "./doubt_watch.ts";
import { Announcer } from "./events.ts";
import { FactsOfNow } from "./facts_of_now.ts";
import { FailoverDiary } from "./failover_diary.ts";
import { FailoverTraces } from "./failover_traces.ts";
import { FailoverReports } from "./failover_reports.ts";
import { FailsafeLead } from "./failsafe_lead.ts";
import { FailsafeListener } from "./failsafe_listener.ts";
import { FencingActs } from "./fencing_acts.ts";
import { FirstWrite } from "./first_write.ts";
import { type GuardConfig, type GuardPorts, Guards } from "./guards.ts";
import { HandOver } from "./hand_over.ts";
import { Heartbeats } from "./heartbeats.ts";
import { Inbox } from "./inbox.ts";
import { InstanceStart } from "./instance_start.ts";
import { InstanceTasks } from "./instance_tasks.ts";
import { KeyActs } from "./key_acts.ts";
import { LastTouch } from "./last_touch.ts";
import { LastView } from "./last_view.ts";
import { LeadReturn } from "./lead_return.ts";
import { LeadRight } from "./lead_right.ts";
import { LeaseActs } from "./lease_acts.ts";
import { LeaseKeeper } from "./leases.ts";
import { Liveness } from "./liveness.ts";
import { AgentLoop } from "./loop.ts";
import { LoopRest } from "./loop_rest.ts";
import { LoopStatus } from "./loop_status.ts";
import { Memory } from "./memory.ts";
import { Neighbours } from "./neighbours.ts";
import { Notices } from "./notices.ts";
import { Observer } from "./observe.ts";
import { OperatorService } from "./operator_service.ts";
import { PledgeKeeper } from "./pledge_keeper.ts";
import { PoolerPause } from "./pooler_pause.ts";
import { Promotion } from "./promotion.ts";
import { type Pulse, PulseDuty } from "./pulse_duty.ts";
import { Publisher } from "./publish.ts";
import { ScopeReader } from "./scope_reader.ts";
import { ScopeReports } from "./scope_reports.ts";
import { ScopeService } from "./scope_service.ts";
import { ScopeStore } from "./scope_store.ts";
import { AgentService } from "./service.ts";
import { Shutdown } from "./shutdown.ts";
import { SlotTender } from "./slots.ts";
import { StartAid } from "./start_aid.ts";
import { StandbyWatch } from "./standby_watch.ts";
import { Startup } from "./startup.ts";
import { LoopStatistics } from "./statistics.ts";
import { StoreBudget } from "./store_budget.ts";
import { StoreView } from "./store_view.ts";
import { SyncDuty } from "./sync_duty.ts";
import { TakeoverActs } from "./takeover_acts.ts";
import { TaskRunner } from "./task_runner.ts";
import { bodyOf } from "./tasks.ts";
import { runWakers } from "./wakers.ts";

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
  /** Null: nothing here can pledge. */
  readonly pledge: PostgresPledge | null;
  /** Null: this agent neither speaks nor listens. */
  readonly pulse: Pulse | null;
  /** Null or absent: nobody is fenced. */
  readonly fencing?: FencingCommand | null;
  /** Null or absent: there is none. */
  readonly poolers?: Poolers | null;
  /** Null or absent: nobody is notified. */
  readonly notifier?: Notifier | null;
  /** Null or absent: nobody collects traces. */
  readonly tracer?: Tracer | null;
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
  /** Null or absent: there is no fencing command. */
  readonly fencing?: FencingOrders | null;
}

/** The agent of one member, as who starts it uses it. */
export interface Agent {
  /** The local configuration that is in force. */
  readonly config: () => AgentConfig;
  /** Puts another one in force. */
  readonly reconfigure: (config: AgentConfig) => void;
  readonly inForce: Pick<ConfigInForce, "settings" | "document">;
  readonly last: Pick<LastView, "onSeen">;
  readonly memory: Memory;
  readonly right: LeadRight;
  readonly inbox: Inbox;
  readonly guards: Guards;
  readonly events: Pick<Announcer, "reloaded">;
  readonly statistics: LoopStatistics;
  readonly listener: FailsafeListener;
  readonly startup: Startup;
  readonly shutdown: Shutdown;
  /** @param onReload Re-reads the local configuration; called between cycles. */
  readonly loop: (onReload: () => Promise<void>) => AgentLoop;
  /** What wakes the loop before its time, until `signal` aborts. */
  readonly runWakers: (signal: AbortSignal) => Promise<void>;
  /** Ends the pauses of poolers, until `signal` aborts. */
  readonly runPoolers: (signal: AbortSignal) => Promise<void>;
  /** @param end Begins the orderly end of the agent, as SIGTERM does. */
  readonly service: (end: () => void) => AgentService;
}

/** Puts an agent together around the ports. */
export function createAgent(ports: AgentPorts, first: AgentConfig): Agent {
  let current = first;
  const config = () => current;
  const known = createKnowledge(ports, config);
  const lead = createLead(known);
  const store = createStore({ ...known, ...lead });
  const tasks = createTasks({ ...known, ...lead, ...store });
  const loop = createLoop({ ...known, ...lead, ...store, ...tasks });
  const scope = new ScopeService({ ...known, ...store });
  return {
    ...{ ...known, ...lead, ...store },
    reconfigure: (next) => void (current = next),
    startup: new Startup({ ...known, ...store }),
    shutdown: tasks.shutdown,
    loop: (onReload) => new AgentLoop(loop, onReload),
    runWakers: async (signal) => {
      const watching = lead.doubtWatch.run(signal);
      await runWakers(known, signal);
      await watching;
    },
    runPoolers: (signal) => lead.poolerPause.run(signal),
    service: (end) =>
      new AgentService(
        { ...known, ...lead, ...store, ...tasks },
        scope,
        new OperatorService({ ...known, ...lead, scope }, end),
      ),
  };
}

/** Who remembers what. */
function createKnowledge(ports: AgentPorts, config: () => AgentConfig) {
  const memory = new Memory();
  const last = new LastView();
  const status = new LoopStatus();
  const inbox = new Inbox(ports.clock);
  const events = new Announcer(ports);
  const inForce = new ConfigInForce({ ...ports, config, events, memory });
  const neighbours = new Neighbours({ config, last, inForce });
  return {
    ...ports,
    ...{ config, memory, last, status, inbox, events, inForce, neighbours },
    notices: new Notices({ ...ports, notifier: ports.notifier ?? null }),
    ...traces(ports, config),
    liveness: new Liveness(ports.serviceWatch, ports.log),
    pulseDuty: new PulseDuty({ ...ports, config, inbox, inForce }),
    reader: new ScopeReader(ports.dcs),
    keys: new ScopeStore(ports.dcs),
    reports: new ScopeReports(ports.dcs),
  };
}

function traces(ports: AgentPorts, config: () => AgentConfig) {
  const parts = { ...ports, config, tracer: ports.tracer ?? null };
  return {
    traces: new CycleTraces(parts),
    failoverTraces: new FailoverTraces(parts),
  };
}

type Knowledge = ReturnType<typeof createKnowledge>;

/** The right to lead, and who watches over it. */
function createLead(known: Knowledge) {
  const { clock, config, memory, inbox, log } = known;
  const { scope, self } = config();
  // What follows from a doubt stands beside it.
  const doubt = { isInDoubt: false };
  const guards = new Guards({ ...known, doubt });
  const right = new LeadRight(clock, (deadline: Moment): Moment => {
    const until = guards.covered(deadline);
    heartbeats.covered(until);
    return until;
  });
  const leases = new LeaseKeeper({ ...known, right }, self);
  const statistics = new LoopStatistics(
    { scope, name: self },
    { ...known, right },
  );
  const diary = new FailoverDiary(clock);
  const tasks = new TaskRunner(clock, (outcome) => {
    memory.remember({ kind: "task_ended", outcome });
    statistics.countTask(outcome);
    diary.ended(outcome);
    reportEnd(outcome, { inbox, log });
    inbox.wake();
  });
  const heartbeats = new Heartbeats({
    ...{ ...known, right, leases, tasks, doubt },
  });
  const doubtWatch: DoubtWatch = new DoubtWatch({ ...known, leases }, () => {
    doubt.isInDoubt = doubtWatch.isInDoubt;
    heartbeats.changed();
    guards.doubtChanged();
  });
  const leadReturn = new LeadReturn({ ...known, right, leases, heartbeats });
  const { poolers = null } = known;
  return {
    poolerPause: new PoolerPause({ ...known, right, poolers }),
    ...{ guards, right, leases, statistics, tasks, heartbeats, leadReturn },
    doubtWatch,
    diary,
    journal: statistics.journal,
    handOver: new HandOver({ ...known, leadReturn }),
  };
}

type Lead = ReturnType<typeof createLead>;

/** A restart is answered when it has ended; whoever asked for something else does not wait. */
function reportEnd(
  { task, result, detail }: TaskOutcome,
  { inbox, log }: Pick<Knowledge, "inbox" | "log">,
): void {
  if (result === "failed") log.error(`Task ${task.kind} failed: ${detail}`);
  if (task.kind !== "restart") return;
  inbox.answer(
    result === "done"
      ? { status: 200, text: "restarted successfully" }
      : { status: 503, text: "restart failed" },
  );
}

/** Looks at the store and at the instance. */
function createStore(known: Knowledge & Lead) {
  const budget = new StoreBudget(known);
  const catchUp = new CatchUp(known);
  const keeper: PledgeKeeper = new PledgeKeeper({
    ...{ ...known, catchUp },
    listener: { leader: () => listener.leader() },
  });
  const listener = new FailsafeListener({ ...known, pledge: keeper });
  const consent = new FailsafeLead(known);
  const store = new StoreView({ ...known, budget, listener });
  const facts = new FactsOfNow(known);
  const observer = new Observer({ ...known, store, facts, keeper });
  return {
    ...{ budget, listener, consent, store, facts, observer },
    ...{ catchUp, keeper },
  };
}

type Stores = ReturnType<typeof createStore>;

/** What runs beside the cycles, and at the end. */
function createTasks(known: Knowledge & Lead & Stores) {
  const { listener, consent, fencing = null } = known;
  const endFailsafe = () => {
    listener.reset();
    consent.reset();
  };
  const fencingActs = new FencingActs({ ...known, fencing, endFailsafe });
  const startAid = new StartAid(known);
  const syncDuty = new SyncDuty(known);
  const starter = new InstanceStart({ ...known, startAid });
  const bodies = {
    data: new DataTasks(known),
    instance: new InstanceTasks({ ...known, starter, syncDuty }),
    promotion: new Promotion(known),
    demotion: new Demotion(known),
    fencing: fencingActs,
  };
  const lastTouch = new LastTouch(known);
  return {
    ...{ startAid, endFailsafe, fencingActs },
    bodyOf: (task: LongTask) => bodyOf(bodies, task),
    shutdown: new Shutdown({ ...known, syncDuty, lastTouch }),
  };
}

/** The steps of a cycle. */
function createLoop(
  known: Knowledge & Lead & Stores & ReturnType<typeof createTasks>,
) {
  const actor = new Actor({
    ...known,
    lease: new LeaseActs(known),
    ask: new AskActs(known),
    keyActs: new KeyActs(known),
    takeover: new TakeoverActs(known),
  });
  const slots = new SlotTender(known);
  const firstWrite = new FirstWrite(known);
  const failovers = new FailoverReports({ ...known, firstWrite });
  const publisher = new Publisher({ ...known, failovers, slots });
  return {
    ...known,
    actor,
    cycleEnd: new CycleEnd({ ...known, publisher }),
    resting: new LoopRest({ ...known, standbys: new StandbyWatch(known) }),
    decisions: new DecisionLog(known),
  };
}
