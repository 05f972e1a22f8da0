/** What people are told of a cluster by a message, and who is told. */

/** What a message can be about. */
export const NOTICE_EVENTS = [
  /** Another member leads. */
  "leader_changed",
  /** The whole story of it: phases, rule, facts, bytes lost. */
  "failover",
  /** The same of a change that an operator asked for. */
  "switchover",
  /** Nobody has led for longer than `loop_wait`. */
  "leader_missing",
  /** A primary was stopped because it may not lead any more. */
  "demoted",
  /** A leader that lives objected to being taken over. */
  "takeover_vetoed",
  /** A fencing command has ended the host of a lost leader, or could not. */
  "fenced",
  /** The key of a member is gone. */
  "member_lost",
  /** There is a member that was not there before. */
  "member_back",
  "paused",
  "resumed",
  /** A certificate of the cluster's own should have been replaced and was not. */
  "certificate_expiring",
] as const;

/** One of {@link NOTICE_EVENTS}. */
export type NoticeEvent = (typeof NOTICE_EVENTS)[number];

/** One thing that happened. */
export interface Notice {
  readonly event: NoticeEvent;
  /** What tells it from others of the same event and scope: told twice, it is the same text. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  /** One sentence for people. */
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Somebody who is told. */
export interface NotifyTarget {
  /** http or https; its path and query are often a secret. */
  readonly url: string;
  /** Null: all. */
  readonly events: readonly NoticeEvent[] | null;
  /** What messages are signed with; null: they are not. */
  readonly secret: string | null;
  /** File with the authorities to believe, PEM; null: those of the system. */
  readonly cafile: string | null;
  /** For one attempt, from the dial to the status of the answer. */
  readonly timeoutMs: number;
}
