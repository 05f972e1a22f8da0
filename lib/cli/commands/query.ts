/** `query`: SQL on a member, once or again and again. */
import { parseConnUrl } from "../../core/codec/conn_url.ts";
import type { SqlAnswer, SqlColumn } from "../context.ts";
import {
  AUTO_WATCH_OPTION,
  CLUSTER_ARGUMENT,
  type CommandDefinition,
  GROUP_OPTION,
  ROLE_OPTION,
  WATCH_OPTION,
} from "../definition.ts";
import { CliError, UsageError } from "../errors.ts";
import type { Invocation } from "../invocation.ts";
import { promptSecret } from "../prompts.ts";
import { type QueryTable, tableText } from "../query_table.ts";
import { type Scope, type Session, withCluster } from "../session.ts";
import { sqlCell } from "../../patroni/sql_values.ts";
import { sqlTarget } from "../sql_target.ts";
import { localTime } from "../timestamps.ts";
import { checkOneFilter, memberFor } from "./dsn.ts";

const AUTO_WATCH_S = 2;

/** `query`. */
export const QUERY_COMMAND: CommandDefinition = {
  name: "query",
  summary: "Run SQL on a member",
  arguments: [CLUSTER_ARGUMENT],
  options: [
    GROUP_OPTION,
    {
      flags: ["--format"],
      value: "text",
      help: "Output format: pretty, tsv (default), json, yaml",
    },
    { flags: ["--file", "-f"], value: "text", help: "File with the SQL" },
    { flags: ["--password"], value: "none", help: "Ask for the password" },
    { flags: ["--username", "-U"], value: "text", help: "User" },
    AUTO_WATCH_OPTION,
    WATCH_OPTION,
    ROLE_OPTION,
    { flags: ["--member", "-m"], value: "text", help: "The member" },
    { flags: ["--delimiter"], value: "text", help: "Between tsv columns" },
    { flags: ["--command", "-c"], value: "text", help: "The SQL" },
    { flags: ["--dbname", "-d"], value: "text", help: "Database" },
  ],
  run: async (invocation, session) => {
    checkOneFilter(invocation);
    const text = await sqlText(invocation, session);
    const password = invocation.has("--password")
      ? await promptSecret(session.context, "Password")
      : null;
    await repeat(invocation, session, { text, password });
  },
};

interface Work {
  readonly text: string;
  readonly password: string | null;
}

async function sqlText(
  invocation: Invocation,
  session: Session,
): Promise<string> {
  const file = invocation.text("--file");
  const command = invocation.text("--command");
  const fromFile = file === null ? null : await fileText(session, file);
  if (fromFile !== null && command !== null) {
    throw new CliError("--file and --command are mutually exclusive options");
  }
  const text = command || fromFile;
  if (text !== null && text !== "") return text;
  throw new CliError("You need to specify either --command or --file");
}

async function fileText(
  { context }: Session,
  path: string,
): Promise<string> {
  if (path === "-") return await context.terminal.readAll();
  const text = await context.files.readText(path);
  if (text !== null) return text;
  throw new UsageError(
    "query",
    `Invalid value for '--file' / '-f': '${path}': No such file or directory`,
  );
}

async function repeat(
  invocation: Invocation,
  session: Session,
  work: Work,
): Promise<void> {
  const seconds = invocation.number("-w") ??
    (invocation.has("-W") ? AUTO_WATCH_S : null);
  for (;;) {
    const answer = await withCluster(
      session,
      invocation,
      (scope) => answerOf(invocation, session, { ...work, scope }),
    );
    show(invocation, session, answer);
    if (seconds === null) return;
    await session.context.clock.sleep(Math.max(0, seconds) * 1000);
  }
}

async function answerOf(
  invocation: Invocation,
  session: Session,
  { scope, text, password }: Work & { readonly scope: Scope },
): Promise<SqlAnswer | string> {
  const view = await scope.read();
  const member = memberFor(view, invocation, "any");
  const address = member?.connUrl ? parseConnUrl(member.connUrl) : null;
  if (address === null) return noConnection(invocation);
  const target = await sqlTarget(session.context, {
    ...address,
    username: invocation.text("--username"),
    password,
    database: invocation.text("--dbname"),
    isRecoveryWanted: recoveryOf(invocation.text("--role")),
  });
  const answer = await session.context.querySql(target, text);
  return answer.kind === "wrong_role" ? noConnection(invocation) : answer;
}

/** Null: either will do. A leader is who has the key, whatever it does now. */
function recoveryOf(role: string | null): boolean | null {
  if (role === null || role === "any" || role === "leader") return null;
  return role !== "primary";
}

function noConnection(invocation: Invocation): string {
  const member = invocation.text("--member");
  const role = invocation.text("--role");
  if (member !== null) return `No connection to member ${member} is available`;
  return role === null
    ? "No connection is available"
    : `No connection to role '${role}' is available`;
}

function show(
  invocation: Invocation,
  session: Session,
  answer: SqlAnswer | string,
): void {
  const format = invocation.text("--format") ?? "tsv";
  const delimiter = invocation.text("--delimiter") ?? "\t";
  const isRows = typeof answer !== "string" && answer.kind === "rows";
  const table = isRows
    ? resultTable(answer.columns, answer.rows)
    : sentenceTable(session, sentenceOf(answer));
  session.context.terminal.write(tableText(table, { format, delimiter }));
}

function sentenceOf(answer: SqlAnswer | string): string {
  if (typeof answer === "string") return answer;
  if (answer.kind !== "failed") return "";
  const reason = answer.code ?? answer.message.replaceAll("\n", " ");
  return `ERROR, SQLSTATE: ${reason}`;
}

function resultTable(
  columns: readonly SqlColumn[],
  rows: readonly (readonly (string | null)[])[],
): QueryTable {
  const names = columns.map(({ name }) => name);
  const cells = rows.map((row) =>
    row.map((text, at) => sqlCell(text, columns[at]?.type ?? 0))
  );
  return { names, cells };
}

/** What went wrong stands on a line of its own, after the time. */
function sentenceTable({ context }: Session, sentence: string): QueryTable {
  const time = localTime(context.clock.wallTimeMs()).text;
  const cells = [time, sentence].map((text) => ({ text, value: text }));
  return { names: null, cells: [cells] };
}
