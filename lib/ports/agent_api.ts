/**
 * What the REST API may ask the agent: views that are ready at once, and
 * requests that the loop serves. The HTTP room sees nothing else of the agent.
 */
import type { LossOutlook } from "../core/calc/takeover/outlook.ts";
import type { Lsn, Moment, Revision } from "../core/base/units.ts";
import type { ClusterView } from "../core/model/cluster_view.ts";
import type { EndedReceiver } from "./postgres.ts";
import type { FailsafePing } from "../core/model/failsafe.ts";
import type {
  Member,
  MemberRole,
  MemberState,
  Tags,
} from "../core/model/member.ts";
import type { DecisionRecord } from "../core/model/told_decision.ts";
import type { PeerAnswer } from "../core/model/peer_view.ts";
import type { PostgresView } from "../core/model/postgres_view.ts";
import type {
  RestartFilters,
  ScheduledRestart,
} from "../core/model/request.ts";
import type { ClusterSettings } from "../core/model/settings.ts";

/** Who this agent is. */
export interface AgentIdentity {
  readonly scope: string;
  readonly name: string;
  /** The numeric Patroni-compatible version that peers read, e.g. `4.1.4`. */
  readonly version: string;
}

/** The agent's own state at one moment. */
export interface AgentStatus {
  readonly now: Moment;
  readonly state: MemberState;
  readonly role: MemberRole;
  /** A fresh look at the instance. */
  readonly postgres: PostgresView;
  /** The last good view, if younger than ttl; else null. */
  readonly view: ClusterView | null;
  readonly settings: ClusterSettings;
  readonly tags: Tags;
  /** The lock timer: until when this member may call itself leader; null: not leader. */
  readonly leaseDeadline: Moment | null;
  /** Epoch seconds of the last successful DCS read; 0 before the first. */
  readonly dcsLastSeen: number;
  readonly isFailsafeActive: boolean;
  readonly scheduledRestart: ScheduledRestart | null;
  /** Last known timeline of a replica (its own or by replication connection). */
  readonly timeline: number | null;
  /** When the next cycle should have begun; liveness compares it with now. */
  readonly nextCycleAt: Moment;
  /** The last decision's sentence, for people. */
  readonly lastDecision: string;
  /** The watchdog is required and cannot be used: this member must not lead. */
  readonly hasWatchdogFailed: boolean;
  /** Who held up the last handing over of the lead and was ended; empty: nobody. */
  readonly endedReceivers: readonly EndedReceiver[];
}

/** Outcome of a request that the loop serves. */
export interface RequestOutcome {
  readonly status: number;
  readonly text: string;
}

/** The answer to a leader that goes on without the store. */
export type FailsafeConsent =
  /** The own position; null: unknown. */
  | { readonly kind: "accepted"; readonly position: Lsn | null }
  /**
   * This member leads itself, the asker cannot be a leader of the scope, or a
   * pledge stands here to take no more WAL from the leader.
   */
  | {
    readonly kind: "refused";
    readonly why: "leading" | "stranger" | "pledged";
  };

/** One of the last decisions, as the agent's own clock has it. */
export interface JournalRecord
  extends Omit<DecisionRecord, "firstAt" | "lastAt"> {
  /** Wall clock, milliseconds since the epoch. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Result of a compare-and-set on the config key. */
export type ConfigWrite = "written" | "conflict" | "failed";

/** The scope's keys, for a request. Methods throw the errors of ports/errors.ts. */
export interface ScopeApi {
  /** A DCS read made for this request. */
  freshView(): Promise<ClusterView>;
  /** Asks those members as a race would. */
  askPeers(members: readonly Member[]): Promise<readonly PeerAnswer[]>;
  /** Writes the config key; `revision` null: unconditional. */
  writeConfig(
    document: Readonly<Record<string, unknown>>,
    revision: Revision | null,
  ): Promise<ConfigWrite>;
  /** Writes the failover key (compact JSON, `{}` clears); `revision` null: unconditional. False: not written. */
  writeFailover(
    request: Readonly<Record<string, string>>,
    revision: Revision | null,
  ): Promise<boolean>;
}

/** What people ask of this agent. */
export interface OperatorApi {
  /** Wakes the loop now. */
  wake(): void;
  /** Blocks until the restart is done or failed. */
  restart(filters: RestartFilters): Promise<RequestOutcome>;
  /** Keeps a restart for later; refused while another one waits. */
  scheduleRestart(
    filters: RestartFilters,
    schedule: string,
  ): Promise<RequestOutcome>;
  /** False: none was scheduled. */
  cancelScheduledRestart(): boolean;
  /** Reads the DCS first, and throws the errors of ports/errors.ts. */
  reinitialize(
    options: {
      readonly isForced: boolean;
      readonly isForcedFromLeader: boolean;
    },
  ): Promise<RequestOutcome>;
  /** Same as SIGHUP. */
  reload(): void;
  /** Same as SIGTERM. */
  shutDown(): void;
}

/** The agent behind the REST API. */
export interface AgentApi {
  readonly identity: AgentIdentity;
  readonly scope: ScopeApi;
  readonly operator: OperatorApi;
  /** Takes a look at the instance (one query) and returns the state. Never throws. */
  status(): Promise<AgentStatus>;
  /** The state as the last cycle left it: at once, without a query (liveness, allowlists, pause). `now` is current. */
  glance(): AgentStatus;
  /** The failsafe map as last known, however long ago; null: there was none. */
  lastFailsafeMap(): Readonly<Record<string, string>> | null;
  /** A leader asks whether it may go on without the store; for one ttl it leads here. */
  acceptFailsafe(ping: FailsafePing): Promise<FailsafeConsent>;
  /** What would become of a leader that is lost now; null: the store is away. */
  lossOutlook(): LossOutlook | null;
  /** The last decisions, oldest first; renewals and questions are left out. */
  decisions(): readonly JournalRecord[];
  sleep(ms: number): Promise<void>;
}
