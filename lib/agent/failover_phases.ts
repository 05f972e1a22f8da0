/**
 * How long the last failover or switchover to this member took, phase by phase,
 * as its own loop saw it. How long the lost leader stayed unnoticed is not known
 * here.
 */
import type { Moment } from "../core/base/units.ts";
import type { Decision } from "../core/model/decision.ts";
import type { FencingReason } from "../core/model/fencing.ts";
import type { TaskOutcome } from "../core/model/task_view.ts";

/** Durations in milliseconds. */
export interface FailoverPhases {
  /** From the first look at a free leader key to the bid that won. */
  readonly raceMs: number;
  /** From that bid to a writable primary. */
  readonly promotionMs: number;
  /** Of the race, where the key of a lost leader was taken over; null: it was free. */
  readonly takeover: TakeoverPhases | null;
  /** Of the race, where its host was fenced by this member. */
  readonly fencing: FencingPhases | null;
}

/** Durations in milliseconds. */
export interface FencingPhases {
  /** From the suspicion to the start of the program: the claim, and the time to object. */
  readonly claimMs: number;
  /** From that to its last end, runs that failed included. */
  readonly commandMs: number;
}

/** Durations in milliseconds. */
export interface TakeoverPhases {
  /** From the suspicion to the own pledge. */
  readonly pledgeMs: number;
  /** From that to the key: other pledges, and the time to object. */
  readonly vetoMs: number;
}

/** Watches decisions and tasks pass by. */
export class FailoverWatch {
  #raceSince: Moment | null = null;
  #bidAt: Moment | null = null;
  #pledgedAt: Moment | null = null;
  #fenceSince: Moment | null = null;
  #fencedAt: Moment | null = null;
  #last: FailoverPhases | null = null;

  /** Null: this member has not taken over since its agent started. */
  get last(): FailoverPhases | null {
    return this.#last;
  }

  decided(decision: Decision, now: Moment): void {
    switch (decision.kind) {
      case "ask_peers":
        this.#raceSince ??= now;
        return;
      case "acquire_lease":
        this.#raceSince ??= now;
        this.#bidAt = now;
        return;
      case "write_pledge_record":
        if (decision.record.kind === "pledged") this.#raceSince ??= now;
        else if (decision.reason !== "term_over") this.#forget();
        return;
      case "write_pledge":
        if (decision.pledge !== null) this.#pledgedAt ??= now;
        return;
      case "write_fencing":
        this.#fencingWritten(decision.reason, now);
        return;
      case "start_task":
        if (decision.task.kind === "fence") this.#fenceSince ??= now;
        return;
      case "take_lease":
      case "take_fenced_lease":
        this.#bidAt = now;
        return;
      case "wait":
        if (decision.reason === "following" || decision.reason === "leading") {
          this.#forget();
        }
        return;
      default:
        return;
    }
  }

  ended({ task, result, endedAt }: TaskOutcome): void {
    if (task.kind !== "promote" || result !== "done") return;
    if (this.#raceSince === null || this.#bidAt === null) return;
    this.#last = {
      raceMs: this.#bidAt - this.#raceSince,
      promotionMs: endedAt - this.#bidAt,
      takeover: this.#pledgedAt === null ? null : {
        pledgeMs: this.#pledgedAt - this.#raceSince,
        vetoMs: this.#bidAt - this.#pledgedAt,
      },
      fencing: this.#fencing(this.#raceSince),
    };
  }

  #fencingWritten(reason: FencingReason, now: Moment): void {
    if (reason === "leader_suspected") this.#raceSince ??= now;
    if (reason === "host_fenced") this.#fencedAt = now;
    // The leader lives.
    if (reason === "withdrawn" || reason === "vetoed") this.#forget();
  }

  #fencing(raceSince: Moment): FencingPhases | null {
    return this.#fenceSince === null || this.#fencedAt === null ? null : {
      claimMs: this.#fenceSince - raceSince,
      commandMs: this.#fencedAt - this.#fenceSince,
    };
  }

  #forget(): void {
    this.#raceSince = null;
    this.#fenceSince = null;
    this.#fencedAt = null;
    this.#bidAt = null;
    this.#pledgedAt = null;
  }
}
