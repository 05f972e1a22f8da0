/**
 * SQL connections: one that is kept for observing, and short ones for odd jobs.
 * Every query has a time limit on our side, because a stopped backend never
 * answers and a stopped postmaster accepts connections all the same.
 */
import { AnswerMeter } from "./answer_meter.ts";
import { userInfo } from "node:os";
import postgres from "postgres";
import { PostgresError } from "../../../ports/errors.ts";
import {
  isAnswered,
  optionsFromEnvironment,
  type Way,
  waysOf,
} from "../../../core/base/libpq_options.ts";
import type { Credentials } from "../options.ts";
import { PasswordGuard } from "./password_guard.ts";
import { normalPassword } from "./normal_password.ts";
import { openSocket } from "./server_socket.ts";
import { timerMs } from "../../../core/base/units.ts";

/** Rows as the driver gives them; a codec makes them a type. */
export type Rows = readonly Readonly<Record<string, unknown>>[];

/** Where and as whom to connect. */
export interface SqlTarget {
  /** Host names with commas, tried in order, or an absolute path of a socket directory. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly credentials: Credentials;
  /** Server settings of the session, e.g. statement_timeout. */
  readonly settings: Readonly<Record<string, string>>;
  /** A request for an md5 password is answered, if `require_auth` says nothing. */
  readonly isMd5Expected?: boolean;
  /** For the connection and for the login, each; 2 s unless told. */
  readonly connectTimeoutMs?: number;
  /** Absent: all answers of the connection together count as one. */
  readonly meter?: AnswerMeter;
  /** It is one session of one server, never made anew, and hears what that notifies. */
  readonly session?: SessionEvents;
}

/** What happens to a session between its statements. */
export interface SessionEvents {
  onNotify(channel: string, payload: string): void;
  /** It has ended, from whichever side. */
  onEnd(): void;
}

/** Runs one statement. */
export type Query = (text: string, timeoutMs: number) => Promise<Rows>;

const CONNECT_TIMEOUT_MS = 2_000;

/**
 * Up to PostgreSQL 14 TIMELINE_HISTORY declares its text as bytea but sends it
 * as it is; read as hexadecimal digits it would be lost.
 */
const AS_SENT = {
  to: 17,
  from: [17],
  serialize: (value: unknown) => value,
  parse: (text: string) => text,
};

/** SQLSTATE, or the driver's or system's error code; empty if there is none. */
export function errorCode(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  if (error instanceof PostgresError) return errorCode(error.cause);
  return "code" in error ? String(error.code) : "";
}

/** The first line of what an error says. */
export function errorText(error: unknown): string {
  if (error instanceof AggregateError) return errorText(error.errors[0]);
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0] ?? "";
}

/**
 * Opens a connection, does `work` with it, closes it; at once on abort.
 *
 * @throws {PostgresError} With the driver's error as cause.
 */
export async function withConnection<T>(
  target: SqlTarget,
  work: (query: Query) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  await using connection = new Connection(target);
  using _listener = whenAborted(signal, () => {
    connection.close().catch(() => {});
  });
  return await work((text, timeoutMs) => connection.query(text, timeoutMs));
}

function whenAborted(
  signal: AbortSignal | undefined,
  act: () => void,
): Disposable {
  signal?.addEventListener("abort", act, { once: true });
  return {
    [Symbol.dispose]: () => signal?.removeEventListener("abort", act),
  };
}

/** At most one connection, opened when needed and reopened after a loss. */
export class Connection {
  readonly #target: SqlTarget;
  readonly #meter: AnswerMeter;
  #sql: postgres.Sql | null = null;
  #isUsed = false;

  constructor(target: SqlTarget) {
    const asker = target.session === undefined ? "agent" : "listener";
    this.#meter = new AnswerMeter(asker);
    this.#target = { ...target, meter: this.#meter };
  }

  /**
   * Runs one statement. After a failure of the connection itself, or when the
   * time is up, the connection is thrown away; the next call opens a new one.
   *
   * @throws {PostgresError} With the driver's error as cause.
   */
  async query(text: string, timeoutMs: number): Promise<Rows> {
    if (this.#sql !== null) return await this.#run(text, timeoutMs);
    const { host, credentials, connectTimeoutMs, session } = this.#target;
    if (session !== undefined && this.#isUsed) throw closedError();
    this.#isUsed = true;
    const options = {
      ...optionsFromEnvironment(Deno.env.toObject()),
      ...credentials.options,
    };
    const ways = waysOf(options, host);
    // The first statement waits for the login; who has a slow wire says so.
    const loginMs = (connectTimeoutMs ?? CONNECT_TIMEOUT_MS) -
      CONNECT_TIMEOUT_MS;
    for (const [index, way] of ways.entries()) {
      try {
        this.#sql = await opened(this.#target, way);
        return await this.#run(text, timeoutMs + Math.max(0, loginMs));
      } catch (error) {
        const isLast = index === ways.length - 1;
        if (isLast || !isOtherWayWorth(error)) throw error;
        await this.close();
      }
    }
    throw new PostgresError("No way to connect is allowed");
  }

  async #run(text: string, timeoutMs: number): Promise<Rows> {
    const sql = this.#sql;
    if (sql === null) throw closedError();
    const isReplication = "replication" in this.#target.settings;
    this.#meter.begin();
    const query = isReplication ? sql.unsafe(text).simple() : sql.unsafe(text);
    try {
      return await withTimeout(query, timeoutMs);
    } catch (cause) {
      // The server's own word leaves the session intact, unless it says that
      // the session is ended.
      const code = errorCode(cause);
      if (!isSqlState(code) || code.startsWith("57P")) await this.close();
      throw new PostgresError(errorText(cause), { cause });
    }
  }

  async close(): Promise<void> {
    const sql = this.#sql;
    this.#sql = null;
    await sql?.end({ timeout: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function closedError(): PostgresError {
  return new PostgresError("The connection was closed");
}

/** Five characters with a digit; EPIPE and its like are the system's. */
function isSqlState(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

async function opened(target: SqlTarget, way: Way): Promise<postgres.Sql> {
  try {
    return await connect(target, way);
  } catch (cause) {
    if (cause instanceof PostgresError) throw cause;
    throw new PostgresError(errorText(cause), { cause });
  }
}

/** pg_hba may have a line for the other kind of connection; or the handshake failed. */
function isOtherWayWorth(error: unknown): boolean {
  return /^(28000|28P01|ERR_SSL|ERR_TLS|EPROTO)/.test(errorCode(error));
}

/** The driver, on a connection that is open already. */
export async function connect(
  target: SqlTarget,
  way: Way,
  more: postgres.Options<Record<string, never>> = {},
): Promise<postgres.Sql> {
  const { credentials } = target;
  const timeoutMs = target.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const options = {
    ...optionsFromEnvironment(Deno.env.toObject()),
    ...credentials.options,
  };
  const door = { host: target.host, port: target.port, options, timeoutMs };
  const meter = target.meter ?? new AnswerMeter();
  const expected = target.isMd5Expected ? "md5" : "scram";
  let guard: PasswordGuard | null = null;
  const open = async () => {
    const socket = await openSocket(door, way);
    guard = new PasswordGuard((method) =>
      isAnswered(method, options["require_auth"], expected)
    );
    meter.watch(socket, guard);
    return socket;
  };
  let first: Awaited<ReturnType<typeof open>> | null = await open();
  const given = {
    host: "localhost",
    port: target.port,
    database: target.database,
    username: credentials.username ?? userInfo().username,
    password: () =>
      guard?.isPasswordSafe ? normalPassword(credentials.password ?? "") : "",
    ssl: false,
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: timerMs(timeoutMs) / 1000,
    backoff: false,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "Matriarch", ...target.settings },
    ...more,
  };
  if ("replication" in target.settings) {
    Object.assign(given, { types: { bytea: AS_SENT } });
  }
  const { session } = target;
  if (session !== undefined) {
    Object.assign(given, {
      onnotify: (channel: string, payload: string) =>
        session.onNotify(channel, payload),
      onclose: () => session.onEnd(),
    });
  }
  // The driver's types do not know this one.
  const socket = async () => {
    const ready = first;
    first = null;
    if (ready !== null || session === undefined) return ready ?? await open();
    throw closedError();
  };
  return postgres(Object.assign(given, { socket }));
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${timeoutMs} ms`)),
      timerMs(timeoutMs),
    );
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** A text as SQL literal. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/** A name as SQL identifier. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
