/**
 * Says what was decided: in the log, in the statistics, in the diary of failovers,
 * to who is notified, and as the agent's status.
 */
import type { Ruling } from "../core/decide.ts";
import { explain } from "../core/explain.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Observation } from "../core/model/observation.ts";
import type { Log } from "../ports/log.ts";
import type { FailoverDiary } from "./failover_diary.ts";
import type { LoopStatus } from "./loop_status.ts";
import type { Notices } from "./notices.ts";
import type { LoopStatistics } from "./statistics.ts";

/** Who hears of a decision. */
interface DecisionLogParts {
  readonly log: Pick<Log, "debug" | "info">;
  readonly statistics: Pick<LoopStatistics, "countDecision">;
  readonly diary: Pick<FailoverDiary, "decided">;
  readonly notices: Pick<Notices, "decided">;
  readonly status: Pick<LoopStatus, "sentence">;
  readonly config: () => { readonly self: MemberName };
}

/** Notes decisions; what repeats itself is said at debug level. */
export class DecisionLog {
  readonly #parts: DecisionLogParts;
  #lastRule = "";

  constructor(parts: DecisionLogParts) {
    this.#parts = parts;
  }

  /** Of the last decision that was no routine. */
  get lastRule(): string {
    return this.#lastRule;
  }

  note(ruling: Ruling, o: Observation): void {
    const { log, status, config, statistics, diary, notices } = this.#parts;
    statistics.countDecision(ruling, o);
    diary.decided(ruling, o);
    const { rule, decision } = ruling;
    const pause = o.settings.isPaused ? "PAUSE: " : "";
    const sentence = `${pause}${explain(decision, config().self)}`;
    notices.decided(ruling, sentence, o);
    const facts = { rule, decision: decision.kind, reason: decision.reason };
    const isRoutine = decision.kind === "renew_lease" ||
      decision.kind === "ask_upstream" || decision.kind === "ask_peers" ||
      decision.kind === "look_afresh";
    if (isRoutine || rule === this.#lastRule && sentence === status.sentence) {
      log.debug(sentence, facts);
    } else {
      log.info(sentence, facts);
    }
    if (isRoutine) return;
    status.sentence = sentence;
    this.#lastRule = rule;
  }
}
