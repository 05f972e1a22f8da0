/**
 * Turns option lists of the configuration into arguments of programs, and
 * splits command lines as a shell would, without running one.
 */
import {
  type ConfigMap,
  isConfigMap,
} from "../core/calc/documents/config_merge.ts";
import { isTruthyFlag } from "../core/base/scalars.ts";

/** Options as arguments, and what could not become one. */
export interface OptionArguments {
  readonly args: readonly string[];
  /** One sentence part per refused option, without its value. */
  readonly refused: readonly string[];
}

/** Options that the agent sets itself when it runs initdb. */
export const INITDB_FORBIDDEN: ReadonlySet<string> = new Set([
  "pgdata",
  "nosync",
  "pwfile",
  "sync-only",
  "version",
]);

/** Options that the agent sets itself when it runs pg_basebackup. */
export const BASEBACKUP_FORBIDDEN: ReadonlySet<string> = new Set(
  "pgdata format wal-method xlog-method gzip version dbname host port username password"
    .split(" "),
);

/** Options that the agent sets itself when it runs pg_rewind, and a run that does nothing. */
export const REWIND_FORBIDDEN: ReadonlySet<string> = new Set(
  `target-pgdata source-pgdata source-server restore-target-wal config-file
  write-recovery-conf no-ensure-shutdown dry-run progress version help`
    .split(/\s+/),
);

/**
 * Arguments of a list (`opt`, `{opt: value}`) or a map (`key: value`).
 *
 * In a list a bare text is `--opt`; values lose one level of quotes. In a map
 * only pairs with a truthy value count.
 *
 * @param options The configured value; absent means none.
 * @param forbidden Long option names that are refused.
 *
 * Source: Patroni 4.1.4 `bootstrap.py`, process_user_options.
 */
export function optionArguments(
  options: unknown,
  forbidden: ReadonlySet<string>,
): OptionArguments {
  const args: string[] = [];
  const refused: string[] = [];
  for (const option of optionPairs(options)) {
    const argument = optionArgument(option);
    if (argument === null) refused.push(`option ${option.place} is malformed`);
    else if (forbidden.has(option.name)) {
      refused.push(`option ${option.name} is set by the agent`);
    } else args.push(argument);
  }
  return { args, refused };
}

/**
 * Words of a command line by shell quoting rules, `null` when a quote is open
 * or there are none.
 */
export function splitCommand(command: string): readonly string[] | null {
  const words: string[] = [];
  const token = /\s*((?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+)/gy;
  let end = 0;
  for (const match of command.matchAll(token)) {
    words.push(unquotedWord(match[1] ?? ""));
    end = match.index + match[0].length;
  }
  return words.length > 0 && command.slice(end).trim() === "" ? words : null;
}

interface OptionPair {
  readonly name: string;
  /** `undefined`: a switch without value. */
  readonly value: unknown;
  /** Where it stands, for messages: its name or its index. */
  readonly place: string;
}

function optionPairs(options: unknown): OptionPair[] {
  if (options === null || options === undefined) return [];
  if (isConfigMap(options)) return truthyPairs(options);
  if (!Array.isArray(options)) {
    return [{ name: "", value: null, place: "list" }];
  }
  return options.map((item, index) => {
    const place = String(index);
    if (typeof item === "string") {
      return { name: item, value: undefined, place };
    }
    const [pair, ...others] = isConfigMap(item) ? Object.entries(item) : [];
    if (pair === undefined || others.length > 0) {
      return { name: "", value: null, place };
    }
    return { name: pair[0], value: pair[1], place };
  });
}

function truthyPairs(options: ConfigMap): OptionPair[] {
  return Object.entries(options)
    .filter(([, value]) => isTruthyFlag(value))
    .map(([name, value]) => ({
      name,
      value: value === true ? "True" : value,
      place: name,
    }));
}

function optionArgument({ name, value }: OptionPair): string | null {
  if (name === "") return null;
  if (value === undefined) return `--${name}`;
  if (typeof value === "number") return `--${name}=${value}`;
  if (typeof value !== "string") return null;
  return `--${name}=${value.replace(/^(['"])([\s\S]*)\1$/, "$2")}`;
}

function unquotedWord(word: string): string {
  return word.replace(
    /\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*"/g,
    unquotedPart,
  );
}

function unquotedPart(part: string): string {
  if (part.startsWith("\\")) return part.slice(1);
  const inner = part.slice(1, -1);
  return part.startsWith("'") ? inner : inner.replace(/\\([\\"$`])/g, "$1");
}
