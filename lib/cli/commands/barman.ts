/**
 * `barman`: what `patroni_barman` is for. `recover` fetches a backup through
 * Barman's pg-backup-api, as a clone or bootstrap method; `config-switch`
 * applies a model of Barman's configuration, as an `on_role_change` callback.
 *
 * Source: Patroni 4.1 documentation, "Tools integration" and
 * "patroni.scripts.barman" (options, exit codes).
 */
import type { ConfigMap } from "../../core/calc/documents/config_merge.ts";
import {
  BarmanApi,
  BarmanHttpError,
  type BarmanLog,
  BarmanNotOkError,
} from "../barman_api.ts";
import type { CliContext } from "../context.ts";
import type { OfflineCommand, OptionDefinition } from "../definition.ts";
import { ExitError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { asctime } from "../../patroni/log_template.ts";
import { visibleBlock } from "../../core/base/visible.ts";

/** Exit codes of an operation; the two do not agree with each other. */
interface Outcomes {
  readonly failed: number;
  readonly httpError: number;
}

const RECOVER: Outcomes = { failed: 1, httpError: 2 };
const CONFIG_SWITCH: Outcomes = { failed: 2, httpError: 3 };
const SWITCH_SKIPPED = 1;
const SWITCH_MISUSED = 4;
/** -2, as a shell sees it. */
const API_NOT_OK = 254;

const SWITCH_WAIT_S = 5;

function text(flags: readonly string[], help: string): OptionDefinition {
  return { flags, value: "text", help };
}

function integer(flag: string, help: string): OptionDefinition {
  return { flags: [flag], value: "integer", help };
}

/** `barman`. */
export const BARMAN_COMMAND: OfflineCommand = {
  name: "barman",
  isOwn: true,
  summary: "Have Barman recover a backup or switch its configuration",
  isLenient: true,
  arguments: [
    { name: "OPERATION", arity: "required" },
    { name: "CALLBACK_ARGUMENTS", arity: "any" },
  ],
  options: [
    text(["--api-url"], "Address of pg-backup-api, http://barman:7480"),
    text(["--cert-file"], "Certificate to show to pg-backup-api"),
    text(["--key-file"], "Key of the certificate"),
    text(["--ca-file"], "Authority of pg-backup-api's own certificate"),
    integer("--retry-wait", "Seconds between attempts (2)"),
    integer("--max-retries", "Attempts for one question (5)"),
    text(["--log-file"], "File for the log lines, instead of stderr"),
    text(["--barman-server"], "Name of the server in Barman"),
    text(["--backup-id"], "recover: the backup (latest)"),
    text(["--ssh-command"], "recover: how Barman's host reaches this one"),
    text(["--data-directory", "--datadir"], "recover: where to"),
    integer("--loop-wait", "recover: seconds between looks (10)"),
    text(["--barman-model"], "config-switch: the model to apply"),
    {
      flags: ["--reset"],
      value: "none",
      help: "config-switch: take the active model away",
    },
    {
      flags: ["--switch-when"],
      value: ["promoted", "demoted", "always"],
      help: "config-switch: for which new role (promoted)",
    },
  ],
  runOffline: async (invocation, { context, globals }) => {
    // What a clone or bootstrap method adds is of no interest here.
    const [operation, ...rest] = invocation.positionals
      .filter((word) => !word.startsWith("-"));
    const call: Call = {
      ...{ invocation, context, rest },
      isInsecure: globals.has("-k"),
      log: logOf(context, invocation.text("--log-file")),
    };
    const code = await endedWith(call, operation);
    if (code !== 0) throw new ExitError(code);
  },
};

/** One call of the command. */
interface Call {
  readonly invocation: Invocation;
  readonly context: CliContext;
  /** Positional arguments after the operation's name. */
  readonly rest: readonly string[];
  readonly isInsecure: boolean;
  readonly log: BarmanLog;
}

async function endedWith(
  call: Call,
  operation: string | undefined,
): Promise<number> {
  switch (operation) {
    case "recover":
      return await recover(call);
    case "config-switch":
      return await configSwitch(call);
  }
  throw new UsageError(
    BARMAN_COMMAND.name,
    `Invalid value for 'OPERATION': '${operation ?? ""}' is not one of ` +
      "'recover', 'config-switch'.",
  );
}

function recover(call: Call): Promise<number> {
  const { invocation } = call;
  const operation = {
    type: "recovery",
    backup_id: invocation.text("--backup-id") ?? "latest",
    remote_ssh_command: required(call, "--ssh-command"),
    destination_directory: required(call, "--data-directory"),
  };
  const waitS = invocation.number("--loop-wait") ?? 10;
  return carriedOut(call, { operation, what: "Recovery", waitS, ...RECOVER });
}

async function configSwitch(call: Call): Promise<number> {
  const { invocation, rest, log } = call;
  const [action, role] = rest;
  const when = invocation.text("--switch-when") ?? "promoted";
  const model = invocation.text("--barman-model");
  const isReset = invocation.has("--reset");
  if (action !== "on_role_change" || role === undefined || rest.length !== 3) {
    await log("ERROR", "wanted the arguments on_role_change ROLE SCOPE");
    return SWITCH_MISUSED;
  }
  if ((model !== null) === isReset) {
    await log("ERROR", "wanted one of --barman-model and --reset, not both");
    return SWITCH_MISUSED;
  }
  if (!isWanted(role, when)) {
    await log(
      "INFO",
      `Config switch operation was skipped (role=${role}, switch_when=${when})`,
    );
    return SWITCH_SKIPPED;
  }
  const operation = {
    type: "config_switch",
    ...(model === null ? { reset: true } : { model_name: model }),
  };
  return await carriedOut(call, {
    ...{ operation, what: "Config switch", waitS: SWITCH_WAIT_S },
    ...CONFIG_SWITCH,
  });
}

function isWanted(role: string, when: string): boolean {
  switch (when) {
    case "promoted":
      return ["master", "primary", "promoted"].includes(role);
    case "demoted":
      return ["replica", "demoted"].includes(role);
  }
  return true;
}

interface Work extends Outcomes {
  readonly operation: ConfigMap;
  /** Its name at the beginning of a sentence. */
  readonly what: string;
  /** Between two looks. */
  readonly waitS: number;
}

/** Creates an operation and waits for its end; the exit code. */
async function carriedOut(call: Call, work: Work): Promise<number> {
  const { context, log } = call;
  const server = required(call, "--barman-server");
  const api = new BarmanApi(context, targetOf(call), log);
  try {
    await api.check();
    const id = await api.create(server, work.operation);
    await log("INFO", `${work.what} operation was created with ID ${id}`);
    for (;;) {
      const status = await api.status(server, id);
      if (status === "DONE") {
        await log("INFO", `${work.what} operation finished successfully`);
        return 0;
      }
      if (status === "FAILED") {
        await log("ERROR", `${work.what} operation failed`);
        return work.failed;
      }
      await log("INFO", `${work.what} operation ${id} is still in progress`);
      await context.clock.sleep(work.waitS * 1000);
    }
  } catch (error) {
    if (error instanceof BarmanNotOkError) {
      await log("ERROR", error.message);
      return API_NOT_OK;
    }
    if (!(error instanceof BarmanHttpError)) throw error;
    await log("ERROR", error.message);
    return work.httpError;
  }
}

function targetOf(call: Call) {
  const { invocation, isInsecure } = call;
  return {
    url: required(call, "--api-url"),
    tls: {
      isInsecure,
      cacert: invocation.text("--ca-file"),
      certfile: invocation.text("--cert-file"),
      keyfile: invocation.text("--key-file"),
      keyfilePassword: null,
    },
    retryWaitMs: (invocation.number("--retry-wait") ?? 2) * 1000,
    attemptsMax: Math.max(1, invocation.number("--max-retries") ?? 5),
  };
}

function required({ invocation }: Call, flag: string): string {
  const value = invocation.text(flag);
  if (value !== null && value !== "") return value;
  throw new UsageError(BARMAN_COMMAND.name, `Missing option '${flag}'.`);
}

function logOf(context: CliContext, path: string | null): BarmanLog {
  return async (level, message) => {
    const time = asctime(context.clock.wallTimeMs());
    const line = `${time} ${level}: ${visibleBlock(message)}\n`;
    if (path === null) context.terminal.writeError(line);
    else await context.files.appendText(path, line);
  };
}
