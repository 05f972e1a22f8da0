/**
 * The agent as the REST API sees it: looks that are ready at once, and requests
 * that the loop serves. Nothing here acts on the instance by itself.
 */
import { type Moment, moment, type Revision } from "../core/base/units.ts";
import {
  memberRole,
  memberState,
  tagsNow,
} from "../core/calc/documents/publication.ts";
import { explain } from "../core/explain.ts";
import { restartRefusal } from "../core/calc/lead/restart_conditions.ts";
import type { RestartFilters } from "../core/model/request.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type { Member } from "../core/model/member.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import type { PostgresView } from "../core/model/postgres_view.ts";
import type {
  AgentApi,
  AgentIdentity,
  AgentStatus,
  ConfigWrite,
  FailsafeConsent,
  JournalRecord,
  RequestOutcome,
} from "../ports/agent_api.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import type { DcsLimits } from "../ports/dcs.ts";
import type { AgentContext } from "./context.ts";
import { acceptFailsafe, isFailsafeActive } from "./failsafe.ts";

/** Implements {@link AgentApi} over the shared parts of the agent. */
export class AgentService implements AgentApi {
  readonly identity: AgentIdentity;
  readonly #context: AgentContext;
  readonly #end: () => void;

  /** @param end Begins the orderly end of the agent, as SIGTERM does. */
  constructor(context: AgentContext, end: () => void) {
    this.#context = context;
    this.#end = end;
    const { scope, self, identity } = context.config;
    this.identity = { scope, name: self, version: identity.version };
  }

  async status(): Promise<AgentStatus> {
    return this.#statusWith(await this.#context.ports.postgres.observe());
  }

  glance(): AgentStatus {
    const observed = this.#context.state.observation?.postgres;
    return this.#statusWith(observed ?? { kind: "empty" });
  }

  lastFailsafeMap(): Readonly<Record<string, string>> | null {
    return this.#context.state.memory.failsafe;
  }

  async freshView(): Promise<ClusterView> {
    const { state, reader } = this.#context;
    try {
      return await reader.freshView(this.#limits);
    } catch (error) {
      // Health checks must not go on with a view that the store no longer backs.
      state.viewedAt = null;
      throw error;
    }
  }

  askPeers(members: readonly Member[]): Promise<readonly PeerAnswer[]> {
    return this.#context.ports.peers.ask(members);
  }

  async writeConfig(
    document: Readonly<Record<string, unknown>>,
    expected: Revision | null,
  ): Promise<ConfigWrite> {
    try {
      return await this.#context.store.writeConfig(
        document,
        expected,
        this.#limits,
      );
    } catch (error) {
      if (!isStoreError(error)) throw error;
      return "failed";
    }
  }

  async writeFailover(
    request: Readonly<Record<string, string>>,
    expected: Revision | null,
  ): Promise<boolean> {
    try {
      const outcome = await this.#context.store.writeFailover(
        request,
        expected,
        this.#limits,
      );
      return outcome === "written";
    } catch (error) {
      if (!isStoreError(error)) throw error;
      return false;
    }
  }

  wake(): void {
    this.#context.inbox.wake();
  }

  async restart(filters: RestartFilters): Promise<RequestOutcome> {
    const refusal = restartRefusal(await this.status(), filters) ??
      this.#busyRefusal();
    if (refusal !== null) return { status: 503, text: refusal };
    const { timeoutMs } = filters;
    return await this.#context.inbox.ask({ kind: "restart", timeoutMs });
  }

  async scheduleRestart(
    filters: RestartFilters,
    schedule: string,
  ): Promise<RequestOutcome> {
    const { state, inbox, ports } = this.#context;
    const view = await ports.postgres.observe();
    if (state.memory.scheduledRestart !== null) {
      return { status: 409, text: "Another restart is already scheduled" };
    }
    const postmasterStartTime = view.kind === "running"
      ? view.postmasterStartTime
      : null;
    const restart = { schedule, filters, postmasterStartTime };
    state.remember({ kind: "restart_scheduled", restart });
    inbox.wake();
    return { status: 202, text: "Restart scheduled" };
  }

  cancelScheduledRestart(): boolean {
    const { state, inbox } = this.#context;
    const isThere = state.memory.scheduledRestart !== null;
    state.remember({ kind: "restart_scheduled", restart: null });
    if (isThere) inbox.wake();
    return isThere;
  }

  async reinitialize(
    options: {
      readonly isForced: boolean;
      readonly isForcedFromLeader: boolean;
    },
  ): Promise<RequestOutcome> {
    const view = await this.freshView();
    const leader = view.leader?.name ?? null;
    if (leader === null) {
      return refused("Cluster has no leader, can not reinitialize");
    }
    if (leader === this.identity.name) {
      return refused("I am the leader, can not reinitialize");
    }
    if (options.isForced) await this.#context.tasks.cancel();
    const busy = this.#busyRefusal();
    if (busy !== null) return refused(busy);
    const { isForcedFromLeader } = options;
    return await this.#context.inbox.ask({
      kind: "reinitialize",
      isForcedFromLeader,
    });
  }

  acceptFailsafe(ping: FailsafePing): Promise<FailsafeConsent> {
    return acceptFailsafe(this.#context, ping);
  }

  reload(): void {
    this.#context.inbox.askReload();
  }

  shutDown(): void {
    this.#end();
  }

  decisions(): readonly JournalRecord[] {
    const { statistics, config } = this.#context;
    return statistics.journal.entries().map(({ ruling, ...rest }) => {
      const { rule, decision } = ruling;
      return {
        ...rest,
        rule,
        kind: decision.kind,
        task: decision.kind === "start_task" ? decision.task.kind : null,
        reason: decision.reason,
        sentence: explain(decision, config.self),
      };
    });
  }

  sleep(ms: number): Promise<void> {
    return this.#context.ports.clock.sleep(ms);
  }

  get #limits(): DcsLimits {
    return { timeoutMs: this.#context.state.settings.retryTimeoutMs };
  }

  #busyRefusal(): string | null {
    const { view } = this.#context.tasks;
    return view.kind === "idle"
      ? null
      : `${view.task.kind} already in progress`;
  }

  #statusWith(postgres: PostgresView): AgentStatus {
    const { state, config, ports, tasks, right } = this.#context;
    const now = ports.clock.now();
    const facts = { postgres, task: tasks.view, memory: state.memory };
    return {
      now,
      state: memberState(facts),
      role: memberRole(facts),
      postgres,
      view: this.#recentView(now),
      settings: state.settings,
      tags: tagsNow({ tags: config.tags, memory: state.memory }),
      leaseDeadline: right.deadline,
      dcsLastSeen: Math.floor(state.viewedAtWallMs / 1000),
      isFailsafeActive: isFailsafeActive(this.#context),
      scheduledRestart: state.memory.scheduledRestart,
      timeline: postgres.kind === "running" ? postgres.timeline : null,
      nextCycleAt: state.nextCycleAt,
      lastDecision: state.sentence,
      hasWatchdogFailed: state.memory.hasWatchdogFailed,
      endedReceivers: state.endedReceivers,
    };
  }

  #recentView(now: Moment): ClusterView | null {
    const { view, viewedAt, settings } = this.#context.state;
    const ageMs = now - (viewedAt ?? moment(0));
    return viewedAt === null || ageMs > settings.ttlMs ? null : view;
  }
}

function refused(text: string): RequestOutcome {
  return { status: 503, text };
}

function isStoreError(error: unknown): boolean {
  return error instanceof DcsUnreachableError ||
    error instanceof DcsRefusedError;
}
