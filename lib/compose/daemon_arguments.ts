/**
 * Reads the daemon's arguments: option names may be cut short as long as only
 * one fits, and options may follow the configuration's path.
 *
 * Source: docs/contract/cli.md B1; Python's argparse.
 */
import { piecesOf, type Spelling } from "../cli/words.ts";

/** What the arguments ask for. */
export type DaemonMode =
  | "run"
  | "help"
  | "version"
  | "validate-config"
  | "generate-sample-config"
  | "generate-config";

/** The arguments. */
export interface DaemonArguments {
  readonly mode: DaemonMode;
  /** File or directory; for the generators the file to write. */
  readonly path: string | null;
  readonly dsn: string | null;
  readonly isPortIgnored: boolean;
  readonly isPrinted: boolean;
}

const SPELLINGS: readonly Spelling[] = [
  { flag: "--help", takes: "nothing" },
  { flag: "--version", takes: "nothing" },
  { flag: "--validate-config", takes: "nothing" },
  { flag: "--generate-sample-config", takes: "nothing" },
  { flag: "--generate-config", takes: "nothing" },
  { flag: "--dsn", takes: "value" },
  { flag: "--ignore-listen-port", takes: "nothing" },
  { flag: "--print", takes: "nothing" },
  { flag: "-h", takes: "nothing" },
  { flag: "-i", takes: "nothing" },
  { flag: "-p", takes: "nothing" },
];

/** What the short ones stand for. */
const LONG: ReadonlyMap<string, string> = new Map([
  ["-h", "--help"],
  ["-i", "--ignore-listen-port"],
  ["-p", "--print"],
]);

const MODES: readonly DaemonMode[] = [
  "validate-config",
  "generate-sample-config",
  "generate-config",
];

/**
 * Whether arguments without a command are the daemon's, as `patroni` takes them:
 * a configuration, or one of its options.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.ok(isDaemonCall(["--validate-config", "a.yml"]));
 * assert.ok(isDaemonCall(["/etc/a.yml", "-i", "--validate-config"]));
 * assert.ok(!isDaemonCall(["list", "-c", "a.yml"]));
 * ```
 */
export function isDaemonCall(argv: readonly string[]): boolean {
  const [first] = argv;
  if (first === undefined) return false;
  if (!first.startsWith("-")) return /\.ya?ml$|\//.test(first);
  const flags = flagsLike(nameOf(first));
  const isShared = flags.includes("--help") || flags.includes("--version") ||
    first === "-h";
  return flags.length === 1 && !isShared;
}

/** The usage lines, as stderr shows them above an error. */
export function daemonUsage(program: string): string {
  const indent = " ".repeat(`usage: ${program} `.length);
  return [
    `usage: ${program} [-h] [--version]`,
    `${indent}[--validate-config | --generate-sample-config | --generate-config]`,
    `${indent}[--dsn DSN] [--ignore-listen-port] [--print]`,
    `${indent}[configfile]`,
  ].join("\n");
}

/** The arguments, or what is wrong with them. */
export function parseDaemonArguments(
  argv: readonly string[],
): DaemonArguments | string {
  const end = argv.indexOf("--");
  const words = end === -1 ? argv : argv.slice(0, end);
  const unclear = words.filter((word) => flagsLike(nameOf(word)).length > 1)[0];
  if (unclear !== undefined) {
    const given = nameOf(unclear);
    const matches = flagsLike(given).join(", ");
    return `ambiguous option: ${given} could match ${matches}`;
  }
  const spelled = [...words.map(spelledOut), ...argv.slice(words.length)];
  let parsed: DaemonArguments = {
    mode: "run",
    path: null,
    dsn: null,
    isPortIgnored: false,
    isPrinted: false,
  };
  const paths: string[] = [];
  for (const piece of piecesOf(spelled, SPELLINGS)) {
    if (piece.kind === "argument") paths.push(piece.text);
    else if (piece.kind === "unknown") {
      return `unrecognized arguments: ${piece.flag}`;
    } else {
      const next = withOption(parsed, piece.flag, piece.value);
      if (typeof next === "string") return next;
      parsed = next;
    }
  }
  return paths.length > 1
    ? `unrecognized arguments: ${paths.slice(1).join(" ")}`
    : { ...parsed, path: paths[0] ?? null };
}

/** An option's name without its value. */
function nameOf(word: string): string {
  return word.startsWith("--") ? word.split("=", 1)[0] ?? word : word;
}

/** The options that a name may mean: itself, or all that begin with it. */
function flagsLike(name: string): readonly string[] {
  const flags = SPELLINGS.map(({ flag }) => flag);
  if (flags.includes(name)) return [name];
  return name.startsWith("--")
    ? flags.filter((flag) => flag.startsWith(name))
    : [];
}

function spelledOut(word: string): string {
  const name = nameOf(word);
  return (flagsLike(name)[0] ?? name) + word.slice(name.length);
}

function withOption(
  parsed: DaemonArguments,
  flag: string,
  value: string | null,
): DaemonArguments | string {
  const name = (LONG.get(flag) ?? flag).slice(2);
  if (name === "dsn") {
    return value === null
      ? "argument --dsn: expected one argument"
      : { ...parsed, dsn: value };
  }
  return value === null
    ? withFlag(parsed, name)
    : `argument --${name}: ignored explicit argument '${value}'`;
}

function withFlag(
  parsed: DaemonArguments,
  name: string,
): DaemonArguments | string {
  switch (name) {
    case "ignore-listen-port":
      return { ...parsed, isPortIgnored: true };
    case "print":
      return { ...parsed, isPrinted: true };
    case "help":
    case "version":
      return parsed.mode === "help" || parsed.mode === "version"
        ? parsed
        : { ...parsed, mode: name };
  }
  const mode = MODES.find((each) => each === name);
  if (mode === undefined || mode === parsed.mode) return parsed;
  if (MODES.includes(parsed.mode)) {
    return `argument --${mode}: not allowed with argument --${parsed.mode}`;
  }
  return parsed.mode === "run" ? { ...parsed, mode } : parsed;
}
