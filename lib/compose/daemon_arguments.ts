/**
 * Reads the daemon's arguments: option names may be cut short as long as only
 * one fits, and options may follow the configuration's path.
 *
 * Source: docs/contract/cli.md B1; Python's argparse.
 */

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

const FLAGS = [
  "help",
  "version",
  "validate-config",
  "generate-sample-config",
  "generate-config",
  "dsn",
  "ignore-listen-port",
  "print",
] as const;

const SHORT: ReadonlyMap<string, string> = new Map([
  ["-h", "help"],
  ["-i", "ignore-listen-port"],
  ["-p", "print"],
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
  const [given = ""] = splitOnce(first);
  const flag = flagOf(given);
  const isShared = flag.kind === "known" &&
    (flag.name === "help" || flag.name === "version");
  return flag.kind === "known" && !isShared;
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
  let parsed: DaemonArguments = {
    mode: "run",
    path: null,
    dsn: null,
    isPortIgnored: false,
    isPrinted: false,
  };
  const paths: string[] = [];
  const words = [...argv];
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === "--") {
      paths.push(...words.splice(0));
    } else if (!word.startsWith("-") || word === "-") {
      paths.push(word);
    } else {
      const [given = "", inline] = splitOnce(word);
      const flag = flagOf(given);
      if (flag.kind === "wrong") return flag.text;
      const value = flag.name === "dsn" ? inline ?? words.shift() : null;
      if (value === undefined) return "argument --dsn: expected one argument";
      if (flag.name !== "dsn" && inline !== undefined) {
        return `argument --${flag.name}: ignored explicit argument '${inline}'`;
      }
      const next = withFlag(parsed, flag.name, value);
      if (typeof next === "string") return next;
      parsed = next;
    }
  }
  return paths.length > 1
    ? `unrecognized arguments: ${paths.slice(1).join(" ")}`
    : { ...parsed, path: paths[0] ?? null };
}

function splitOnce(word: string): readonly (string | undefined)[] {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

type Flag =
  | { readonly kind: "known"; readonly name: string }
  | { readonly kind: "wrong"; readonly text: string };

function flagOf(given: string): Flag {
  const short = SHORT.get(given);
  if (short !== undefined) return { kind: "known", name: short };
  const wanted = given.slice(2);
  const isLong = given.startsWith("--");
  const exact = FLAGS.filter((name) => isLong && name === wanted);
  const found = exact.length > 0
    ? exact
    : FLAGS.filter((name) => isLong && name.startsWith(wanted));
  const [name] = found;
  if (name === undefined) {
    return { kind: "wrong", text: `unrecognized arguments: ${given}` };
  }
  if (found.length === 1) return { kind: "known", name };
  const matches = found.map((each) => `--${each}`).join(", ");
  return {
    kind: "wrong",
    text: `ambiguous option: ${given} could match ${matches}`,
  };
}

function withFlag(
  parsed: DaemonArguments,
  name: string,
  value: string | null,
): DaemonArguments | string {
  switch (name) {
    case "dsn":
      return { ...parsed, dsn: value };
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
