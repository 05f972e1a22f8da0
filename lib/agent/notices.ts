/**
 * Tells people's own services what happened: compares the scope with what it was
 * in the cycle before, and picks what is worth telling of decisions. Waits for
 * nobody.
 */
import {
  noticeOfDecision,
  noticeOfFailover,
} from "../core/calc/notices/decision_notices.ts";
import {
  lookAtScope,
  type SeenBefore,
} from "../core/calc/notices/scope_notices.ts";
import type { Ruling } from "../core/decide.ts";
import type { FailoverRecord } from "../core/model/failover.ts";
import type { Observation } from "../core/model/observation.ts";
import type { Clock } from "../ports/clock.ts";
import type { Notifier } from "../ports/notifier.ts";

/** Who is told, and when it is. */
interface NoticesParts {
  readonly clock: Pick<Clock, "wallTimeMs">;
  /** Null: nobody wants to hear. */
  readonly notifier: Notifier | null;
}

/** Watches the cycles of one agent. */
export class Notices {
  readonly #parts: NoticesParts;
  #seen: SeenBefore | null = null;

  constructor(parts: NoticesParts) {
    this.#parts = parts;
  }

  /** At the end of a cycle. What the store does not show stays as it was. */
  follow(o: Observation): void {
    const { notifier } = this.#parts;
    if (notifier === null) return;
    const { seen, notices } = lookAtScope(this.#seen, o);
    this.#seen = seen;
    for (const notice of notices) notifier.tell(notice);
  }

  /** Before it is carried out. */
  decided(
    { rule, decision }: Ruling,
    sentence: string,
    o: Observation,
  ): void {
    const { notifier } = this.#parts;
    if (notifier === null) return;
    const notice = noticeOfDecision({ rule, decision, sentence }, o);
    if (notice !== null) notifier.tell(notice);
  }

  /** This member's taking over stands in the store, whole. */
  changed(record: FailoverRecord): void {
    const { clock, notifier } = this.#parts;
    notifier?.tell(noticeOfFailover(record, clock.wallTimeMs()));
  }
}
