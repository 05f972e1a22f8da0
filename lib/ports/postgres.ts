/**
 * The local instance: what the agent may do to it, one interface per subject.
 * Operations are whole steps that an administrator would name; what order they
 * go in is decided above. Each throws PostgresError (with cause) or
 * CancelledError unless it says otherwise.
 */
import type { Lsn, Moment } from "../core/base/units.ts";
import type { LogicalAdvance } from "../core/calc/slots/slots.ts";
import type { InstanceRole } from "../core/model/member.ts";
import type { LogicalSlot } from "../core/model/slot_settings.ts";
import type { UpstreamView } from "../core/model/peer_view.ts";
import type { PledgeRecord, WalEnd } from "../core/model/pledge.ts";
import type {
  PostgresView,
  StandbyChange,
} from "../core/model/postgres_view.ts";

/** Where to stream or copy from. Credentials come from the local configuration. */
export interface PostgresPeer {
  readonly name: string;
  /** A comma list for some remotes. */
  readonly host: string;
  readonly port: number;
  /** Only for the instance that a standby cluster follows. */
  readonly remote?: {
    /** The slot to use there; null: none. */
    readonly slotName: string | null;
  };
}

/** How an instance is started. */
export type StartMode =
  | { readonly kind: "primary" }
  /** In recovery; `upstream` null: no streaming. */
  | { readonly kind: "standby"; readonly upstream: PostgresPeer | null };

/** PostgreSQL's stop modes, plus the last resort. */
export type StopMode = "smart" | "fast" | "immediate" | "kill";

/** A receiver of WAL whose connection was ended because it held up a stop. */
export interface EndedReceiver {
  readonly type: "logical" | "physical";
  /** Null: it streams without one. */
  readonly slot: string | null;
  readonly applicationName: string;
}

/** How a stop goes. */
export interface StopOptions {
  readonly mode: StopMode;
  /** CHECKPOINT first, so that the shutdown checkpoint is short. */
  readonly isCheckpointFirst: boolean;
  /** After that time: immediate, then SIGKILL of the postmaster and its children. Null: wait for ever. */
  readonly escalateAfterMs: number | null;
  /**
   * Called once, with the shutdown checkpoint's position, as soon as pg_control
   * says "shut down" (the postmaster may still be sending WAL to replicas).
   * Not called by immediate stops. Resolves when nobody who counts still needs
   * what is being sent; the stop does not wait for it.
   */
  readonly onShutdownCheckpoint: ((position: Lsn) => Promise<void>) | null;
  /**
   * Told of each receiver of WAL that was ended: of a logical slot, a bounded
   * time after an orderly stop began; any other, after the shutdown checkpoint
   * was received by all who count. What it had not confirmed it is sent again.
   */
  readonly onReceiverEnded?: (receiver: EndedReceiver) => void;
}

/** Whether a stop signal was sent. */
export type StopResult = "stopped" | "was_down";

/** What a start came to. */
export type StartResult =
  | { readonly kind: "running" }
  /** Still rejecting connections when the time was up; it goes on starting. */
  | { readonly kind: "starting" }
  | { readonly kind: "failed"; readonly detail: string };

/** Result of pointing a running standby to another upstream. */
export type FollowResult = "unchanged" | "reloaded" | "restart_needed";

/** Physical slots to have, and slots of both types to drop. */
export interface SlotPlan {
  readonly create: readonly string[];
  readonly drop: readonly string[];
  /** Inactive physical slots to advance, name to position. */
  readonly advance: Readonly<Record<string, Lsn>>;
}

/** Logical slots to have (on a primary) and to move (on a replica). */
export interface LogicalSlotPlan {
  readonly create: readonly LogicalSlot[];
  readonly advance: readonly LogicalAdvance[];
}

/** A logical slot as it lies on disk. */
export interface SlotFile {
  readonly name: string;
  readonly state: Uint8Array;
}

/** PostgreSQL settings derived from the dynamic document; a plain value that the adapter compares with what is in force. */
export interface DynamicPostgresSettings {
  /** The `postgresql` part of the dynamic document, as stored. */
  readonly document: Readonly<Record<string, unknown>>;
}

/** Looks at the instance. */
export interface PostgresWatch {
  /** One look: data directory, control file, one query. Bounded to about 3 s; never throws. */
  observe(): Promise<PostgresView>;
  /** `application_name` of each receiver that streams from here now. Cheap, over the session of the last look; never throws: none where there is no answer. */
  streaming(): Promise<readonly string[]>;
  /**
   * The newest transaction that had an id and has ended: another one after each
   * that wrote anything and has ended, its synchronous standbys asked. Cheap,
   * over the session of the last look; never throws: null where there is no
   * answer, and on a replica.
   *
   * Source: PostgreSQL 17 `procarray.c`, GetSnapshotData, latestCompletedXid;
   * `xact.c`, RecordTransactionCommit waits for standbys before that.
   */
  endedTransaction(): Promise<bigint | null>;
  /** Resolves when the postmaster that is running now has ended (at once if none is); used to wake the loop. */
  untilPostmasterEnds(signal: AbortSignal): Promise<void>;
  /** Text of `<timeline>.history` with its modification time (ISO 8601, local zone); null if there is none. */
  readHistoryFile(
    timeline: number,
  ): Promise<{ readonly text: string; readonly modifiedAt: string } | null>;
}

/** The server process and its role. */
export interface PostgresServer {
  /**
   * Starts the daemonized postmaster and waits until it answers (`pg_isready`),
   * at most `timeoutMs`; 0: as long as the local `pg_ctl_timeout` says.
   */
  start(
    mode: StartMode,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<StartResult>;
  /** Runs `before_stop`, then stops the instance; resolves when the postmaster and its children are gone. No error if none runs. */
  stop(options: StopOptions): Promise<StopResult>;
  /** Runs `pre_promote`; true if it agreed, or if there is none. */
  prePromote(signal: AbortSignal): Promise<boolean>;
  /** pg_promote; resolves when the instance is writable. */
  promote(timeoutMs: number, signal: AbortSignal): Promise<void>;
  checkpoint(signal: AbortSignal): Promise<void>;
}

/** The data directory as a whole: filled, repaired, thrown away. */
export interface PostgresData {
  /** initdb or the custom method, first start as primary, users, passwords, post_bootstrap. Leaves a running primary. On failure the directory is moved away. */
  bootstrap(signal: AbortSignal): Promise<{ readonly systemId: string }>;
  /**
   * Recovers a restored backup as its own settings say: with the action pause it
   * runs, read-only, when this resolves; else it is down. Nobody can connect
   * while it becomes a primary for a moment.
   */
  finishRestore(signal: AbortSignal): Promise<void>;
  /** pg_basebackup (or create_replica_methods) into the empty data directory; an error if data is there. On failure nothing is left. `slotName` null: without slot. */
  clone(
    source: PostgresPeer | null,
    slotName: string | null,
    signal: AbortSignal,
  ): Promise<void>;
  /** The same in place of the data that is there, which methods with keep_data find as it is. */
  reinitialize(
    source: PostgresPeer,
    slotName: string | null,
    signal: AbortSignal,
  ): Promise<void>;
  /** The same with pg_basebackup alone, whatever methods are configured. */
  basebackup(
    source: PostgresPeer,
    slotName: string | null,
    signal: AbortSignal,
  ): Promise<void>;
  /** pg_rewind from a primary; the instance is down before and after. */
  rewind(source: PostgresPeer, signal: AbortSignal): Promise<void>;
  /** Archives the WAL file with the shutdown checkpoint, if WAL is archived. The instance is down. Failures are logged. */
  archiveShutdownWal(signal: AbortSignal): Promise<void>;
  /** Removes the content of the data directory (tablespaces and WAL directory included). The instance is down. */
  remove(): Promise<void>;
  /** Moves the data directory to a name beside it that is free, and says to which. The instance is down. */
  setAside(): Promise<string>;
}

/** Another instance that this one follows, or may come to follow. */
export interface PostgresUpstream {
  /** Writes recovery settings for `upstream` and reloads if that is enough. */
  follow(upstream: PostgresPeer | null): Promise<FollowResult>;
  /**
   * Whether the running standby lacks anything of what `follow` would put in
   * place for `upstream`: settings in force, configuration files, the line of
   * the password file. Judges what the last `observe` saw; cheap enough for
   * every cycle.
   */
  change(upstream: PostgresPeer | null): Promise<StandbyChange>;
  /** Timeline, history and role of another instance, by replication connection and SQL, and the local WAL end. Never throws. */
  ask(upstream: PostgresPeer): Promise<UpstreamView>;
  /** Has a primary write a WAL record that changes nothing. A standby writes none. */
  writeRecord(primary: PostgresPeer): Promise<void>;
}

/** The instance's settings: its configuration files, and what a running server has read of them. */
export interface PostgresSettings {
  /** Takes over dynamic settings (parameters, pg_hba, pg_ident ...): rewrites files if they differ and reloads a running server. */
  configure(
    settings: DynamicPostgresSettings,
  ): Promise<"reloaded" | "unchanged">;
  /** Puts the settings of that role in force, if they differ from those that are: files and a reload. Cheap otherwise. */
  takeRole(role: InstanceRole): Promise<void>;
  /** Sets synchronous_standby_names and reloads; null restores the user's own value. */
  setSynchronousStandbys(value: string | null): Promise<void>;
  /** SIGHUP of the agent: rewrites the files from the reloaded local configuration and reloads in any case. */
  reload(): Promise<void>;
  /** patroni.dynamic.json in the data directory. */
  saveDynamicConfig(
    document: Readonly<Record<string, unknown>>,
  ): Promise<void>;
  loadDynamicConfig(): Promise<Readonly<Record<string, unknown>> | null>;
}

/** Replication slots: physical ones, and what keeps logical ones through a change of leader. */
export interface PostgresSlots {
  /** Creates, drops and advances physical slots; failures of single slots are logged, not thrown. */
  apply(plan: SlotPlan): Promise<void>;
  /**
   * Creates and advances logical slots; failures are logged, not thrown. A slot
   * that cannot go on because its WAL is gone is dropped, so that it is copied
   * again. May take long: decoding reads WAL.
   */
  applyLogical(plan: LogicalSlotPlan, signal: AbortSignal): Promise<void>;
  /** Reads slots of a primary, for {@link install}; those that differ or are missing there are left out. */
  fetch(
    source: PostgresPeer,
    slots: readonly LogicalSlot[],
  ): Promise<readonly SlotFile[]>;
  /** Puts slots of a primary of the same lineage in place. The instance is down. */
  install(files: readonly SlotFile[]): Promise<void>;
  /** Transaction ids that slots of a primary protect in the catalog, by slot name; null: none. */
  catalogXmins(
    source: PostgresPeer,
    names: readonly string[],
  ): Promise<Readonly<Record<string, number | null>>>;
  /** Whether hot_standby_feedback must be on, or is what the user configured. Reloads if that changes. */
  setFeedback(feedback: "forced" | "configured"): Promise<void>;
}

/** Whether WAL can still come in from another instance. */
export type ClosedSource =
  | {
    readonly kind: "closed";
    /** The end of all WAL that was ever acknowledged from here; null: not known for sure. */
    readonly position: WalEnd | null;
  }
  | {
    readonly kind: "open";
    readonly reason:
      | "not_running"
      | "no_answer"
      | "not_a_standby"
      | "settings_not_in_force"
      | "receiver_stays";
  };

/** What a pledge rests on. Not a part of {@link Postgres} before a rule needs it. */
export interface PostgresPledge {
  /** The promise on disk; `missing` if there is none that can be read. Never throws. */
  readRecord(): Promise<PledgeRecord>;
  /** Resolves when it is on the disk. An error of the file system otherwise. */
  writeRecord(record: PledgeRecord): Promise<void>;
  /**
   * Takes the upstream away, ends whoever still receives, and proves that nobody
   * does. Bounded to a few seconds. `upstream.follow` opens it again.
   */
  closeSource(signal: AbortSignal): Promise<ClosedSource>;
}

/** A sign of life of the instance that this one follows. */
export interface PostgresReceipt {
  /**
   * When its WAL receiver got something last, WAL or a keep-alive; null: it has
   * none, got nothing yet, or does not answer. Never throws.
   */
  walReceivedAt(): Promise<Moment | null>;
}

/** The local instance, by subject. A part of the agent names the ones that it needs. */
export interface Postgres extends PostgresWatch {
  readonly server: PostgresServer;
  readonly data: PostgresData;
  readonly upstream: PostgresUpstream;
  readonly settings: PostgresSettings;
  readonly slots: PostgresSlots;
}
