/**
 * The agent as the REST API sees it: looks that are ready at once, and requests
 * that the loop serves.
 */
import type { Moment } from "../core/base/units.ts";
import {
  memberRole,
  memberState,
  tagsNow,
} from "../core/calc/documents/publication.ts";
import { consentLeftMs } from "../core/calc/lead/failsafe.ts";
import { storeObstacleOf } from "../core/calc/takeover/obstacles.ts";
import {
  type LossOutlook,
  lossOutlook,
} from "../core/calc/takeover/outlook.ts";
import {
  type OwnObstacle,
  ownObstaclesOf,
} from "../core/calc/takeover/own_obstacles.ts";
import { signsOf } from "../core/calc/takeover/own_pledge.ts";
import { explain } from "../core/explain.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { FencingOrders } from "../core/model/fencing.ts";
import type { MemberName, Tags } from "../core/model/member.ts";
import type { PostgresView } from "../core/model/postgres_view.ts";
import type {
  AgentApi,
  AgentIdentity,
  AgentStatus,
  FailsafeConsent,
  JournalRecord,
  OperatorApi,
  ScopeApi,
} from "../ports/agent_api.ts";
import type { Clock } from "../ports/clock.ts";
import type { Dcs } from "../ports/dcs.ts";
import type { PostgresWatch } from "../ports/postgres.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { DecisionJournal } from "./decision_journal.ts";
import { type FailsafeSides, isFailsafeActive } from "./failsafe.ts";
import type { FailsafeListener } from "./failsafe_listener.ts";
import type { HandOver } from "./hand_over.ts";
import type { PledgeKeeper } from "./pledge_keeper.ts";
import type { LastView } from "./last_view.ts";
import type { Deadline } from "./lead_right.ts";
import type { LoopStatus } from "./loop_status.ts";
import type { Remembered } from "./memory.ts";
import type { TaskSeen } from "./task_runner.ts";

/** What a status is made of. */
interface ServiceParts extends FailsafeSides {
  readonly clock: Pick<Clock, "now" | "sleep">;
  readonly postgres: Pick<PostgresWatch, "observe">;
  readonly dcs: Pick<Dcs, "capabilities">;
  readonly keeper: Pick<PledgeKeeper, "areEntriesRefused" | "view">;
  readonly listener: FailsafeListener;
  readonly handOver: Pick<HandOver, "endedReceivers">;
  readonly journal: Pick<DecisionJournal, "entries">;
  readonly last: Pick<LastView, "recent" | "atWallMs">;
  readonly status: Readonly<LoopStatus>;
  readonly right: Deadline;
  readonly tasks: TaskSeen;
  readonly memory: Remembered;
  readonly inForce: SettingsInForce;
  readonly config: () => {
    readonly scope: string;
    readonly self: MemberName;
    readonly tags: Tags;
    readonly identity: { readonly version: string };
    readonly fencing?: FencingOrders | null;
  };
}

/** Implements {@link AgentApi} over parts of the agent. */
export class AgentService implements AgentApi {
  readonly identity: AgentIdentity;
  readonly scope: ScopeApi;
  readonly operator: OperatorApi;
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts, scope: ScopeApi, operator: OperatorApi) {
    this.#parts = parts;
    this.scope = scope;
    this.operator = operator;
    const config = parts.config();
    const { version } = config.identity;
    this.identity = { scope: config.scope, name: config.self, version };
  }

  async status(): Promise<AgentStatus> {
    return this.#statusWith(await this.#parts.postgres.observe());
  }

  glance(): AgentStatus {
    const observed = this.#parts.status.observation?.postgres;
    return this.#statusWith(observed ?? { kind: "empty" });
  }

  lastFailsafeMap(): Readonly<Record<string, string>> | null {
    return this.#parts.memory.now.failsafe;
  }

  acceptFailsafe(ping: FailsafePing): Promise<FailsafeConsent> {
    return this.#parts.listener.accept(ping);
  }

  lossOutlook(): LossOutlook | null {
    const { clock, inForce, dcs } = this.#parts;
    const view = this.#recentView(clock.now());
    if (view === null) return null;
    const storeObstacle = storeObstacleOf(dcs.capabilities);
    const { settings } = inForce;
    const outlook = lossOutlook({ view, storeObstacle, settings });
    const { obstacles, fencing } = outlook;
    const unheard = { code: "leader_unheard" } as const;
    return {
      obstacles: [...obstacles, ...this.#ownObstacles(view)],
      fencing: this.#isLeaderUnheard(view)
        ? { ...fencing, obstacles: [...fencing.obstacles, unheard] }
        : fencing,
    };
  }

  decisions(): readonly JournalRecord[] {
    const { journal, config } = this.#parts;
    return journal.entries().map(({ ruling, ...rest }) => {
      const { rule, decision } = ruling;
      return {
        ...rest,
        rule,
        kind: decision.kind,
        task: decision.kind === "start_task" ? decision.task.kind : null,
        reason: decision.reason,
        sentence: explain(decision, config().self),
      };
    });
  }

  sleep(ms: number): Promise<void> {
    return this.#parts.clock.sleep(ms);
  }

  #statusWith(postgres: PostgresView): AgentStatus {
    const { clock, config, handOver, inForce, last, right } = this.#parts;
    const { status, tasks, memory: { now: memory } } = this.#parts;
    const now = clock.now();
    const facts = { postgres, task: tasks.view, memory };
    return {
      now,
      state: memberState(facts),
      role: memberRole(facts),
      postgres,
      view: this.#recentView(now),
      settings: inForce.settings,
      tags: tagsNow({ tags: config().tags, memory }),
      leaseDeadline: right.deadline,
      dcsLastSeen: Math.floor(last.atWallMs / 1000),
      isFailsafeActive: isFailsafeActive(this.#parts),
      scheduledRestart: memory.scheduledRestart,
      timeline: postgres.kind === "running" ? postgres.timeline : null,
      nextCycleAt: status.nextCycleAt,
      lastDecision: status.sentence,
      hasWatchdogFailed: memory.hasWatchdogFailed,
      endedReceivers: handOver.endedReceivers,
    };
  }

  /** A member that never heard its leader does not notice that it is lost. */
  #isLeaderUnheard(view: ClusterView): boolean {
    const { config, inForce, keeper } = this.#parts;
    const { self, fencing = null } = config();
    const isVoter = view.sync.standbys.includes(self) ||
      (fencing !== null && view.leader?.name !== self);
    const sound = keeper.view("as_seen")?.sound ?? null;
    return isVoter && inForce.settings.takeover !== null &&
      signsOf(view, sound).heardAt === null;
  }

  #ownObstacles(view: ClusterView): readonly OwnObstacle[] {
    const { clock, config, inForce: { settings }, keeper, memory } =
      this.#parts;
    if (settings.takeover === null) return [];
    const pledge = keeper.view("as_seen");
    const now = clock.now();
    return ownObstaclesOf({
      ...{ self: config().self, view },
      isLeaderHeard: signsOf(view, pledge?.sound ?? null).heardAt !== null,
      mayHaveConsented: pledge?.hasConsented === true ||
        consentLeftMs({ now, memory: memory.now, settings }) > 0,
      areEntriesRefused: keeper.areEntriesRefused,
    });
  }

  #recentView(now: Moment): ClusterView | null {
    const { last, inForce } = this.#parts;
    return last.recent(now, inForce.settings.ttlMs);
  }
}
