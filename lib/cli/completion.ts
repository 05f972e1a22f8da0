/**
 * Completion scripts for shells, made from the command definitions: what the
 * parser accepts is what the shell offers.
 */
import { GLOBAL_OPTIONS, HELP_OPTION } from "./arguments.ts";
import type { ListedCommand } from "./context.ts";
import type { CommandDefinition, OptionDefinition } from "./definition.ts";

/** The shells that there are scripts for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** What is completed. */
export interface CompletionInput {
  /** The program as the user types it. */
  readonly program: string;
  readonly commands: readonly CommandDefinition[];
  /** Commands of the main file; only their names are known. */
  readonly others: readonly ListedCommand[];
}

/** The script for that shell, ending in a newline. */
export function completionScript(
  shell: typeof SHELLS[number],
  input: CompletionInput,
): string {
  switch (shell) {
    case "bash":
      return bashScript(input);
    case "zsh":
      return zshScript(input);
    case "fish":
      return fishScript(input);
  }
}

function optionsOf(
  command: CommandDefinition | null,
): readonly OptionDefinition[] {
  return [...command?.options ?? GLOBAL_OPTIONS, HELP_OPTION];
}

function flagsOf(command: CommandDefinition | null): string {
  return optionsOf(command).flatMap(({ flags }) => flags).join(" ");
}

function choicesOf({ value }: OptionDefinition): readonly string[] {
  return typeof value === "string" ? [] : value;
}

function argumentChoices(command: CommandDefinition): readonly string[] {
  return command.arguments.flatMap(({ choices }) => choices ?? []);
}

function functionName(program: string): string {
  return `_${program.replace(/\W/g, "_")}`;
}

function nameList({ commands, others }: CompletionInput): readonly string[] {
  return [...commands, ...others].map(({ name }) => name).toSorted();
}

/** Options that take a value: the word after them is no command. */
function valueFlags(options: readonly OptionDefinition[]): string {
  return options.filter(({ value }) => value !== "none")
    .flatMap(({ flags }) => flags).join("|");
}

function bashScript(input: CompletionInput): string {
  const { program, commands } = input;
  const name = functionName(program);
  const words = [...nameList(input), flagsOf(null)].join(" ");
  const perCommand = commands.map((command) => {
    const offered = [...argumentChoices(command), flagsOf(command)].join(" ");
    const values = optionsOf(command).flatMap((option) => {
      const choices = choicesOf(option).join(" ");
      return choices === ""
        ? []
        : [`        ${option.flags.join("|")}) words="${choices}" ;;`];
    });
    const cases = values.length === 0
      ? []
      : ['      case "$before" in', ...values, "      esac"];
    return [
      `    ${command.name})`,
      `      words="${offered}"`,
      ...cases,
      "      ;;",
    ]
      .join("\n");
  });
  return `# bash completion for ${program}
${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  local command= words= at=1
  while [ "$at" -lt "$COMP_CWORD" ]; do
    case "\${COMP_WORDS[at]}" in
      ${valueFlags(GLOBAL_OPTIONS)}) at=$((at + 1)) ;;
      -*|ctl) ;;
      *) command=\${COMP_WORDS[at]}; break ;;
    esac
    at=$((at + 1))
  done
  case "$command" in
    "") words="${words}" ;;
${perCommand.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F ${name} ${program}
`;
}

function zshScript(input: CompletionInput): string {
  const { program, commands, others } = input;
  const name = functionName(program);
  const listed = [...commands, ...others]
    .toSorted((a, b) => a.name < b.name ? -1 : 1)
    .map((each) => `    ${zshQuoted(`${each.name}:${each.summary}`)}`);
  const perCommand = commands.map((command) => {
    const lines = optionsOf(command).map((option) =>
      `        ${zshOption(option)}`
    );
    const choices = argumentChoices(command);
    const rest = choices.length === 0
      ? "*:name:"
      : `*:name:(${choices.join(" ")})`;
    return [
      `      ${command.name})`,
      "        _arguments \\",
      ...lines.map((line) => `  ${line} \\`),
      `          ${zshQuoted(rest)}`,
      "        ;;",
    ].join("\n");
  });
  const globals = GLOBAL_OPTIONS.map((option) => `    ${zshOption(option)} \\`);
  return `#compdef ${program}
${name}() {
  local context state line
  local -a commands
  commands=(
${listed.join("\n")}
  )
  _arguments -C \\
${globals.join("\n")}
    '1:command:->command' '*::arguments:->arguments'
  case $state in
    command) _describe command commands ;;
    arguments)
      case $line[1] in
${perCommand.join("\n")}
      esac
      ;;
  esac
}
compdef ${name} ${program}
`;
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zshOption(option: OptionDefinition): string {
  const help = option.help.replace(/[[\]:]/g, "\\$&");
  const choices = choicesOf(option);
  const value = option.value === "none"
    ? ""
    : `:value:${choices.length === 0 ? "" : `(${choices.join(" ")})`}`;
  const text = (flag: string): string => zshQuoted(`${flag}[${help}]${value}`);
  return option.flags.map(text).join(" ");
}

function fishScript(input: CompletionInput): string {
  const { program, commands, others } = input;
  const names = nameList(input).join(" ");
  const isBare = `not __fish_seen_subcommand_from ${names}`;
  const lines = [
    `# fish completion for ${program}`,
    `complete -c ${program} -f -n '${isBare}'`,
    ...[...commands, ...others].map((each) =>
      `complete -c ${program} -n '${isBare}' -a ${each.name} -d ${
        fishQuoted(each.summary)
      }`
    ),
    ...GLOBAL_OPTIONS.map((option) => fishOption(program, isBare, option)),
    ...commands.flatMap((command) => {
      const isHere = `__fish_seen_subcommand_from ${command.name}`;
      const choices = argumentChoices(command).join(" ");
      return [
        ...optionsOf(command).map((option) =>
          fishOption(program, isHere, option)
        ),
        ...(choices === ""
          ? []
          : [`complete -c ${program} -n '${isHere}' -a '${choices}'`]),
      ];
    }),
  ];
  return `${lines.join("\n")}\n`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

function fishOption(
  program: string,
  condition: string,
  option: OptionDefinition,
): string {
  const flags = option.flags.map((flag) =>
    flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
  );
  const choices = choicesOf(option).join(" ");
  const value = option.value === "none"
    ? ""
    : choices === ""
    ? " -r"
    : ` -x -a '${choices}'`;
  return `complete -c ${program} -n '${condition}' ${
    flags.join(" ")
  }${value} ` +
    `-d ${fishQuoted(option.help)}`;
}
