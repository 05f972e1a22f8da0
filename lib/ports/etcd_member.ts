/** The member of etcd on this host: its cluster, its process and its files. */
import type {
  EtcdStart,
  EtcdStatus,
  EtcdView,
} from "../core/model/etcd_member.ts";
import type { EtcdOrder } from "../core/model/etcd_order.ts";

/** Which members' list is wanted. */
export type EtcdListing =
  /** As a majority has it. */
  | "agreed"
  /** As the one that is asked has it, which may be old. */
  | "local";

/**
 * etcd's own administration, asked at one client address (`http[s]://HOST:PORT`).
 * All throw `EtcdCallError` if there was no answer, or a refusal, in time. A
 * change of the members that has been made already is done, not refused.
 */
export interface EtcdAdmin {
  status(endpoint: string): Promise<EtcdStatus>;
  members(endpoint: string, listing: EtcdListing): Promise<EtcdView>;
  /** Adds a member that has no vote yet and has not run. */
  addLearner(endpoint: string, peerUrl: string): Promise<void>;
  /** Gives it a vote; refused while it has not caught up. */
  promote(endpoint: string, memberId: string): Promise<void>;
  remove(endpoint: string, memberId: string): Promise<void>;
  /** Ids of members whose data have reached the quota. */
  full(endpoint: string): Promise<readonly string[]>;
  /** Takes that alarm back. */
  calm(endpoint: string, memberId: string): Promise<void>;
  /** Forgets what was before the newest revision, and gives the space back, which stops this one member meanwhile. */
  makeRoom(endpoint: string): Promise<void>;
  /** Gives free space back. */
  defragment(endpoint: string): Promise<void>;
  /** Writes all data into a new file, and checks it. */
  saveSnapshot(endpoint: string, path: string): Promise<void>;
}

/** One member after the other. */
export interface EtcdTurns {
  /**
   * Does what stops the member for a moment, while no other one does so. False:
   * another one does, and nothing was done.
   *
   * @throws {EtcdCallError} If etcd has no quorum.
   */
  inTurn(endpoint: string, work: () => Promise<void>): Promise<boolean>;
}

/** The process of this host's member. */
export interface EtcdProcess {
  /** The process, also one that an agent before this one started; null: there is none. */
  running(): Promise<number | null>;
  /**
   * Starts it. It goes on when the agent ends.
   *
   * @throws {Error} With one sentence, if it cannot be started.
   */
  start(how: EtcdStart): Promise<number>;
  /** Ends it in order, or after a while otherwise; nothing if there is none. */
  stop(): Promise<void>;
  /**
   * What the process was started with that is otherwise in the configuration, or
   * in this program, now: one text each. Empty: nothing, or none runs.
   */
  differences(): Promise<readonly string[]>;
  /** Why it ended, by the last of its own words; null: they do not tell. */
  lastWords(): Promise<string | null>;
  /** Keeps its log within bounds. */
  trimLog(): Promise<void>;
}

/** The folder of this host's member. */
export interface EtcdFolder {
  /** Takes the folder for this process alone. False: another process has it. */
  hold(): Promise<boolean>;
  /** Lets another process have it. */
  release(): void;
  /** Whether any process has it; changes nothing. */
  isHeld(): Promise<boolean>;
  order(): Promise<EtcdOrder | null>;
  setOrder(order: EtcdOrder): Promise<void>;
  hasData(): Promise<boolean>;
  /** Moves the data away, where they are found again; tells where to. */
  setAside(): Promise<string>;
  /** Replaces the data by those of a snapshot, as a new cluster of this member alone. */
  restore(snapshot: string): Promise<void>;
  /** Client addresses that the members had when they were last known. */
  knownEndpoints(): Promise<readonly string[]>;
  noteView(view: EtcdView): Promise<void>;
}

/** Its snapshots. */
export interface EtcdSnapshots {
  /** Since the newest one; null: there is none. */
  ageMs(): Promise<number | null>;
  /** Path for the next one. */
  next(): Promise<string>;
  /** Removes all but the newest ones. */
  prune(): Promise<void>;
}
