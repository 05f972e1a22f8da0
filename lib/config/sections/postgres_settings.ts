/**
 * The keys of `postgresql` that the dynamic document may set too. The same
 * schema checks the local file at start and the layered result later.
 *
 * Source: docs/contract/configuration.md 3.11.1, 3.11.4, 3.11.5.
 */
import { parseReal } from "../../core/base/scalars.ts";
import {
  isConfigMap,
  ownValue,
} from "../../core/calc/documents/config_merge.ts";
import { command as readCommand, isAbsent, Wanted } from "../fields.ts";
import {
  type KeyMap,
  readKeys,
  type SectionOf,
  type ValueType,
  withDefaults,
} from "../keys/key.ts";
import {
  anything,
  command,
  flag,
  map,
  scalarMap,
  text,
  textList,
  textMap,
  textOrNone,
  truth,
  unchecked,
} from "../keys/types.ts";
import {
  type Check,
  dictionary,
  each,
  either,
  integer,
  list,
  map as mapCheck,
  optional,
  type Place,
  string,
} from "../validate/checks.ts";

/** Events that a callback can be configured for. */
const CALLBACK_ACTIONS = [
  "on_start",
  "on_stop",
  "on_restart",
  "on_reload",
  "on_role_change",
] as const;

/** Programs whose names can be changed by `bin_name`. */
const PROGRAMS = [
  "pg_ctl",
  "initdb",
  "pg_controldata",
  "pg_basebackup",
  "postgres",
  "pg_isready",
  "pg_rewind",
] as const;

const PG_CTL_TIMEOUT_S = 60;

/** An explicit null means 0; what is no number means the default. */
const startTimeout: ValueType<number> = {
  read: (value) => {
    const timeout = value === null ? 0 : parseReal(value);
    return timeout === null || timeout < 0 ? PG_CTL_TIMEOUT_S : timeout;
  },
  isNullRead: true,
  check: integer({ min: 0 }),
  variable: "text",
};

const callbacks: ValueType<Readonly<Record<string, readonly string[]>>> = {
  ...unchecked(map),
  read: readCallbacks,
};

const linesOrText: Check = list(string);
/** Also for pg_rewind and initdb. */
export const programOptions: Check = either(
  list(either(string, dictionary)),
  dictionary,
);

const localParameters = mapCheck(optional("unix_socket_directories", string));
const sharedParameters = mapCheck(
  optional("max_connections", integer({ min: 1, max: 262_143 })),
  optional("max_locks_per_transaction", integer({ min: 10 })),
  each(
    "max_prepared_transactions max_replication_slots max_wal_senders max_worker_processes",
    integer({ min: 0, max: 262_143 }),
  ),
);

/** Patroni looks at other parameters in each layer. */
function checkParameters(
  value: unknown,
  at: Place,
): Promise<readonly string[]> {
  return at.path.startsWith("bootstrap.")
    ? sharedParameters(value, at)
    : localParameters(value, at);
}

/** The settings of which something else is made. */
const MADE_OVER = {
  parameters: {
    type: map,
    fallback: {},
    isOpen: true,
    check: checkParameters,
    meaning: "PostgreSQL parameters; those that members share only dynamically",
  },
  parameters_primary: {
    type: map,
    fallback: {},
    isOpen: true,
    meaning: "Laid over parameters of a primary",
  },
  parameters_replica: {
    type: map,
    fallback: {},
    isOpen: true,
    meaning: "Laid over parameters of a replica",
  },
  parameters_standby_leader: {
    type: map,
    fallback: {},
    isOpen: true,
    meaning: "Laid over parameters of a standby cluster's leader",
  },
  pg_hba: {
    type: textList,
    check: linesOrText,
    meaning: "All lines of pg_hba.conf",
  },
  pg_hba_primary: {
    type: textList,
    check: linesOrText,
    meaning: "In place of pg_hba of a primary",
  },
  pg_hba_replica: {
    type: textList,
    check: linesOrText,
    meaning: "In place of pg_hba of a replica",
  },
  pg_hba_standby_leader: {
    type: textList,
    check: linesOrText,
    meaning: "In place of pg_hba of a standby cluster's leader",
  },
  pg_ident: {
    type: textList,
    check: linesOrText,
    meaning: "All lines of pg_ident.conf",
  },
  pg_ident_primary: {
    type: textList,
    check: linesOrText,
    meaning: "In place of pg_ident of a primary",
  },
  pg_ident_replica: {
    type: textList,
    check: linesOrText,
    meaning: "In place of pg_ident of a replica",
  },
  pg_ident_standby_leader: {
    type: textList,
    check: linesOrText,
    meaning: "In place of pg_ident of a standby cluster's leader",
  },
  rewind: {
    type: anything,
    fallback: {},
    check: programOptions,
    apply: "use",
    meaning: "Options of pg_rewind",
  },
  recovery_conf: {
    type: unchecked(scalarMap),
    fallback: {},
    meaning: "More recovery settings of replicas",
  },
  create_replica_methods: {
    type: unchecked(textList),
    fallback: ["basebackup"],
    aliases: ["create_replica_method"],
    apply: "use",
    meaning: "Ways to copy a data directory, in order",
  },
  basebackup: {
    type: anything,
    fallback: {},
    apply: "use",
    meaning: "Options of pg_basebackup",
  },
} as const satisfies KeyMap;

/** The settings that are used as they are. */
const TAKEN_OVER = {
  pg_ctl_timeout: {
    type: startTimeout,
    field: "pgCtlTimeoutS",
    fallback: PG_CTL_TIMEOUT_S,
    apply: "use",
    meaning: "Seconds for a start",
  },
  use_pg_rewind: {
    type: flag,
    field: "isRewindAllowed",
    fallback: false,
    apply: "use",
    meaning: "Repair diverged data directories",
  },
  use_slots: {
    type: truth,
    field: "hasSlots",
    fallback: true,
    layer: "dynamic",
    meaning: "Replication slots",
  },
  config_base_name: {
    type: unchecked(text),
    fallback: "postgresql",
    apply: "agent",
    meaning: "Name of the .conf file",
  },
  custom_conf: {
    type: unchecked(textOrNone),
    apply: "use",
    meaning: "File included instead of the original postgresql.conf",
  },
  bin_dir: {
    type: unchecked(textOrNone),
    otherwise: "PATH",
    apply: "agent",
    variable: true,
    meaning: "Directory of PostgreSQL's programs",
  },
  bin_name: {
    type: unchecked(textMap),
    fallback: {},
    otherwise: "same name",
    names: PROGRAMS,
    isOpen: true,
    variable: true,
    prefix: "POSTGRESQL_BIN",
    apply: "use",
    meaning: "Other names of these programs",
  },
  database: {
    type: unchecked(text),
    fallback: "postgres",
    apply: "agent",
    meaning: "Database of the agent's own connections",
  },
  krbsrvname: {
    type: unchecked(textOrNone),
    meaning: "Kerberos service name",
  },
  use_unix_socket: {
    type: unchecked(flag),
    field: "isUnixSocketUsed",
    fallback: false,
    meaning: "Connect through a socket",
  },
  use_unix_socket_repl: {
    type: unchecked(flag),
    field: "isUnixSocketUsedForReplication",
    fallback: false,
    meaning: "The same for replication",
  },
  remove_data_directory_on_rewind_failure: {
    type: unchecked(flag),
    field: "isDataRemovedOnRewindFailure",
    fallback: false,
    apply: "use",
    meaning: "Copy anew when pg_rewind failed",
  },
  remove_data_directory_on_diverged_timelines: {
    type: unchecked(flag),
    field: "isDataRemovedOnDivergedTimelines",
    fallback: false,
    apply: "use",
    meaning: "Copy anew when rewinding is not possible",
  },
  callbacks: {
    type: callbacks,
    fallback: {},
    names: CALLBACK_ACTIONS,
    isOpen: true,
    apply: "use",
    meaning:
      "Commands for on_start, on_stop, on_restart, on_reload, on_role_change",
  },
  pre_promote: {
    type: command,
    apply: "use",
    meaning: "Command that must succeed before a promotion",
  },
  before_stop: {
    type: command,
    apply: "use",
    meaning: "Command run before a stop",
  },
} as const satisfies KeyMap;

/** The keys of `postgresql` that either layer may set, in the order of Patroni's validation. */
export const SETTINGS_KEYS: KeyMap = withDefaults(
  { ...MADE_OVER, ...TAKEN_OVER },
  { layer: "both", variable: false },
);

/** The settings, read from one layered `postgresql` map. */
export type PostgresSettings = SectionOf<typeof MADE_OVER>;

/** Those that are used as they are. */
export type PlainSettings = SectionOf<typeof TAKEN_OVER>;

/** Reads the former and the latter. */
export const readSettings = readKeys(MADE_OVER);
export const readPlainSettings = readKeys(TAKEN_OVER);

function readCallbacks(
  value: unknown,
): Readonly<Record<string, readonly string[]>> | Wanted {
  if (!isConfigMap(value)) return new Wanted("a map of commands");
  const commands: [string, readonly string[]][] = [];
  for (const action of CALLBACK_ACTIONS) {
    const given = ownValue(value, action);
    if (isAbsent(given) || given === "") continue;
    const words = readCommand(given);
    if (words instanceof Wanted) {
      return new Wanted(
        `a map of commands, but ${action} is not ${words.text}`,
      );
    }
    commands.push([action, words]);
  }
  return Object.fromEntries(commands);
}
