/**
 * What a member knows of takeovers beside the store and its instance: its own
 * record, what it sent, and when its leader was heard.
 */
import type { Moment, Revision } from "../base/units.ts";
import { type FencingMemory, NO_FENCING } from "./fencing.ts";
import type { MemberName } from "./member.ts";
import type { PledgeRecord, WalEnd } from "./pledge.ts";

/** The last write of the own entry since this life of the agent wrote the record. */
export type EntryWrite =
  /** An earlier life may have sent some, too. */
  | { readonly kind: "unknown" }
  /** It replaces that revision; null: it wants that there is no entry. */
  | { readonly kind: "sent"; readonly guard: Revision | null };

/** Whether WAL can still come in. */
export type WalSource =
  /** Some upstream is set. */
  | "open"
  /** None is set, and it was seen twice that no WAL receiver is left. */
  | "closed";

/** What was heard of the leader that this member listens to. */
export interface LeaderSound {
  readonly leader: MemberName;
  /** The term that its last pulse named; null: never heard. */
  readonly term: Revision | null;
  readonly heardAt: Moment | null;
  /** When its PostgreSQL answered last, asked while the agent is silent. */
  readonly postgresAt: Moment | null;
  /** Agent, proxy and PostgreSQL refused a connection: the host lives, they do not. */
  readonly isRefused: boolean;
}

/** The last signs of the leader's life. */
export interface LeaderSigns {
  /** When its agent was heard; null: never in this term. */
  readonly heardAt: Moment | null;
  /** When something of its PostgreSQL came; null: nothing did. */
  readonly walAt: Moment | null;
  /** Agent, proxy and PostgreSQL refused a connection: the host lives, they do not. */
  readonly isRefused: boolean;
}

/** Vetoes that came, so that a leader that lives is not bothered for ever. */
export interface VetoHistory {
  readonly count: number;
  readonly lastAt: Moment | null;
}

/** Why a store cannot carry a takeover. */
export type StoreObstacle =
  /** It changes one key at a time. */
  | "store_without_transactions"
  /** Its own failover may forget what it has confirmed. */
  | "store_may_forget";

/** The own side of a takeover. */
export interface PledgeView {
  readonly record: PledgeRecord;
  /** The view was asked of the store after the record was read. */
  readonly isViewFresh: boolean;
  readonly written: EntryWrite;
  readonly source: WalSource;
  /** Read after the source was closed; null: not known for sure. */
  readonly position: WalEnd | null;
  /** Since its data was filled it has had all that its leader had when it connected. */
  readonly isCaughtUp: boolean;
  /** Another leader may still go on by what this member agreed to in failsafe mode. */
  readonly hasConsented: boolean;
  /** Null: nobody is listened to. */
  readonly sound: LeaderSound | null;
  /** Null: the store can carry a takeover. */
  readonly storeObstacle: StoreObstacle | null;
}

/** One entry as it was seen first. */
export interface SeenPledge {
  readonly revision: Revision;
  readonly at: Moment;
}

/** What must be remembered of takeovers between cycles; all of one term. */
export interface TakeoverMemory {
  /** The term that the rest is about; null: nobody led. */
  readonly term: Revision | null;
  /** Entries that stand, by member. */
  readonly seen: Readonly<Record<MemberName, SeenPledge>>;
  /** When one stood last; null: never. */
  readonly stoodAt: Moment | null;
  readonly vetoes: VetoHistory;
  /** The own term that began by taking the key over; null: none did. */
  readonly takenTerm: Revision | null;
  /** The claim to fence the leader. */
  readonly fencing: FencingMemory;
}

/** Of an agent that just started. */
export const NO_TAKEOVER: TakeoverMemory = {
  term: null,
  seen: {},
  stoodAt: null,
  vetoes: { count: 0, lastAt: null },
  takenTerm: null,
  fencing: NO_FENCING,
};
