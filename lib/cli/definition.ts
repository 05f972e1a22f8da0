/**
 * What a command is: its name, what it accepts, and what it does. The table of
 * definitions is the only place that the parser and the help text read.
 */
import type { CliContext, ListedCommand } from "./context.ts";
import type { Invocation } from "./invocation.ts";
import type { Session } from "./session.ts";

/** What follows an option on the command line; a list names the choices. */
export type OptionValue =
  | "none"
  | "text"
  | "integer"
  | "float"
  | readonly string[];

/** One option with all its spellings. */
export interface OptionDefinition {
  /** In the order that messages name them; the first identifies the option. */
  readonly flags: readonly string[];
  readonly value: OptionValue;
  /** May be given several times; otherwise the last one counts. */
  readonly isRepeatable?: boolean;
  readonly help: string;
}

/** One positional argument; "any" takes all that are left, also none. */
export interface ArgumentDefinition {
  /** As usage lines show it, for example `CLUSTER_NAME`. */
  readonly name: string;
  /** "last" is required and is whatever stands at the very end. */
  readonly arity: "required" | "optional" | "any" | "last";
  /** Its possible texts; absent: any text. Only "last" is checked for you. */
  readonly choices?: readonly string[];
}

/** What every command of this program says of itself. */
interface CommandSyntax extends ListedCommand {
  /** Ours: `patronictl` does not know it. */
  readonly isOwn?: true;
  /** Options that it does not know become arguments: a caller adds its own. */
  readonly isLenient?: true;
  readonly arguments: readonly ArgumentDefinition[];
  readonly options: readonly OptionDefinition[];
}

/** A command that needs a configuration and, mostly, the DCS. */
export interface OnlineCommand extends CommandSyntax {
  /** Ends normally for exit code 0; everything else is thrown (`errors.ts`). */
  readonly run: (invocation: Invocation, session: Session) => Promise<void>;
}

/** A command that needs neither, or not always. */
export interface OfflineCommand extends CommandSyntax {
  /** As `run` above. */
  readonly runOffline: (
    invocation: Invocation,
    deps: OfflineDeps,
  ) => Promise<void>;
}

/** What an offline command works with. */
export interface OfflineDeps {
  readonly context: CliContext;
  /** The program's own options, for `loadSettings`. */
  readonly globals: Invocation;
  /** Those that this program knows under its name. */
  readonly commands: readonly CommandDefinition[];
}

/** A command of this program. */
export type CommandDefinition = OnlineCommand | OfflineCommand;

/** `--group`, shared by nearly all commands. */
export const GROUP_OPTION: OptionDefinition = {
  flags: ["--group"],
  value: "integer",
  help: "Citus group",
};

/** `--force`, shared by all commands that ask questions. */
export const FORCE_OPTION: OptionDefinition = {
  flags: ["--force"],
  value: "none",
  help: "Ask nothing, do it",
};

/** `-W`, every two seconds. */
export const AUTO_WATCH_OPTION: OptionDefinition = {
  flags: ["-W"],
  value: "none",
  help: "Repeat every 2 seconds",
};

/** `-w SECONDS`, wins over `-W`. */
export const WATCH_OPTION: OptionDefinition = {
  flags: ["-w", "--watch"],
  value: "float",
  help: "Repeat every given number of seconds",
};

/** `-f`, how tables are printed. */
export const FORMAT_OPTION: OptionDefinition = {
  flags: ["--format", "-f"],
  value: ["pretty", "tsv", "json", "yaml", "yml"],
  help: "Output format",
};

/** `-r`, which members by what they are. */
export const ROLE_OPTION: OptionDefinition = {
  flags: ["--role", "-r"],
  value: ["leader", "primary", "standby-leader", "replica", "standby", "any"],
  help: "Only members with this role",
};

/** CLUSTER, `scope` of the configuration by default. */
export const CLUSTER_ARGUMENT: ArgumentDefinition = {
  name: "CLUSTER_NAME",
  arity: "optional",
};

/** CLUSTER where it must be given. */
export const REQUIRED_CLUSTER_ARGUMENT: ArgumentDefinition = {
  name: "CLUSTER_NAME",
  arity: "required",
};

/** Members by name; none means all. */
export const MEMBERS_ARGUMENT: ArgumentDefinition = {
  name: "MEMBER_NAMES",
  arity: "any",
};
