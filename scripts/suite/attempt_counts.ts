/**
 * How often each test has passed at the second attempt only, in a file that
 * outlives the run: one accident is forgiven, a habit is not. Who repairs a test
 * takes its line out.
 */
import { dirname } from "node:path";
import type { FailedTest } from "./second_attempt.ts";

/** A test whose count gets there fails. */
const PASSES_MAX = 3;

/** Beside the logs, unless the environment names a file that is kept elsewhere. */
export function countsPath(): string {
  return Deno.env.get("MATRIARCH_SECOND_ATTEMPTS") ??
    ".cache/test/second_attempts.json";
}

/** Passes at the second attempt, by test. */
export type AttemptCounts = Readonly<Record<string, number>>;

function nameOf({ file, name }: FailedTest): string {
  return `${file} => ${name}`;
}

/** Counts one more second attempt for each of these tests. */
function counted(
  counts: AttemptCounts,
  tests: readonly FailedTest[],
): AttemptCounts {
  const names = tests.map(nameOf);
  return {
    ...counts,
    ...Object.fromEntries(names.map((name) => [name, (counts[name] ?? 0) + 1])),
  };
}

/** Those of the tests that have used up what is forgiven. */
function wornOut(
  counts: AttemptCounts,
  tests: readonly FailedTest[],
): readonly string[] {
  return tests.map(nameOf).filter((name) => (counts[name] ?? 0) >= PASSES_MAX);
}

/** The counts of earlier runs; none if there is no file. */
export function readCounts(path: string): AttemptCounts {
  try {
    return JSON.parse(Deno.readTextFileSync(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

/**
 * Adds the tests to the file and says which of them are worn out. In one go: a
 * stage beside this one may do the same.
 */
export function noteSecondAttempts(
  path: string,
  tests: readonly FailedTest[],
): readonly string[] {
  const counts = counted(readCounts(path), tests);
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, `${JSON.stringify(counts, null, 2)}\n`);
  return wornOut(counts, tests);
}

/** The file as the suite prints it at its end; nothing if no test is in it. */
export function countsText(path: string, counts: AttemptCounts): string {
  const lines = Object.entries(counts).map(([name, count]) =>
    `  ${count} of ${PASSES_MAX}: ${name}`
  );
  return lines.length === 0
    ? ""
    : [`Passed at the second attempt only (${path}):`, ...lines].join("\n");
}
