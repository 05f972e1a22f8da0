/**
 * How long the last failover or switchover to this member took, phase by phase,
 * as its own loop saw it. How long the lost leader stayed unnoticed is not known
 * here.
 */
import type { Moment } from "../core/base/units.ts";
import type { Decision } from "../core/model/decision.ts";
import type { TaskOutcome } from "../core/model/task_view.ts";

/** Durations in milliseconds. */
export interface FailoverPhases {
  /** From the first look at a free leader key to the bid that won. */
  readonly raceMs: number;
  /** From that bid to a writable primary. */
  readonly promotionMs: number;
}

/** Watches decisions and tasks pass by. */
export class FailoverWatch {
  #raceSince: Moment | null = null;
  #bidAt: Moment | null = null;
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
      case "wait":
        if (decision.reason === "following" || decision.reason === "leading") {
          this.#raceSince = null;
          this.#bidAt = null;
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
    };
  }
}
