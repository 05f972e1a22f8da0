/**
 * A second attempt for test files that failed while others ran beside them.
 *
 * Tests with real servers wait for conditions with deadlines, but two busy
 * processors can still break what they arrange (a process that is to be killed
 * in a certain moment). A file that fails is run once more, alone: it must pass
 * then, and the suite names it. What is really broken fails twice, and what
 * needs a second attempt again and again fails as well: see attempt_counts.ts.
 */
import { stripVTControlCharacters } from "node:util";
import { NOTHING, type Tally, tallyOf } from "./tally.ts";

/** More than that is no accident. */
const FILES_MAX = 3;

const FAILED =
  /^(\.\/tests\/\S+_test\.ts) => (.*?) \.\.\. (?:.* )?FAILED(?: \([^)]*\))?$/gm;

/** A test that failed at the first attempt. */
export interface FailedTest {
  readonly file: string;
  readonly name: string;
}

/** The failed tests in the output of `deno test --parallel`, each once. */
export function failedTests(output: string): readonly FailedTest[] {
  const lines = stripVTControlCharacters(output).matchAll(FAILED);
  const tests = [...lines].map(([, file = "", name = ""]) => ({ file, name }));
  return tests.filter(({ file, name }, at) =>
    at === tests.findIndex((test) => test.file === file && test.name === name)
  );
}

/** Files with a failed test; none if they are too many. */
export function filesToRepeat(output: string): readonly string[] {
  const files = [...new Set(failedTests(output).map(({ file }) => file))];
  return files.length <= FILES_MAX ? files : [];
}

/** What a stage has counted when the repeated files passed: the tests of the others, and theirs. */
export function tallyAfter(first: string, second: string): Tally {
  // The last summary is that of the whole stage; others are of inner runs.
  const summary = stripVTControlCharacters(first).trimEnd().split("\n")
    .findLast((line) => /^(?:ok|FAILED) \| \d+ passed/.test(line)) ?? "";
  const { passed, ignored } = tallyOf(summary);
  const repeated = tallyOf(second);
  return { ...NOTHING, passed: passed + repeated.passed, ignored };
}
