/**
 * What is wrong with a configuration, and how the operator is told.
 *
 * A `ConfigError` carries all problems at once. Values are masked here, so
 * that no other file has to think of it.
 */
import { textForm } from "../core/calc/documents/config_merge.ts";
import { isSecretKey, redact } from "./secrets.ts";

/** One value that cannot be used. */
export interface ConfigProblem {
  /** Dotted path, list elements by index: `postgresql.pg_hba.0`. */
  readonly path: string;
  /** The value as given; `undefined` when it is missing. */
  readonly value: unknown;
  /** What is wanted, as the end of "wanted ...". */
  readonly wanted: string;
}

/** Something that is accepted, but probably not what its author meant. */
export interface ConfigWarning {
  readonly path: string;
  /** A whole sentence that names the key, without secrets; `password: ` would look like one. */
  readonly text: string;
}

/** Parts of a `ConfigError` besides the texts for stderr. */
export interface ConfigErrorDetails {
  readonly problems?: readonly ConfigProblem[];
  /** Lines to log at error level before the message goes to stderr. */
  readonly logs?: readonly string[];
}

const SHOWN_LENGTH_MAX = 120;

/**
 * The configuration cannot be used; `message` is the text for stderr.
 *
 * The program exits with 1 before it touches anything. On a reload the earlier
 * configuration stays in force.
 */
export class ConfigError extends Error {
  override readonly name: string = "ConfigError";
  readonly problems: readonly ConfigProblem[];
  readonly logs: readonly string[];

  constructor(message: string, details: ConfigErrorDetails = {}) {
    super(message);
    this.problems = details.problems ?? [];
    this.logs = details.logs ?? [];
  }
}

/**
 * Error that lists every problem, one per line, under a line that counts them.
 *
 * @param problems At least one.
 */
export function configErrorOf(problems: readonly ConfigProblem[]): ConfigError {
  const count = problems.length === 1
    ? "1 problem"
    : `${problems.length} problems`;
  const lines = problems.map((problem) => `  ${formatProblem(problem)}`);
  return new ConfigError(
    [`The configuration has ${count}:`, ...lines].join("\n"),
    { problems },
  );
}

/** One line without secrets: path, value, what is wanted. */
export function formatProblem(problem: ConfigProblem): string {
  const { path, value, wanted } = problem;
  if (value === undefined || value === null) {
    return `${path} is missing, wanted ${wanted}`;
  }
  const shown = shownValue(path, value);
  // `password: text` is what the log masks: the sentence must not look like it.
  return isSecretKey(lastPart(path))
    ? `${path} is wrong (got ${shown}), wanted ${wanted}`
    : `${path}: got ${shown}, wanted ${wanted}`;
}

function lastPart(path: string): string {
  return path.split(".").at(-1) ?? "";
}

function shownValue(path: string, value: unknown): string {
  const shown = redact(value, lastPart(path));
  const text = typeof shown === "string" ? `"${shown}"` : textForm(shown);
  return text.length <= SHOWN_LENGTH_MAX
    ? text
    : `${text.slice(0, SHOWN_LENGTH_MAX)}...`;
}
