/** What a run of the benchmark says in the end: median and maximum per scenario and system. */
import type { ActResult } from "../../lib/lab/steps.ts";
import {
  SCENARIO_KINDS,
  SCENARIO_TITLES,
  type ScenarioKind,
} from "./scenarios.ts";
import { SYSTEM_NAMES, SYSTEM_TITLES, type SystemName } from "./system.ts";

/** One measured round. */
export interface Round extends ActResult {
  readonly kind: ScenarioKind;
  readonly system: SystemName;
  readonly round: number;
}

/** One row of the table. */
export interface Summary {
  readonly scenario: ScenarioKind;
  readonly system: SystemName;
  readonly rounds: number;
  readonly medianMs: number;
  readonly maximumMs: number;
  readonly errors: number;
  readonly acknowledged: number;
  readonly lost: number;
}

/** The middle value; of two middle ones their mean. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? NaN;
  const high = sorted[Math.floor(middle)] ?? NaN;
  return Math.round((low + high) / 2);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function summarize(
  scenario: ScenarioKind,
  system: SystemName,
  rounds: readonly Round[],
): Summary[] {
  const mine = rounds.filter((r) => r.kind === scenario && r.system === system);
  if (mine.length === 0) return [];
  const gaps = mine.map((round) => round.gapMs);
  return [{
    scenario,
    system,
    rounds: mine.length,
    medianMs: median(gaps),
    maximumMs: Math.max(...gaps),
    errors: sum(mine.map((round) => round.errors)),
    acknowledged: sum(mine.map((round) => round.acknowledged)),
    lost: sum(mine.map((round) => round.lost)),
  }];
}

/** One row per scenario and system that was measured. */
export function summaries(rounds: readonly Round[]): Summary[] {
  return SCENARIO_KINDS.flatMap((scenario) =>
    SYSTEM_NAMES.flatMap((system) => summarize(scenario, system, rounds))
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** The table in Markdown, as it goes into the README. */
export function markdown(rows: readonly Summary[]): string {
  const head = [
    "| Scenario | System | Rounds | Median | Maximum | Errors | Rows | Lost |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  const body = rows.map((row) =>
    `| ${SCENARIO_TITLES[row.scenario]} | ${SYSTEM_TITLES[row.system]} ` +
    `| ${row.rounds} | ${seconds(row.medianMs)} | ${seconds(row.maximumMs)} ` +
    `| ${row.errors} | ${row.acknowledged} | ${row.lost} |`
  );
  return [...head, ...body].join("\n");
}
