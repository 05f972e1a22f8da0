/**
 * Reads the command line and answers as click does: the texts of mistakes and
 * the rules of docs/contract/cli.md A1 are an observable interface.
 *
 * Values are checked here, so commands get numbers as numbers and only known
 * choices.
 */
import { nearest } from "../config/known_keys.ts";
import type { CommandDefinition, OptionDefinition } from "./definition.ts";
import { HelpRequest, UsageError } from "./errors.ts";
import { Invocation } from "./invocation.ts";
import { piecesOf, type Spelling } from "./words.ts";

/** `--help`, on the program and on every command; `-h` is not accepted. */
export const HELP_OPTION: OptionDefinition = {
  flags: ["--help"],
  value: "none",
  help: "Show this text",
};

/** The program's own options; they stand before the command. */
export const GLOBAL_OPTIONS: readonly OptionDefinition[] = [
  {
    flags: ["-c", "--config-file"],
    value: "text",
    help: "Configuration file or directory",
  },
  {
    flags: ["-d", "--dcs-url", "--dcs"],
    value: "text",
    help: "Address of the DCS, for example etcd3://host:2379",
  },
  {
    flags: ["-k", "--insecure"],
    value: "none",
    help: "Do not verify the certificates of REST servers",
  },
];

/** What the command line asks for. */
export interface ParsedArguments {
  readonly command: CommandDefinition;
  readonly globals: Invocation;
  readonly invocation: Invocation;
}

type Values = Map<string, (string | number | true)[]>;

/** What one part of the line came to, the program's own or the command's. */
interface Part {
  readonly values: Values;
  readonly positionals: readonly string[];
}

/**
 * Reads the arguments after the program's name.
 *
 * @throws {UsageError} If they are wrong.
 * @throws {HelpRequest} If there are none, or `--help` is among them.
 */
export function parseArguments(
  argv: readonly string[],
  commands: readonly CommandDefinition[],
): ParsedArguments {
  if (argv.length === 0) throw new HelpRequest(null);
  const program = { name: null, options: GLOBAL_OPTIONS };
  const at = piecesOf(argv, spellingsOf(GLOBAL_OPTIONS))
    .find(({ kind }) => kind === "argument")?.at ?? argv.length;
  const globals = readPart(argv.slice(0, at), program);
  const word = argv[at];
  if (word === undefined) throw new UsageError(null, "Missing command.");
  const command = commands.find(({ name }) => name === word);
  if (command === undefined) {
    const near = hint(word, commands.map(({ name }) => name));
    throw new UsageError(null, `No such command '${word}'.${near}`);
  }
  const { values, positionals } = readPart(argv.slice(at + 1), command);
  checkCount(command, positionals);
  checkLast(command, positionals);
  return {
    command,
    globals: new Invocation(globals.values, []),
    invocation: new Invocation(values, positionals),
  };
}

/** Whose words they are: a command's, or the program's own. */
interface Owner {
  readonly name: string | null;
  readonly options: readonly OptionDefinition[];
  /** Options that it does not know become arguments. */
  readonly isLenient?: true;
}

function spellingsOf(options: readonly OptionDefinition[]): Spelling[] {
  return [...options, HELP_OPTION].flatMap(({ flags, value }) =>
    flags.map((flag): Spelling => ({
      flag,
      takes: value === "none" ? "nothing" : "value",
    }))
  );
}

/** As click does: first what cannot be read, then help, then wrong values. */
function readPart(argv: readonly string[], owner: Owner): Part {
  const given: GivenOption[] = [];
  const positionals = new Map<number, string>();
  for (const piece of piecesOf(argv, spellingsOf(owner.options))) {
    if (piece.kind === "option") given.push(givenOption(piece, owner));
    else if (piece.kind === "argument") positionals.set(piece.at, piece.text);
    else if (owner.isLenient) positionals.set(piece.at, argv[piece.at] ?? "");
    else {
      const text = noSuchOption(piece.flag, owner.options);
      throw new UsageError(owner.name, text);
    }
  }
  if (given.some(({ definition }) => definition === HELP_OPTION)) {
    throw new HelpRequest(owner.name);
  }
  const values: Values = new Map();
  for (const { definition, text } of given) {
    const key = definition.flags[0] ?? "";
    const value = checkedValue(definition, text, owner.name);
    values.set(key, [...values.get(key) ?? [], value]);
  }
  return { values, positionals: [...positionals.values()] };
}

interface GivenOption {
  readonly definition: OptionDefinition;
  readonly text: string | null;
}

function givenOption(
  { flag, value: text }: {
    readonly flag: string;
    readonly value: string | null;
  },
  { name, options }: Owner,
): GivenOption {
  const definition = options.find(({ flags }) => flags.includes(flag)) ??
    HELP_OPTION;
  const hasValue = definition.value !== "none";
  if (hasValue === (text !== null)) return { definition, text };
  const wrong = hasValue ? "requires an argument" : "does not take a value";
  throw new UsageError(name, `Option '${flag}' ${wrong}.`);
}

function noSuchOption(
  typed: string,
  options: readonly OptionDefinition[],
): string {
  if (!typed.startsWith("--")) return `No such option: ${typed}`;
  const flag = typed.split("=", 1)[0] ?? typed;
  const known = [...options, HELP_OPTION].flatMap(({ flags }) => flags);
  return `No such option: ${flag}${hint(flag, known)}`;
}

/** Neither fewer arguments than are required, nor more than there are. */
function checkCount(
  { name, arguments: wanted }: CommandDefinition,
  given: readonly string[],
): void {
  const missing = wanted.slice(given.length)
    .find(({ arity }) => arity === "required");
  if (missing !== undefined) {
    throw new UsageError(name, `Missing argument '${missing.name}'.`);
  }
  if (wanted.some(({ arity }) => arity === "any")) return;
  const extra = given.slice(wanted.length);
  if (extra.length === 0) return;
  const noun = extra.length === 1 ? "argument" : "arguments";
  throw new UsageError(
    name,
    `Got unexpected extra ${noun} (${extra.join(" ")})`,
  );
}

function checkLast(
  { name, arguments: wanted }: CommandDefinition,
  given: readonly string[],
): void {
  const last = wanted.at(-1);
  if (last?.arity !== "last") return;
  const text = given.length < 2 ? undefined : given.at(-1);
  const choices = last.choices ?? [];
  if (text === undefined) {
    const list = choices.map((choice) => `\t${choice}`).join(",\n");
    throw new UsageError(
      name,
      `Missing argument '${last.name}'. Choose from:\n${list}`,
    );
  }
  if (choices.includes(text)) return;
  const quoted = choices.map((choice) => `'${choice}'`).join(", ");
  throw new UsageError(
    name,
    `Invalid value for '${last.name}': '${text}' is not one of ${quoted}.`,
  );
}

function checkedValue(
  { flags, value }: OptionDefinition,
  text: string | null,
  commandName: string | null,
): string | number | true {
  if (value === "none" || text === null) return true;
  const fail = (what: string): UsageError => {
    const names = flags.map((flag) => `'${flag}'`).join(" / ");
    return new UsageError(
      commandName,
      `Invalid value for ${names}: '${text}' ${what}`,
    );
  };
  if (value === "text") return text;
  if (value === "integer") {
    if (/^\s*[-+]?\d+\s*$/.test(text)) return Number(text);
    throw fail("is not a valid integer.");
  }
  if (value === "float") {
    const number = Number(text);
    if (text.trim() !== "" && Number.isFinite(number)) return number;
    throw fail("is not a valid float.");
  }
  if (value.includes(text)) return text;
  const choices = value.map((choice) => `'${choice}'`).join(", ");
  throw fail(`is not one of ${choices}.`);
}

/** ` Did you mean x?` if one of the known words is near. */
function hint(given: string, known: readonly string[]): string {
  const begun = known.filter((word) =>
    given.length > 3 && word.startsWith(given)
  );
  const near = begun.length === 1 ? begun[0] : nearest(given, known);
  return near === null || near === undefined ? "" : ` Did you mean ${near}?`;
}
