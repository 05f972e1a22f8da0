/**
 * The connections of one client, one after the other: to the first host that is a
 * master, or that a Sentinel names as one, if it may keep scopes.
 */
import { HostedSession } from "../../dcs/document/hosted_session.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { redisError } from "./errors.ts";
import {
  readTls,
  type RedisHost,
  type RedisOptions,
  textOf,
} from "./options.ts";
import {
  CONNECT_MS_MAX,
  type DriverLogin,
  RedisSession,
} from "./redis_session.ts";
import {
  acksWanted,
  factsOf,
  problemOf,
  type ServerFacts,
} from "./server_facts.ts";

const SETTINGS = [
  ...["appendonly", "appendfsync", "maxmemory-policy"],
  ...["min-replicas-to-write", "min-replicas-max-lag"],
];

/** What connections are made for. */
export interface ConnectionsParts {
  readonly options: RedisOptions;
  readonly channel: string;
  /** Told each message; null: the connection has ended. */
  readonly onBell: (version: string | null) => void;
}

/** Connects to the first server that may keep scopes. */
export class RedisConnections {
  readonly sessions: HostedSession<RedisHost, RedisSession>;
  readonly #parts: ConnectionsParts;
  readonly #tls: Pick<DriverLogin, "tls">;
  /** Those that have not ended yet. */
  readonly #left = new Set<RedisSession>();

  /** @throws {Error} If a TLS file cannot be read. */
  constructor(parts: ConnectionsParts) {
    const { hosts, clock, tls } = parts.options;
    this.#parts = parts;
    this.#tls = tls === null ? {} : { tls: readTls(tls) };
    this.sessions = new HostedSession({
      ...{ name: "Redis", hosts, clock },
      open: (host: RedisHost, leftMs: number) => this.#open(host, leftMs),
      failure: (error: unknown, host: RedisHost) =>
        redisError(error, textOf(host)),
    });
  }

  /** Resolves once nothing is left of the connections that were closed. */
  async ended(): Promise<void> {
    await Promise.all([...this.#left].map((session) => session.close()));
  }

  async #open(host: RedisHost, leftMs: number): Promise<RedisSession> {
    const { options, channel, onBell } = this.#parts;
    const limits = { timeoutMs: Math.min(leftMs, CONNECT_MS_MAX) };
    const { sentinelMaster } = options;
    const master = sentinelMaster === null
      ? host
      : await this.#masterOf(sentinelMaster, host, limits);
    const session = await this.#connect(master, loginOf(options), limits);
    try {
      const facts = await factsFrom(session, limits);
      judge(facts, session.where, options);
      session.acks = acksWanted(facts, sentinelMaster !== null);
      await session.subscribe(channel, onBell, limits);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** What a Sentinel says. */
  async #masterOf(
    name: string,
    host: RedisHost,
    limits: DcsLimits,
  ): Promise<RedisHost> {
    const sentinel = await this.#connect(host, {}, limits);
    try {
      const ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name] as const;
      const [answer] = await sentinel.run([ask], limits);
      const [address, port]: readonly unknown[] = Array.isArray(answer)
        ? answer
        : [];
      if (typeof address === "string" && Number(port) > 0) {
        return { host: address, port: Number(port) };
      }
      throw new DcsRefusedError(
        `The Sentinel at ${sentinel.where} knows no master "${name}"`,
      );
    } finally {
      await sentinel.close();
    }
  }

  async #connect(
    host: RedisHost,
    login: DriverLogin,
    limits: DcsLimits,
  ): Promise<RedisSession> {
    const session = new RedisSession(host, {
      driver: { ...this.#tls, ...login },
      clock: this.#parts.options.clock,
      onEnd: (one) => this.#noteEnd(one),
    });
    this.#left.add(session);
    void session.ended.then(() => this.#left.delete(session));
    try {
      await session.connect(limits);
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  #noteEnd(session: RedisSession): void {
    const isNews = this.sessions.forget(session) && !this.sessions.isClosed;
    if (isNews) this.#parts.onBell(null);
  }
}

async function factsFrom(
  session: RedisSession,
  limits: DcsLimits,
): Promise<ServerFacts> {
  const sections = ["replication", "cluster"];
  const answers = await session.run([
    ...sections.map((name) => ["INFO", name] as const),
    ...SETTINGS.map((name) => ["CONFIG", "GET", name] as const),
  ], limits);
  const infos = answers.slice(0, sections.length).join("\n");
  return factsOf(infos, answers.slice(sections.length).flat());
}

function judge(
  facts: ServerFacts,
  where: string,
  { isLossAccepted, sentinelMaster, warn }: RedisOptions,
): void {
  if (!facts.isMaster) {
    throw new DcsUnreachableError(`Redis at ${where} is a replica`);
  }
  const isWatched = sentinelMaster !== null;
  const problem = problemOf(facts, { isLossAccepted, isWatched });
  if (problem !== null) {
    throw new DcsRefusedError(`Redis at ${where} ${problem}`);
  }
  if (acksWanted(facts, isWatched) === null) return;
  warn(
    `Redis at ${where}, which keeps this scope, has replicas ` +
      "(accept_data_loss): its failover can lose what it has confirmed. " +
      "Nobody takes the lead for one ttl then, but two masters at once can " +
      "make two leaders",
  );
}

function loginOf({ login, database }: RedisOptions): DriverLogin {
  const { username, password } = login();
  return {
    db: database,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
  };
}
