/**
 * An agent for REST tests: plain data that a test sets, and a list of what it
 * was asked to do. Time stands still but for `sleep()`.
 */
import type { Obstacle } from "../../lib/core/calc/takeover/obstacles.ts";
import type { LossOutlook } from "../../lib/core/calc/takeover/outlook.ts";
import {
  lsn,
  type Moment,
  moment,
  type Revision,
  revision,
} from "../../lib/core/base/units.ts";
import type { ClusterView } from "../../lib/core/model/cluster_view.ts";
import { type Member, NO_TAGS } from "../../lib/core/model/member.ts";
import type { PeerAnswer } from "../../lib/core/model/peer_view.ts";
import type {
  PrimaryView,
  ReplicaView,
} from "../../lib/core/model/postgres_view.ts";
import type { RestartFilters } from "../../lib/core/model/request.ts";
import type { FailsafePing } from "../../lib/core/model/failsafe.ts";
import { DEFAULT_SETTINGS } from "../../lib/core/model/settings.ts";
import type {
  AgentApi,
  AgentIdentity,
  AgentStatus,
  ConfigWrite,
  FailsafeConsent,
  JournalRecord,
  OperatorApi,
  RequestOutcome,
  ScopeApi,
} from "../../lib/ports/agent_api.ts";

const STARTED = "2026-11-20 04:38:48.6+00";

const RUNNING = {
  kind: "running",
  systemId: "7421234567890123456",
  timeline: 3,
  serverVersion: 150018,
  postmasterPid: 4711,
  postmasterStartTime: STARTED,
  walSenders: [],
  slots: [],
  synchronousStandbyNames: "",
  areStandbysManaged: false,
  namesInForceLsn: null,
  pendingRestart: {},
} as const;

/** A running primary. */
export function primaryView(changes: Partial<PrimaryView> = {}): PrimaryView {
  return {
    ...RUNNING,
    role: "primary",
    flushedLsn: lsn(0x5000060n),
    checkpointTimeline: 3,
    ...changes,
  };
}

/** A streaming replica, 1,000 bytes behind. */
export function replicaView(changes: Partial<ReplicaView> = {}): ReplicaView {
  return {
    ...RUNNING,
    role: "replica",
    receivedLsn: lsn(83_886_100n),
    replayedLsn: lsn(83_885_176n),
    replayedTimestamp: null,
    isReplayPaused: false,
    isStreaming: true,
    upstreamLsn: null,
    upstream: null,
    hasRestoreCommand: false,
    ...changes,
  };
}

/** A registered member with an address and a running instance. */
export function registered(
  name: string,
  changes: Partial<Member> = {},
): Member {
  return {
    name,
    connUrl: `postgres://10.0.0.${name.at(-1)}:5432/postgres`,
    apiUrl: `http://10.0.0.${name.at(-1)}:8008/patroni`,
    state: "running",
    role: "replica",
    version: "4.1.4",
    timeline: 3,
    xlogLsn: lsn(83_886_100n),
    receivedLsn: lsn(83_886_100n),
    replayedLsn: lsn(83_885_176n),
    replicationState: "streaming",
    tags: NO_TAGS,
    proxyUrl: null,
    doors: null,
    pledging: null,
    fencing: null,
    isCheckpointAfterPromotePending: false,
    pendingRestart: null,
    scheduledRestart: null,
    isPaused: false,
    ...changes,
  };
}

/** Three members, `n1` leads. */
export function threeMembers(changes: Partial<ClusterView> = {}): ClusterView {
  return {
    initialize: { kind: "initialized", systemId: RUNNING.systemId },
    config: {
      document: { ttl: 30, loop_wait: 10 },
      revision: revision(5),
    },
    leader: { name: "n1", isHeld: false, revision: revision(9) },
    status: { leaderLsn: lsn(83_886_176n), slots: null, retainSlots: null },
    members: [
      registered("n1", { role: "primary", replicationState: null }),
      registered("n2"),
      registered("n3"),
    ],
    failover: null,
    sync: { leader: null, quorum: 0, standbys: [], revision: null },
    history: [],
    failsafe: null,
    pledges: [],
    fencing: null,
    failovers: null,
    isMoving: false,
    ...changes,
  };
}

/** Status of `n1` while it leads three members. */
export function leadingStatus(changes: Partial<AgentStatus> = {}): AgentStatus {
  return {
    now: moment(100_000),
    state: "running",
    role: "primary",
    postgres: primaryView(),
    view: threeMembers(),
    settings: DEFAULT_SETTINGS,
    tags: NO_TAGS,
    leaseDeadline: moment(125_000),
    dcsLastSeen: 1_700_000_000,
    isFailsafeActive: false,
    scheduledRestart: null,
    timeline: 3,
    nextCycleAt: moment(105_000),
    lastDecision: "no action. I am (n1), the leader with the lock",
    hasWatchdogFailed: false,
    endedReceivers: [],
    ...changes,
  };
}

/** Status of a replica that follows `n1`. */
export function followingStatus(
  changes: Partial<AgentStatus> = {},
): AgentStatus {
  return leadingStatus({
    role: "replica",
    postgres: replicaView(),
    leaseDeadline: null,
    ...changes,
  });
}

/** An agent whose answers a test sets. */
export class StubAgentApi implements AgentApi, ScopeApi, OperatorApi {
  readonly scope = this;
  readonly operator = this;
  identity: AgentIdentity = { scope: "main", name: "n1", version: "4.1.4" };
  current: AgentStatus = leadingStatus();
  /** Views that successive fresh reads see; the last one stays. Errors are thrown. */
  freshViews: (ClusterView | Error)[] = [threeMembers()];
  /** Answers by name; others are silent. */
  answers: PeerAnswer[] = [];
  configWrite: ConfigWrite = "written";
  isFailoverWritable = true;
  restartOutcome: RequestOutcome | Error = {
    status: 200,
    text: "restarted successfully",
  };
  reinitializeOutcome: RequestOutcome = {
    status: 200,
    text: "reinitialize started",
  };
  /** What was asked, in order. */
  scheduleOutcome: RequestOutcome = { status: 202, text: "Restart scheduled" };
  isRestartScheduled = false;
  consent: FailsafeConsent = { kind: "accepted", position: lsn(7) };
  failsafeMap: Readonly<Record<string, string>> | null = null;
  records: JournalRecord[] = [];
  obstacles: readonly Obstacle[] | null = [{ code: "asynchronous" }];
  /** What stands in the way of fencing. */
  fencing: LossOutlook["fencing"] = {
    obstacles: [{ code: "no_fencing_command" }],
    members: [],
  };
  readonly calls: unknown[][] = [];
  looks = 0;
  #elapsedMs = 0;

  status(): Promise<AgentStatus> {
    this.looks++;
    return Promise.resolve(this.glance());
  }

  glance(): AgentStatus {
    return { ...this.current, now: this.#now() };
  }

  lastFailsafeMap(): Readonly<Record<string, string>> | null {
    return this.failsafeMap;
  }

  freshView(): Promise<ClusterView> {
    const next = this.freshViews.length > 1
      ? this.freshViews.shift()
      : this.freshViews[0];
    return next instanceof Error || next === undefined
      ? Promise.reject(next)
      : Promise.resolve(next);
  }

  askPeers(members: readonly Member[]): Promise<readonly PeerAnswer[]> {
    this.calls.push(["askPeers", ...members.map(({ name }) => name)]);
    return Promise.resolve(
      members.map(({ name }) =>
        this.answers.find((answer) => answer.name === name) ??
          { kind: "silent", name, detail: "no route" }
      ),
    );
  }

  writeConfig(
    document: Readonly<Record<string, unknown>>,
    revision: Revision | null,
  ): Promise<ConfigWrite> {
    this.calls.push(["writeConfig", document, revision]);
    return Promise.resolve(this.configWrite);
  }

  writeFailover(
    request: Readonly<Record<string, string>>,
    revision: Revision | null,
  ): Promise<boolean> {
    this.calls.push(["writeFailover", request, revision]);
    return Promise.resolve(this.isFailoverWritable);
  }

  wake(): void {
    this.calls.push(["wake"]);
  }

  restart(filters: RestartFilters): Promise<RequestOutcome> {
    this.calls.push(["restart", filters]);
    return this.restartOutcome instanceof Error
      ? Promise.reject(this.restartOutcome)
      : Promise.resolve(this.restartOutcome);
  }

  scheduleRestart(
    filters: RestartFilters,
    schedule: string,
  ): Promise<RequestOutcome> {
    this.calls.push(["scheduleRestart", filters, schedule]);
    return Promise.resolve(this.scheduleOutcome);
  }

  cancelScheduledRestart(): boolean {
    this.calls.push(["cancelScheduledRestart"]);
    return this.isRestartScheduled;
  }

  reinitialize(
    options: {
      readonly isForced: boolean;
      readonly isForcedFromLeader: boolean;
    },
  ): Promise<RequestOutcome> {
    this.calls.push(["reinitialize", options]);
    return Promise.resolve(this.reinitializeOutcome);
  }

  acceptFailsafe(ping: FailsafePing): Promise<FailsafeConsent> {
    this.calls.push(["acceptFailsafe", ping]);
    return Promise.resolve(this.consent);
  }

  reload(): void {
    this.calls.push(["reload"]);
  }

  shutDown(): void {
    this.calls.push(["shutDown"]);
  }

  lossOutlook(): LossOutlook | null {
    const { obstacles, fencing } = this;
    return obstacles === null ? null : { obstacles, fencing };
  }

  decisions(): readonly JournalRecord[] {
    return this.records;
  }

  sleep(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    return Promise.resolve();
  }

  #now(): Moment {
    return moment(this.current.now + this.#elapsedMs);
  }
}

/** An answer of a peer that could take over. */
export function goodAnswer(
  name: string,
  changes: Partial<Extract<PeerAnswer, { kind: "answered" }>> = {},
): PeerAnswer {
  return {
    kind: "answered",
    name,
    isInRecovery: true,
    position: lsn(83_886_100n),
    timeline: 3,
    isNofailover: false,
    failoverPriority: 1,
    hasWatchdogFailed: false,
    endedReceivers: [],
    ...changes,
  };
}
