/** Counts what `deno test` reports, over all its runs in one output. */
import { stripVTControlCharacters } from "node:util";

/** How many tests of a stage passed, failed, and were left out. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
}

/** Nothing was run. */
export const NOTHING: Tally = { passed: 0, failed: 0, ignored: 0 };

const SUMMARY =
  /^(?:ok|FAILED) \| (\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?: \(\d+ steps?\))?(?: \| (\d+) ignored)?/gm;

/** The sum of two tallies. */
export function add(a: Tally, b: Tally): Tally {
  return {
    passed: a.passed + b.passed,
    failed: a.failed + b.failed,
    ignored: a.ignored + b.ignored,
  };
}

/** The sum of all summary lines of `deno test` in `output`. */
export function tallyOf(output: string): Tally {
  return [...stripVTControlCharacters(output).matchAll(SUMMARY)]
    .map(([, passed, failed, ignored]) => ({
      passed: Number(passed),
      failed: Number(failed),
      ignored: Number(ignored ?? 0),
    }))
    .reduce(add, NOTHING);
}
