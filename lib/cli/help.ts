/** Usage lines and help texts, drawn from the command definitions. */
import { GLOBAL_OPTIONS, HELP_OPTION } from "./arguments.ts";
import type { ListedCommand } from "./context.ts";
import type {
  ArgumentDefinition,
  CommandDefinition,
  OptionDefinition,
} from "./definition.ts";

const WIDTH_MAX = 78;
const LEFT_WIDTH_MAX = 30;

/** `Usage: ...` of a command, or of the program. */
function usageLine(
  programPath: string,
  command: CommandDefinition | null,
): string {
  if (command === null) {
    return `Usage: ${programPath} [OPTIONS] COMMAND [ARGS]...`;
  }
  const head = `Usage: ${programPath} ${command.name} `;
  const pieces = ["[OPTIONS]", ...command.arguments.map(argumentText)];
  const indent = "\n" + " ".repeat(head.length);
  return head + wrap(pieces.join(" "), WIDTH_MAX - head.length).join(indent);
}

/** The two lines that stand above a usage error. */
export function usageHint(
  programPath: string,
  command: CommandDefinition | null,
): string {
  const path = command === null
    ? programPath
    : `${programPath} ${command.name}`;
  return `${usageLine(programPath, command)}\nTry '${path} --help' for help.`;
}

/** The whole help text of one command. */
export function commandHelp(
  programPath: string,
  command: CommandDefinition,
): string {
  return [
    usageLine(programPath, command),
    "",
    `  ${command.summary}`,
    "",
    "Options:",
    ...twoColumns([...command.options, HELP_OPTION].map(optionRow)),
    "",
  ].join("\n");
}

/** The whole help text of the program; commands are listed alphabetically. */
export function programHelp(
  programPath: string,
  commands: readonly ListedCommand[],
): string {
  const rows = commands
    .map(({ name, summary }): [string, string] => [name, summary])
    .toSorted(([a], [b]) => a < b ? -1 : 1);
  return [
    usageLine(programPath, null),
    "",
    "  See and change clusters of PostgreSQL members.",
    "",
    "Options:",
    ...twoColumns([...GLOBAL_OPTIONS, HELP_OPTION].map(optionRow)),
    "",
    "Commands:",
    ...twoColumns(rows),
    "",
  ].join("\n");
}

function argumentText({ name, arity }: ArgumentDefinition): string {
  if (arity === "required" || arity === "last") return name;
  return arity === "optional" ? `[${name}]` : `[${name}]...`;
}

function optionRow(option: OptionDefinition): [string, string] {
  const shortFirst = option.flags.toSorted((a, b) =>
    Number(a.startsWith("--")) - Number(b.startsWith("--"))
  );
  const value = valueName(option);
  return [
    `${shortFirst.join(", ")}${value === "" ? "" : ` ${value}`}`,
    option.help,
  ];
}

function valueName({ value }: OptionDefinition): string {
  if (value === "none") return "";
  return typeof value === "string"
    ? value.toUpperCase()
    : `[${value.join("|")}]`;
}

function twoColumns(rows: readonly (readonly [string, string])[]): string[] {
  const widths = rows.map(([left]) => left.length)
    .filter((width) => width <= LEFT_WIDTH_MAX);
  const indent = Math.max(0, ...widths) + 4;
  return rows.flatMap(([left, right]) => {
    const [first = "", ...rest] = wrap(right, WIDTH_MAX - indent);
    const tail = rest.map((line) => " ".repeat(indent) + line);
    const head = `  ${left}`;
    if (left.length > LEFT_WIDTH_MAX) {
      return [head, " ".repeat(indent) + first, ...tail];
    }
    return [head.padEnd(indent) + first, ...tail];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > width) {
      lines.push(word);
    } else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines;
}
