/** Decisions about pledges and about the key of a lost leader. */
import type { Revision } from "../base/units.ts";
import type { SyncKey } from "./cluster_view.ts";
import type { FencingKey, FencingReason } from "./fencing.ts";
import type { MemberName } from "./member.ts";
import type { Pledge, PledgeRecord } from "./pledge.ts";

/** Why a record or an entry is written. */
export type PledgeReason =
  | "leader_suspected"
  | "vetoed"
  | "withdrawn"
  | "term_over"
  | "record_missing"
  | "caught_up";

/** The leader key goes to `leader`, on its own session, if nothing below moved. */
export interface Take {
  readonly leader: MemberName;
  /** The lost leader's key is still at this revision. */
  readonly term: Revision;
  readonly syncRevision: Revision;
  /** So that a pause, or takeover switched off, wins. */
  readonly configRevision: Revision;
  /** All that were counted, the own one included. */
  readonly pledges: readonly PledgeRevision[];
  /** What the sync key is to say from then on. */
  readonly sync: Pick<SyncKey, "quorum" | "standbys">;
}

/** An entry as it was seen. */
export interface PledgeRevision {
  readonly name: MemberName;
  readonly revision: Revision;
}

/** The same where the lost leader's host was fenced: no promise is part of it. */
export interface FencedTake {
  readonly leader: MemberName;
  /** Whose host is off. */
  readonly host: MemberName;
  /** The lost leader's key is still at this revision. */
  readonly term: Revision;
  /** Of the sync key; null: there is none, and none has come. */
  readonly syncRevision: Revision | null;
  /** So that a pause, or takeover switched off, wins. */
  readonly configRevision: Revision;
  /** The key `fencing`, which says that the host is off. */
  readonly fencing: Revision;
  /** What that key keeps. */
  readonly past: FencingKey["past"];
}

/** A write of the key `fencing`, and what it rests on. */
export interface FencingWrite extends Pick<FencingKey, "claim" | "past"> {
  /** The revision that it replaces; null: there is none. */
  readonly guard: Revision | null;
  /** Of the leader key; null: whoever leads. */
  readonly term: Revision | null;
  /** Null: whatever the configuration says. */
  readonly configRevision: Revision | null;
}

/** Why a suspicion rests for a while. */
export type RestReason =
  | "vetoed"
  | "position_unknown"
  | "lag_exceeds_maximum"
  | "timeline_behind"
  | "primary_alive"
  | "peer_ahead"
  | "peer_priority_higher"
  | "quorum_missing";

/** All of them lead to another round of the same cycle. */
export type TakeoverDecision =
  | {
    readonly kind: "write_fencing";
    readonly reason: FencingReason;
    readonly write: FencingWrite;
  }
  /** Suspect the leader no more for a while. */
  | {
    readonly kind: "rest_suspicion";
    readonly reason: RestReason;
    readonly facts: Readonly<
      Record<string, string | number | boolean | bigint | null>
    >;
  }
  | {
    readonly kind: "take_fenced_lease";
    readonly reason: "leader_fenced";
    readonly take: FencedTake;
  }
  /** Read the own record, and then ask the store itself. */
  | {
    readonly kind: "look_afresh";
    readonly reason: "pledge_stands" | "fencing_due";
  }
  | {
    readonly kind: "write_pledge_record";
    readonly reason: PledgeReason;
    readonly record: PledgeRecord;
  }
  /** Take the upstream away, and prove that no WAL comes in any more. */
  | { readonly kind: "close_source"; readonly reason: "leader_suspected" }
  /** Write the own entry over the one of that revision; null: none. */
  | {
    readonly kind: "write_pledge";
    readonly reason: PledgeReason;
    readonly pledge: Pledge | null;
    readonly guard: Revision | null;
  }
  | {
    readonly kind: "take_lease";
    readonly reason: "leader_lost";
    readonly take: Take;
  }
  /** Empty these entries, each by its revision. */
  | {
    readonly kind: "veto_pledges";
    readonly reason: "leader_lives";
    readonly pledges: readonly PledgeRevision[];
  };
