/**
 * Counts what the loop does, for the metrics page, and keeps its last decisions,
 * for `GET /explain`. Nothing decides by it.
 */
import type { Ruling } from "../core/decide.ts";
import { remainingMs } from "../core/base/units.ts";
import type { TaskOutcome } from "../core/model/task_view.ts";
import type { Clock } from "../ports/clock.ts";
import type { Metrics, MetricSample } from "../ports/metrics.ts";
import type { ProxyProcess } from "../ports/proxy_process.ts";
import { circumstances } from "../core/calc/lead/circumstances.ts";
import type { Observation } from "../core/model/observation.ts";
import { DecisionJournal } from "./decision_journal.ts";
import { FailoverWatch } from "./failover_phases.ts";
import type { Deadline } from "./lead_right.ts";

/** Where some figures are read at the moment of asking. */
export interface StatisticsSources {
  readonly clock: Clock;
  readonly right: Deadline;
  readonly proxy: Pick<ProxyProcess, "state"> | null;
}

/** The loop's counters; implements {@link Metrics}. */
export class LoopStatistics implements Metrics {
  readonly journal = new DecisionJournal();
  readonly #failover = new FailoverWatch();
  readonly #decisions = new Map<string, number>();
  readonly #tasks = new Map<string, number>();
  readonly #labels: Readonly<Record<string, string>>;
  readonly #sources: StatisticsSources;
  #cycles = { count: 0, lastMs: 0 };

  /** @param labels Put on every sample: scope and name. */
  constructor(
    labels: Readonly<Record<string, string>>,
    sources: StatisticsSources,
  ) {
    this.#labels = labels;
    this.#sources = sources;
  }

  countDecision(ruling: Ruling, o: Observation): void {
    const { rule, decision } = ruling;
    const { clock } = this.#sources;
    const around = circumstances(decision, o);
    this.journal.note(ruling, clock.wallTimeMs(), around);
    this.#failover.decided(decision, clock.now());
    const key = JSON.stringify({ rule, reason: decision.reason });
    this.#decisions.set(key, (this.#decisions.get(key) ?? 0) + 1);
  }

  countTask(outcome: TaskOutcome): void {
    this.#failover.ended(outcome);
    const { task, result } = outcome;
    const key = JSON.stringify({ task: task.kind, result });
    this.#tasks.set(key, (this.#tasks.get(key) ?? 0) + 1);
  }

  countCycle(durationMs: number): void {
    this.#cycles = { count: this.#cycles.count + 1, lastMs: durationMs };
  }

  samples(): readonly MetricSample[] {
    const { proxy } = this.#sources;
    const state = proxy?.state() ?? null;
    return [
      this.#sample("cycles_total", {
        help: "Cycles of the HA loop.",
        type: "counter",
        value: this.#cycles.count,
      }),
      this.#sample("cycle_seconds", {
        help: "Duration of the last cycle.",
        type: "gauge",
        value: this.#cycles.lastMs / 1000,
      }),
      this.#sample("lease_remaining_seconds", {
        help: "How long this member may still lead; 0 if it does not.",
        type: "gauge",
        value: this.#leaseSeconds(),
      }),
      this.#sample("proxy_sessions", {
        help: "Clients connected through this member's proxy.",
        type: "gauge",
        value: state?.sessions ?? 0,
      }),
      this.#sample("proxy_held", {
        help: "Clients that wait in this member's proxy for a backend.",
        type: "gauge",
        value: state?.held ?? 0,
      }),
      ...proxy === null ? [] : [this.#sample("fence_armed", {
        help:
          "1 if this member's proxy would stop PostgreSQL for a dead agent.",
        type: "gauge",
        value: Number(state?.isFenceArmed ?? false),
      })],
      ...this.#failoverSamples(),
      ...this.#family(this.#decisions, {
        name: "decisions_total",
        help: "Decisions by rule and reason.",
      }),
      ...this.#family(this.#tasks, {
        name: "tasks_total",
        help: "Long tasks by kind and result.",
      }),
    ];
  }

  #failoverSamples(): readonly MetricSample[] {
    const { last } = this.#failover;
    if (last === null) return [];
    const { takeover, fencing } = last;
    const phases = [
      ["race", last.raceMs],
      ["promotion", last.promotionMs],
      ...takeover === null
        ? []
        : [["pledge", takeover.pledgeMs], ["veto", takeover.vetoMs]],
      ...fencing === null
        ? []
        : [["claim", fencing.claimMs], ["fence", fencing.commandMs]],
    ];
    return phases.map(([phase, ms]) => ({
      name: "matriarch_last_failover_seconds",
      help: "Phases of the last failover or switchover to this member.",
      type: "gauge",
      value: Number(ms) / 1000,
      labels: { ...this.#labels, phase: String(phase) },
    }));
  }

  #leaseSeconds(): number {
    const { right, clock } = this.#sources;
    if (right.deadline === null) return 0;
    return Math.max(0, remainingMs(right.deadline, clock.now()) / 1000);
  }

  #sample(
    name: string,
    rest: Omit<MetricSample, "name" | "labels">,
  ): MetricSample {
    return { name: `matriarch_${name}`, labels: this.#labels, ...rest };
  }

  #family(
    counts: ReadonlyMap<string, number>,
    about: { readonly name: string; readonly help: string },
  ): readonly MetricSample[] {
    return [...counts].map(([key, value]) => ({
      name: `matriarch_${about.name}`,
      help: about.help,
      type: "counter",
      value,
      labels: { ...this.#labels, ...JSON.parse(key) },
    }));
  }
}
