/**
 * SQL connections: one that is kept for observing, and short ones for odd jobs.
 * Every query has a time limit on our side, because a stopped backend never
 * answers and a stopped postmaster accepts connections all the same.
 */
import { createPrivateKey } from "node:crypto";
import { userInfo } from "node:os";
import postgres from "postgres";
import { PostgresError } from "../../ports/errors.ts";
import type { Credentials } from "./options.ts";

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
  #sql: postgres.Sql | null = null;

  constructor(target: SqlTarget) {
    this.#target = target;
  }

  /**
   * Runs one statement. After a failure of the connection itself, or when the
   * time is up, the connection is thrown away; the next call opens a new one.
   *
   * @throws {PostgresError} With the driver's error as cause.
   */
  async query(text: string, timeoutMs: number): Promise<Rows> {
    this.#sql ??= await connect(this.#target);
    const sql = this.#sql;
    const isReplication = "replication" in this.#target.settings;
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

/** Five characters with a digit; EPIPE and its like are the system's. */
function isSqlState(code: string): boolean {
  return /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

async function connect(target: SqlTarget): Promise<postgres.Sql> {
  const { credentials } = target;
  const options: postgres.Options<Record<string, never>> = {
    host: target.host,
    port: target.port,
    database: target.database,
    username: credentials.username ?? userInfo().username,
    password: credentials.password ?? "",
    ssl: await tls(target),
    max: 1,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: CONNECT_TIMEOUT_MS / 1000,
    backoff: false,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: "Matriarch", ...target.settings },
  };
  if ("replication" in target.settings) {
    Object.assign(options, { types: { bytea: AS_SENT } });
  }
  if (target.host.startsWith("/")) return postgres(options);
  // A list, although the type knows only a text: of that the driver takes what
  // follows a colon for a port, also in an IPv6 address.
  const host = target.host.split(",").map((one) => one.trim());
  const port = host.map(() => target.port);
  return postgres(Object.assign(options, { host, port }));
}

type Tls = NonNullable<postgres.Options<Record<string, never>>["ssl"]>;

/** Source: PostgreSQL 17 manual, "SSL Mode Descriptions". */
async function tls({ host, credentials }: SqlTarget): Promise<Tls> {
  const mode = credentials.options["sslmode"] ?? "prefer";
  if (host.startsWith("/") || mode === "disable") return false;
  const [ca, cert, key] = await Promise.all(
    ["sslrootcert", "sslcert", "sslkey"].map((name) => {
      const path = credentials.options[name];
      return path ? Deno.readTextFile(path) : Promise.resolve(undefined);
    }),
  );
  const isChecked = mode === "verify-ca" || mode === "verify-full";
  if (!isChecked && cert === undefined) {
    return mode === "require" || mode === "allow" ? mode : "prefer";
  }
  const passphrase = credentials.options["sslpassword"];
  if (key !== undefined) checkKey(key, passphrase);
  return {
    rejectUnauthorized: isChecked,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
}

/** The runtime would leave out a certificate whose key it can not read. */
function checkKey(key: string, passphrase: string | undefined): void {
  try {
    createPrivateKey({
      key,
      ...(passphrase === undefined ? {} : { passphrase }),
    });
  } catch (cause) {
    throw new PostgresError(
      "Cannot read the client key (sslkey): it is no key, sslpassword is " +
        "wrong, or it is encrypted with something else than AES",
      { cause },
    );
  }
}

async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
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
