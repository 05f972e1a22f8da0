/**
 * The session with the server of scopes: one connection to the first host that
 * takes writes, made anew after each failure, on which the server also tells of
 * saves.
 *
 * Every call has its own time limit on our side; a server that does not answer in
 * time loses the connection, because what comes after would be an older answer.
 */
import { userInfo } from "node:os";
import { after, type Moment, remainingMs } from "../../../core/base/units.ts";
import type { DcsLimits } from "../../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../../ports/errors.ts";
import type { TcpAddress } from "../options.ts";
import { Connection, type Rows, type SqlTarget } from "../session/sql.ts";
import { storeError } from "./errors.ts";
import type { PostgresStoreOptions } from "./options.ts";
import { passwordFrom } from "./passfile.ts";
import {
  doubtOf,
  factsOf,
  problemOf,
  type ServerFacts,
} from "./server_facts.ts";
import type { Statements } from "./statements.ts";

/** Of each host, for the connection; and once more for the login. */
const CONNECT_MS_MAX = 2000;

const SETTINGS = {
  // No user's search_path or limits may change what our statements mean.
  search_path: "pg_catalog",
  statement_timeout: "0",
  synchronous_commit: "on",
} as const;

/** An open session. */
export interface OpenSession {
  /** Host and port, for people. */
  readonly where: string;
  readonly facts: ServerFacts;
  query(text: string, limits: DcsLimits): Promise<Rows>;
}

interface Open extends OpenSession {
  readonly connection: Connection;
}

/** See the head of this file. */
export class StoreSession {
  readonly #options: PostgresStoreOptions;
  readonly #statements: Statements;
  /** Told the payload of each notification; null: the session has ended. */
  readonly #onBell: (version: string | null) => void;
  #open: Open | null = null;
  #opening: Promise<Open> | null = null;
  #isClosed = false;
  /** The host that worked last, or should be tried next. */
  #first = 0;

  constructor(
    options: PostgresStoreOptions,
    statements: Statements,
    onBell: (version: string | null) => void,
  ) {
    this.#options = options;
    this.#statements = statements;
    this.#onBell = onBell;
  }

  /** What is known of the server; null: there is no session. */
  get current(): Pick<OpenSession, "facts" | "where"> | null {
    return this.#open;
  }

  /**
   * The session, opened if there is none.
   *
   * @throws {DcsUnreachableError} If no host has taken it within the limit.
   * @throws {DcsRefusedError} If every host refuses.
   */
  async opened({ timeoutMs }: DcsLimits): Promise<OpenSession> {
    if (this.#isClosed) throw this.#closedError();
    if (this.#open !== null) return this.#open;
    const { clock } = this.#options;
    const deadline = after(clock.now(), timeoutMs);
    this.#opening ??= this.#openAny(deadline).finally(() => {
      this.#opening = null;
    });
    const opening = this.#opening;
    // Whoever began it may have more time than this caller.
    opening.catch(() => {});
    const ending = new AbortController();
    const late = clock.sleep(timeoutMs, ending.signal).then(() => {
      throw new DcsUnreachableError(
        "Cannot reach PostgreSQL: no connection in time",
      );
    });
    late.catch(() => {});
    try {
      return await Promise.race([opening, late]);
    } finally {
      ending.abort();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const open = this.#open;
    this.#open = null;
    await open?.connection.close();
    await this.#opening?.catch(() => {});
  }

  async #openAny(deadline: Moment): Promise<Open> {
    const { hosts, clock } = this.#options;
    const failures: (DcsRefusedError | DcsUnreachableError)[] = [];
    for (let tries = 0; tries < hosts.length; tries++) {
      const index = (this.#first + tries) % hosts.length;
      const host = hosts[index];
      const leftMs = remainingMs(deadline, clock.now());
      if (host === undefined || leftMs <= 0 || this.#isClosed) break;
      try {
        const open = await this.#openOne(host, leftMs);
        this.#first = index;
        return open;
      } catch (error) {
        failures.push(storeError(error, textOf(host)));
      }
    }
    // A frozen host must not take the time of the others for ever.
    this.#first = (this.#first + 1) % hosts.length;
    if (this.#isClosed) throw this.#closedError();
    throw failureOf(failures);
  }

  async #openOne(host: TcpAddress, leftMs: number): Promise<Open> {
    const where = textOf(host);
    const { facts, connection } = await this.#connected(host, leftMs);
    if (this.#isClosed) {
      await connection.close();
      throw this.#closedError();
    }
    const query = (text: string, limits: DcsLimits) =>
      this.#query(open, text, limits);
    const open: Open = { where, facts, connection, query };
    this.#open = open;
    const said = doubtOf(facts, where);
    if (said !== null) this.#options.warn(said);
    return open;
  }

  async #connected(
    host: TcpAddress,
    leftMs: number,
  ): Promise<Pick<Open, "connection" | "facts">> {
    const where = textOf(host);
    const limitMs = Math.min(leftMs, CONNECT_MS_MAX);
    const connection: Connection = new Connection({
      ...await this.#targetOf(host),
      connectTimeoutMs: limitMs,
      session: {
        onNotify: (channel, payload) => {
          if (channel === this.#statements.channel) this.#onBell(payload);
        },
        onEnd: () => this.#noteEnd(connection),
      },
    });
    try {
      const facts = factsOf(
        await connection.query(this.#statements.facts, limitMs),
      );
      const problem = problemOf(facts, where);
      if (problem !== null) {
        const { isForNow, text } = problem;
        throw isForNow
          ? new DcsUnreachableError(text)
          : new DcsRefusedError(text);
      }
      await connection.query(this.#statements.listen, limitMs);
      return { connection, facts };
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  async #targetOf(host: TcpAddress): Promise<SqlTarget> {
    const { database, tls } = this.#options;
    const { password, passfile, ...login } = this.#options.login();
    const username = login.username ?? userInfo().username;
    const asker = { ...host, database, user: username };
    return {
      ...host,
      database,
      credentials: {
        username,
        password: password ?? await passwordFrom(passfile, asker),
        options: tls,
      },
      settings: SETTINGS,
    };
  }

  async #query(
    open: Open,
    text: string,
    { timeoutMs }: DcsLimits,
  ): Promise<Rows> {
    try {
      return await open.connection.query(text, timeoutMs);
    } catch (error) {
      throw storeError(error, open.where);
    }
  }

  #noteEnd(connection: Connection): void {
    if (this.#open?.connection !== connection) return;
    this.#open = null;
    if (!this.#isClosed) this.#onBell(null);
  }

  #closedError(): DcsUnreachableError {
    return new DcsUnreachableError("Cannot reach PostgreSQL: it is closed");
  }
}

/** One that may go away by itself comes first. */
function failureOf(
  failures: readonly (DcsRefusedError | DcsUnreachableError)[],
): DcsRefusedError | DcsUnreachableError {
  const [first] = failures;
  const text = failures.map(({ message }) => message).join("; ");
  return first !== undefined &&
      failures.every((one) => one instanceof DcsRefusedError)
    ? new DcsRefusedError(text, { cause: first })
    : new DcsUnreachableError(
      text === "" ? "Cannot reach PostgreSQL: no time is left" : text,
      { cause: first },
    );
}

function textOf({ host, port }: TcpAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
