/**
 * One connection to Redis, which carries commands and messages.
 *
 * Every call has its own time limit on our side. A server that does not answer in
 * time loses the connection, and the driver never makes a new one by itself: that
 * could be another server.
 */
import { Redis } from "ioredis";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";
import { redisError } from "./errors.ts";
import { connectorTo } from "./socket_connector.ts";
import { type RedisHost, textOf, type TlsContents } from "./options.ts";

/** Of each host. */
export const CONNECT_MS_MAX = 2000;

/** How a connection differs from others. */
export interface DriverLogin {
  readonly tls?: TlsContents;
  readonly db?: number;
  readonly username?: string;
  readonly password?: string;
}

/** One command and its arguments. */
export type Command = readonly [string, ...(string | number)[]];

/** An open connection. */
export class RedisSession {
  /** Host and port, for people. */
  readonly where: string;
  readonly #driver: Redis;
  readonly #clock: Clock;
  readonly #onEnd: (session: RedisSession) => void;
  /** The driver tells its callers less than its listeners. */
  #problem: unknown = null;
  /** How many replicas must have a save; null: none is asked. */
  acks: number | null = null;
  /** Nothing of it is left. */
  readonly ended: Promise<void>;

  constructor(
    host: RedisHost,
    { driver, clock, onEnd }: {
      readonly driver: DriverLogin;
      readonly clock: Clock;
      readonly onEnd: (session: RedisSession) => void;
    },
  ) {
    this.where = textOf(host);
    this.#clock = clock;
    this.#onEnd = onEnd;
    const { tls = null, ...login } = driver;
    const Connector = connectorTo(host, tls);
    this.#driver = new Redis({ ...DRIVER, ...login, Connector });
    this.#driver.on("error", (error) => this.#problem ??= error);
    this.ended = new Promise((resolve) => this.#driver.once("end", resolve));
    this.#driver.on("end", () => onEnd(this));
  }

  /** Opens it, and logs in. */
  async connect(limits: DcsLimits): Promise<void> {
    await this.#timed(this.#driver.connect(), limits);
    if (this.#problem !== null) throw redisError(this.#problem, this.where);
  }

  /** Runs commands one after the other, sent together; gives their answers. */
  async run(
    commands: readonly Command[],
    limits: DcsLimits,
  ): Promise<readonly unknown[]> {
    const pipeline = this.#driver.pipeline();
    for (const [name, ...words] of commands) pipeline.call(name, ...words);
    const answers = await this.#timed(pipeline.exec(), limits) ?? [];
    return answers.map(([error, answer]) => {
      if (error !== null) throw this.#failed(error);
      return answer;
    });
  }

  /** Hears what is published. */
  async subscribe(
    channel: string,
    hear: (message: string) => void,
    limits: DcsLimits,
  ): Promise<void> {
    this.#driver.on("message", (from: string, message: string) => {
      if (from === channel) hear(message);
    });
    await this.#timed(this.#driver.subscribe(channel), limits);
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#driver.disconnect();
    await this.ended;
  }

  async #timed<T>(work: Promise<T>, { timeoutMs }: DcsLimits): Promise<T> {
    const ending = new AbortController();
    const late = this.#clock.sleep(timeoutMs, ending.signal).then(() => {
      throw new Error(`no answer within ${Math.round(timeoutMs)} ms`);
    });
    late.catch(() => {});
    work.catch(() => {});
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw this.#failed(this.#problem ?? error);
    } finally {
      ending.abort();
    }
  }

  #failed(cause: unknown): DcsRefusedError | DcsUnreachableError {
    const error = redisError(cause, this.where);
    if (error instanceof DcsUnreachableError) {
      this.#driver.disconnect();
      this.#onEnd(this);
    }
    return error;
  }
}

/** The driver does nothing by itself. */
const DRIVER = {
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  disableClientInfo: true,
  // Messages come on the same connection.
  protocol: 3,
  replyMapping: "legacy",
  connectionName: "Matriarch",
} as const;
