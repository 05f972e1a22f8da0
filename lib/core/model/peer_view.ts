/**
 * What the other members answered when a race (or a switchover) asked them.
 */
import type { TimelineSwitch } from "../base/timeline_history.ts";
import type { Lsn } from "../base/units.ts";
import type { MemberName } from "./member.ts";

/** One peer's answer to GET api_url, decoded from its status document. */
export type PeerAnswer =
  | {
    readonly kind: "answered";
    readonly name: MemberName;
    readonly isInRecovery: boolean;
    /** Primary's location, or the higher of received and replayed. Null: no WAL object in the answer. */
    readonly position: Lsn | null;
    readonly timeline: number | null;
    readonly isNofailover: boolean;
    readonly failoverPriority: number;
    readonly hasWatchdogFailed: boolean;
    /** Receivers of WAL that it ended when it gave the lead away last, for people. */
    readonly endedReceivers: readonly string[];
  }
  | {
    readonly kind: "silent";
    readonly name: MemberName;
    readonly detail: string;
  };

/** Facts that only a race fetches. */
export type PeersView =
  | { readonly kind: "not_asked" }
  | { readonly kind: "asked"; readonly answers: readonly PeerAnswer[] };

/** What the leader's instance says of its timelines; fetched only when divergence is in question. */
export type UpstreamView =
  | { readonly kind: "not_asked" }
  | { readonly kind: "silent"; readonly detail: string }
  | {
    readonly kind: "answered";
    readonly isInRecovery: boolean;
    readonly systemId: string;
    readonly timeline: number;
    /** Empty on timeline 1. */
    readonly history: readonly TimelineSwitch[];
    /** Up to where it had WAL of its own after the local end was read; null: not said. */
    readonly endLsn: Lsn | null;
    /** Where the local WAL surely ends; null if it could not be read. */
    readonly localEnd: LocalEnd | null;
  };

/** Where the local WAL ends, and how we know. */
export interface LocalEnd {
  readonly timeline: number;
  readonly endLsn: Lsn;
  /** replica: replayed up to here. backup: not started yet. primary_shutdown: end of the shutdown checkpoint record. primary_crash: only a lower bound. */
  readonly kind: "replica" | "primary_shutdown" | "primary_crash" | "backup";
  /** How the local timeline came to be; null: its history file is not there. */
  readonly history: readonly TimelineSwitch[] | null;
}
