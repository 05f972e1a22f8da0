/**
 * Runs an operator's SQL on any member and keeps PostgreSQL's own texts, so that
 * the command line decides how values look.
 */
import postgres from "postgres";
import { errorCode } from "./sql.ts";

/** Where and as whom. */
export interface QueryTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** Whether the server must be in recovery; null: either. */
  readonly isRecoveryWanted: boolean | null;
}

/** What came of it. */
export type QueryAnswer =
  | {
    readonly kind: "rows";
    readonly columns: readonly {
      readonly name: string;
      readonly type: number;
    }[];
    readonly rows: readonly (readonly (string | null)[])[];
  }
  /** `code`: SQLSTATE; null if the server said none. */
  | {
    readonly kind: "failed";
    readonly code: string | null;
    readonly message: string;
  }
  | { readonly kind: "wrong_role" };

const CONNECT_TIMEOUT_S = 5;

/** Connects, runs the text as it is, disconnects. Never throws. */
export async function queryOnce(
  target: QueryTarget,
  text: string,
): Promise<QueryAnswer> {
  const { host, port, username, password, database } = target;
  const sql = postgres({
    host,
    port,
    username,
    password,
    database,
    ssl: "prefer",
    max: 1,
    connect_timeout: CONNECT_TIMEOUT_S,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "Patroni ctl" },
  });
  try {
    if (target.isRecoveryWanted !== null) {
      const [row] = await sql`select pg_is_in_recovery() as in_recovery`;
      const isFitting = row?.["in_recovery"] === target.isRecoveryWanted;
      if (!isFitting) return { kind: "wrong_role" };
    }
    return rowsOf(await sql.unsafe(text).simple().raw());
  } catch (error) {
    return failure(error);
  } finally {
    await sql.end({ timeout: 0 });
  }
}

/** Of several statements the first one's rows; the driver's types know only one. */
function rowsOf(answer: unknown): QueryAnswer {
  const first = Array.isArray(answer) && Array.isArray(answer[0]) &&
      "columns" in answer[0]
    ? answer[0]
    : answer;
  const columns = columnsOf(first);
  if (!Array.isArray(first) || columns.length === 0) {
    return { kind: "failed", code: null, message: "no results to fetch" };
  }
  const decoder = new TextDecoder();
  const rows = first.map((row: unknown) =>
    (Array.isArray(row) ? row : []).map((cell: unknown) =>
      cell instanceof Uint8Array ? decoder.decode(cell) : null
    )
  );
  return { kind: "rows", columns, rows };
}

function columnsOf(
  result: unknown,
): readonly { readonly name: string; readonly type: number }[] {
  if (typeof result !== "object" || result === null) return [];
  const columns = "columns" in result ? result.columns : null;
  if (!Array.isArray(columns)) return [];
  return columns.map((column: unknown) => {
    const fields = Object.entries(
      typeof column === "object" && column !== null ? column : {},
    );
    const map = new Map<string, unknown>(fields);
    return { name: String(map.get("name")), type: Number(map.get("type")) };
  });
}

function failure(error: unknown): QueryAnswer {
  const cause = error instanceof AggregateError ? error.errors[0] : error;
  const code = errorCode(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  const isState = /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
  return { kind: "failed", code: isState ? code : null, message };
}
