/**
 * The session with the server of scopes: one connection to the first host that
 * takes writes, made anew after each failure, on which the server also tells of
 * saves.
 *
 * Every call has its own time limit on our side; a server that does not answer in
 * time loses the connection, because what comes after would be an older answer.
 */
import { userInfo } from "node:os";
import { HostedSession } from "../../../dcs/document/hosted_session.ts";
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

/** What a session was made for. */
export interface StoreSessionParts {
  readonly options: PostgresStoreOptions;
  readonly statements: Statements;
  /** Told the payload of each notification; null: the session has ended. */
  readonly onBell: (version: string | null) => void;
}

/** An open session. */
export class StoreSession {
  /** Host and port, for people. */
  readonly where: string;
  readonly facts: ServerFacts;
  readonly #connection: Connection;
  readonly #onEnd: (session: StoreSession) => void;

  constructor(parts: {
    readonly where: string;
    readonly facts: ServerFacts;
    readonly connection: Connection;
    readonly onEnd: (session: StoreSession) => void;
  }) {
    this.where = parts.where;
    this.facts = parts.facts;
    this.#connection = parts.connection;
    this.#onEnd = parts.onEnd;
  }

  /** Runs one statement; without an answer in time the session is over. */
  async query(text: string, { timeoutMs }: DcsLimits): Promise<Rows> {
    try {
      return await this.#connection.query(text, timeoutMs);
    } catch (cause) {
      const error = storeError(cause, this.where);
      if (error instanceof DcsUnreachableError) {
        this.#onEnd(this);
        await this.close();
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

/** The sessions of one client, one after the other. */
export function storeSessions(
  parts: StoreSessionParts,
): HostedSession<TcpAddress, StoreSession> {
  const { hosts, clock } = parts.options;
  const onEnd = (session: StoreSession): void => {
    if (sessions.forget(session) && !sessions.isClosed) parts.onBell(null);
  };
  const sessions: HostedSession<TcpAddress, StoreSession> = new HostedSession({
    ...{ name: "PostgreSQL", hosts, clock },
    open: (host, leftMs) => open(host, leftMs, { ...parts, onEnd }),
    failure: (error, host) => storeError(error, textOf(host)),
  });
  return sessions;
}

async function open(
  host: TcpAddress,
  leftMs: number,
  parts: StoreSessionParts & {
    readonly onEnd: (session: StoreSession) => void;
  },
): Promise<StoreSession> {
  const { options, statements, onBell, onEnd } = parts;
  const where = textOf(host);
  const limitMs = Math.min(leftMs, CONNECT_MS_MAX);
  let session: StoreSession | null = null;
  const connection = new Connection({
    ...await targetOf(host, options),
    connectTimeoutMs: limitMs,
    session: {
      onNotify: (channel, payload) => {
        if (channel === statements.channel) onBell(payload);
      },
      onEnd: () => {
        if (session !== null) onEnd(session);
      },
    },
  });
  try {
    const facts = factsOf(await connection.query(statements.facts, limitMs));
    const problem = problemOf(facts, where);
    if (problem !== null) {
      const { isForNow, text } = problem;
      throw isForNow
        ? new DcsUnreachableError(text)
        : new DcsRefusedError(text);
    }
    await connection.query(statements.listen, limitMs);
    const doubt = doubtOf(facts, where);
    if (doubt !== null) options.warn(doubt);
    session = new StoreSession({ where, facts, connection, onEnd });
    return session;
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function targetOf(
  host: TcpAddress,
  { database, tls, login }: PostgresStoreOptions,
): Promise<SqlTarget> {
  const { username, password, passfile } = login();
  const user = username ?? userInfo().username;
  const asker = { ...host, database, user };
  return {
    ...host,
    database,
    credentials: {
      username: user,
      password: password ?? await passwordFrom(passfile, asker),
      options: tls,
    },
    settings: SETTINGS,
  };
}

function textOf({ host, port }: TcpAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
