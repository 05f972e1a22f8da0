/**
 * Reads the command line with commander, but answers as click does: the texts
 * of mistakes and the rules of docs/contract/cli.md A1 are an observable interface.
 *
 * Values are checked here, so commands get numbers as numbers and only known
 * choices.
 */
import { Command, CommanderError, Option } from "commander";
import { nearest } from "../config/known_keys.ts";
import type {
  ArgumentDefinition,
  CommandDefinition,
  OptionDefinition,
} from "./definition.ts";
import { HelpRequest, UsageError } from "./errors.ts";
import { Invocation } from "./invocation.ts";

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
  const found: ParsedArguments[] = [];
  const globals: Values = new Map();
  const program = quietCommand(null, {
    options: GLOBAL_OPTIONS,
    commands: commands.map(({ name }) => name),
  });
  program.enablePositionalOptions().helpCommand(false);
  addOptions(program, { name: null, options: GLOBAL_OPTIONS, values: globals });
  for (const definition of commands) {
    program.addCommand(commandFor(definition, (invocation) => {
      found.push({
        command: definition,
        globals: new Invocation(globals, []),
        invocation,
      });
    }));
  }
  program.parse([...argv], { from: "user" });
  const parsed = found[0];
  if (parsed === undefined) throw new UsageError(null, "Missing command.");
  return parsed;
}

function commandFor(
  definition: CommandDefinition,
  onParsed: (invocation: Invocation) => void,
): Command {
  const values: Values = new Map();
  const command = quietCommand(definition.name, {
    options: definition.options,
    commands: [],
  });
  for (const argument of definition.arguments) {
    // Commander takes nothing after a list: the last of it is checked below.
    if (argument.arity !== "last") command.argument(argumentSyntax(argument));
  }
  const { name, options } = definition;
  if (definition.isLenient) command.allowUnknownOption();
  addOptions(command, { name, options, values });
  command.action(() => {
    checkLast(definition, command.args);
    onParsed(new Invocation(values, command.args));
  });
  return command;
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

/** A command that neither prints nor exits, but throws our own errors. */
function quietCommand(name: string | null, words: KnownWords): Command {
  const command = new Command(name ?? "program");
  command.helpOption(false).showSuggestionAfterError(false);
  command.configureOutput({ writeErr: ignore, outputError: ignore });
  command.exitOverride((error) => {
    const text = complaint(error, { ...words, received: command.args });
    throw new UsageError(name, text);
  });
  return command;
}

function ignore(): void {}

function argumentSyntax({ name, arity }: ArgumentDefinition): string {
  if (arity === "required") return `<${name}>`;
  return arity === "optional" ? `[${name}]` : `[${name}...]`;
}

interface OptionTarget {
  readonly name: string | null;
  readonly options: readonly OptionDefinition[];
  readonly values: Values;
}

/** Commander knows at most two spellings of an option, so each is its own. */
function addOptions(command: Command, target: OptionTarget): void {
  for (const definition of [...target.options, HELP_OPTION]) {
    for (const flag of definition.flags) {
      const suffix = definition.value === "none" ? "" : " <value>";
      const option = new Option(`${flag}${suffix}`);
      command.addOption(option);
      command.on(`option:${option.name()}`, (text: string | null) => {
        if (definition === HELP_OPTION) throw new HelpRequest(target.name);
        const key = definition.flags[0] ?? flag;
        const value = checkedValue(definition, text, target.name);
        target.values.set(key, [...target.values.get(key) ?? [], value]);
      });
    }
  }
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

/** What may stand on the command line, for hints. */
interface KnownWords {
  readonly options: readonly OptionDefinition[];
  readonly commands: readonly string[];
}

interface ComplaintFacts extends KnownWords {
  /** What was left for the arguments when the error happened. */
  readonly received: readonly string[];
}

/** Commander names what is wrong only inside its message, in quotes. */
function complaint(error: CommanderError, facts: ComplaintFacts): string {
  const named = /'([^]*)'/.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.unknownOption":
      return unknownOption(named, facts.options);
    case "commander.unknownCommand":
      return `No such command '${named}'.${hint(named, facts.commands)}`;
    case "commander.missingArgument":
      return `Missing argument '${named}'.`;
    case "commander.optionMissingArgument":
      return `Option '${named.split(" ")[0]}' requires an argument.`;
    case "commander.excessArguments":
      return extraArguments(facts.received, error.message);
    case "commander.help":
      return "Missing command.";
    default:
      return error.message.replace(/^error: /, "");
  }
}

function unknownOption(
  given: string,
  options: readonly OptionDefinition[],
): string {
  if (!given.startsWith("--")) return `No such option: ${given.slice(0, 2)}`;
  const flag = given.split("=", 1)[0] ?? given;
  const known = [...options, HELP_OPTION].flatMap(({ flags }) => flags);
  return known.includes(flag)
    ? `Option '${flag}' does not take a value.`
    : `No such option: ${flag}${hint(flag, known)}`;
}

/** ` Did you mean x?` if one of the known words is near. */
function hint(given: string, known: readonly string[]): string {
  const begun = known.filter((word) =>
    given.length > 3 && word.startsWith(given)
  );
  const near = begun.length === 1 ? begun[0] : nearest(given, known);
  return near === null || near === undefined ? "" : ` Did you mean ${near}?`;
}

/** Commander counts: "Expected 1 argument but got 3." */
function extraArguments(received: readonly string[], message: string): string {
  const expected = Number(/Expected (\d+)/.exec(message)?.[1] ?? 0);
  const extra = received.slice(expected);
  const noun = extra.length === 1 ? "argument" : "arguments";
  return `Got unexpected extra ${noun} (${extra.join(" ")})`;
}
