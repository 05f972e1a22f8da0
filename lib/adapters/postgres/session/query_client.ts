/**
 * Runs an operator's SQL on any member and keeps PostgreSQL's own texts, so that
 * the command line decides how values look.
 */
import type postgres from "postgres";
import {
  optionsFromEnvironment,
  type Way,
  waysOf,
} from "../../../core/base/libpq_options.ts";
import { AnswerMeter } from "./answer_meter.ts";
import { connect, errorCode } from "./sql.ts";

/** Where and as whom. */
export interface QueryTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  /** Whether the server must be in recovery; null: either. */
  readonly isRecoveryWanted: boolean | null;
  /** Also in clear text or as md5 hash; else only by SCRAM, unless PGREQUIREAUTH says more. */
  readonly isAnyPasswordAnswered?: boolean;
  /** Of one answer; 256 MiB unless told. */
  readonly answerBytesMax?: number;
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

const IS_IN_RECOVERY = "select pg_is_in_recovery() as in_recovery";
const CONNECT_TIMEOUT_MS = 5_000;

/** Connects, runs the text as it is, disconnects. Never throws. */
export async function queryOnce(
  target: QueryTarget,
  text: string,
): Promise<QueryAnswer> {
  let failed: QueryAnswer | null = null;
  const environment = optionsFromEnvironment(Deno.env.toObject());
  for (const way of waysOf(environment, target.host)) {
    failed = await queryBy(target, way, text);
    const isOtherWayWorth = failed.kind === "failed" &&
      (failed.code === "28000" || failed.code === "28P01");
    if (!isOtherWayWorth) break;
  }
  return failed ??
    { kind: "failed", code: null, message: "no way to connect is allowed" };
}

async function queryBy(
  target: QueryTarget,
  way: Way,
  text: string,
): Promise<QueryAnswer> {
  const { username, password, isAnyPasswordAnswered } = target;
  const meter = new AnswerMeter("operator", target.answerBytesMax);
  let sql: postgres.Sql | null = null;
  try {
    // TLS files and PGSSL... come from the environment, as with libpq.
    sql = await connect(
      {
        ...target,
        meter,
        settings: {},
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        credentials: {
          username,
          password,
          options: isAnyPasswordAnswered
            ? { require_auth: "password,md5,scram-sha-256,none" }
            : {},
        },
      },
      way,
      { connection: { application_name: "Patroni ctl" } },
    );
    if (target.isRecoveryWanted !== null) {
      // Simple, like the statement below: the meter knows no other answers here.
      const [row] = await sql.unsafe(IS_IN_RECOVERY).simple();
      const isFitting = row?.["in_recovery"] === target.isRecoveryWanted;
      if (!isFitting) return { kind: "wrong_role" };
    }
    meter.begin();
    return rowsOf(await sql.unsafe(text).simple().raw());
  } catch (error) {
    return failure(error);
  } finally {
    await sql?.end({ timeout: 0 });
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
