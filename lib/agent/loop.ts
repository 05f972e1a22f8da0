/**
 * The HA loop: observe, decide, act, a bounded number of rounds; publish; rest.
 * One cycle at a time, and nothing in here knows what a good decision is.
 */
import { decide } from "../core/decide.ts";
import { invariant } from "../core/base/invariant.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Act, Actor } from "./act.ts";
import type { CycleEnd } from "./cycle_end.ts";
import type { CycleTrace, CycleTraces } from "./cycle_trace.ts";
import type { DecisionLog } from "./decision_log.ts";
import type { Heartbeats } from "./heartbeats.ts";
import type { Inbox } from "./inbox.ts";
import type { Liveness } from "./liveness.ts";
import type { LoopRest } from "./loop_rest.ts";
import type { LoopStatus } from "./loop_status.ts";
import type { Observer } from "./observe.ts";
import type { LoopStatistics } from "./statistics.ts";

/** More rounds than any chain of rules can need; reaching it is a bug in the rules. */
const ROUNDS_MAX = 24;

/** Rest after a cycle that failed. */
const AFTER_FAILURE_MS = 1_000;

/** How the loop ended: by its signal, or by a decision. */
export type LoopEnd = Extract<Act, { kind: "exit" }> | { kind: "stopped" };

/** The steps of a cycle, and who hears of them. */
interface LoopParts {
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "error">;
  readonly observer: Pick<Observer, "observe">;
  readonly actor: Actor;
  readonly cycleEnd: CycleEnd;
  readonly resting: LoopRest;
  readonly decisions: DecisionLog;
  readonly status: Pick<LoopStatus, "observation">;
  readonly heartbeats: Pick<Heartbeats, "observed">;
  readonly statistics: Pick<LoopStatistics, "countCycle">;
  readonly traces: CycleTraces;
  readonly liveness: Pick<Liveness, "alive">;
  readonly inbox: Pick<Inbox, "takeReload">;
}

/** Runs cycles until `signal` aborts or a decision ends the agent. */
export class AgentLoop {
  readonly #parts: LoopParts;
  readonly #onReload: () => Promise<void>;

  /** @param onReload Re-reads the local configuration; called between cycles. */
  constructor(parts: LoopParts, onReload: () => Promise<void>) {
    this.#parts = parts;
    this.#onReload = onReload;
  }

  async run(signal: AbortSignal): Promise<LoopEnd> {
    const { inbox, resting, cycleEnd } = this.#parts;
    while (!signal.aborted) {
      if (inbox.takeReload()) await this.#onReload();
      const end = await this.#guardedCycle();
      if (end.kind === "exit") return end;
      await resting.rest(end.againInMs, signal);
    }
    cycleEnd.close();
    return { kind: "stopped" };
  }

  /** One cycle; an unexpected failure is logged and the next cycle tries again. */
  async #guardedCycle(): Promise<Exclude<Act, { kind: "round" }>> {
    const { clock, statistics, log, traces } = this.#parts;
    const startedAt = clock.now();
    const trace = traces.begin();
    try {
      const end = await this.#cycle(trace);
      statistics.countCycle(clock.now() - startedAt);
      trace?.ended(null);
      return end;
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : "";
      trace?.ended(String(error));
      log.error(`Unexpected failure of a cycle: ${text}`);
      return { kind: "rest", againInMs: AFTER_FAILURE_MS };
    }
  }

  /** Observe, then decide and act until the cycle ends, then publish. */
  async #cycle(
    trace: CycleTrace | null,
  ): Promise<Exclude<Act, { kind: "round" }>> {
    const { observer, heartbeats, liveness, status } = this.#parts;
    const { decisions, actor, cycleEnd } = this.#parts;
    let o = await observer.observe();
    heartbeats.observed(o);
    for (let round = 0;; round++) {
      invariant(round < ROUNDS_MAX, "rounds of a cycle are bounded", {
        rule: decisions.lastRule,
      });
      liveness.alive();
      status.observation = o;
      const ruling = decide(o);
      decisions.note(ruling, o);
      trace?.decided(ruling, o);
      const next = await actor.act(o, ruling.decision);
      if (next.kind === "round") {
        o = next.observation;
        continue;
      }
      trace?.publishes();
      await cycleEnd.run(o);
      return next;
    }
  }
}
