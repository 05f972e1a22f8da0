/**
 * A pool of connections as applications have them (node-postgres): some busy,
 * some idle, each transaction on whichever is free. A transaction whose very
 * beginning fails because the connection was closed is begun on another one, as
 * pools do that try a connection before they lend it; everything else that fails
 * is a failure.
 */
import pg from "pg";
import { PASSWORDS } from "./agent_member.ts";

const CONNECTIONS = 5;
const MORE_LIMIT_MS = 60_000;

/** What a load does: writes rows (client, number) into the table `paid`, or reads. */
export type PoolWork = "write" | "read";

/** See the head of this file. */
export class PoolLoad {
  readonly failures: string[] = [];
  committed = 0;
  /** Transactions that had to begin a second time. */
  begunAgain = 0;
  readonly #pool: pg.Pool;
  readonly #workers: Promise<void>[] = [];
  readonly #kind: PoolWork;
  #isEnding = false;

  constructor(port: number, firstClient: number, kind: PoolWork = "write") {
    this.#kind = kind;
    this.#pool = new pg.Pool({
      host: "127.0.0.1",
      port,
      user: "postgres",
      password: PASSWORDS.postgres,
      database: "postgres",
      max: CONNECTIONS,
    });
    // An idle connection that was closed: the pool has dropped it already.
    this.#pool.on("error", () => {});
    // The same while it is lent; the query that runs is told, too.
    this.#pool.on("connect", (client: pg.PoolClient) => {
      client.on("error", () => {});
    });
    for (let i = 0; i < CONNECTIONS; i++) {
      this.#workers.push(this.#work(firstClient + i));
    }
  }

  /** Resolves when that many more transactions were committed, or one failed. */
  async more(count: number): Promise<void> {
    const wanted = this.committed + count;
    const deadline = performance.now() + MORE_LIMIT_MS;
    while (this.committed < wanted && this.failures.length === 0) {
      if (performance.now() > deadline) {
        throw new Error(`Only ${this.committed} of ${wanted} transactions`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#workers);
    await this.#pool.end();
  }

  async #work(client: number): Promise<void> {
    for (let number = 0; !this.#isEnding; number++) {
      try {
        await this.#pay(client, number);
        this.committed++;
      } catch (error) {
        this.failures.push(String(error));
        return;
      }
      // From short to long pauses; nobody can tell when a client without any
      // begins its next transaction, see drain.ts.
      const pauseMs = 30 + client % CONNECTIONS * 100;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #pay(client: number, number: number): Promise<void> {
    const session = await this.#begun();
    let error: Error | undefined;
    try {
      if (this.#kind === "write") {
        const row = [client, number];
        await session.query("insert into paid values ($1, $2)", row);
      }
      await session.query("select pg_sleep(0.03)");
      await session.query("commit");
    } catch (caught) {
      error = caught instanceof Error ? caught : new Error(String(caught));
      throw error;
    } finally {
      session.release(error);
    }
  }

  /**
   * A connection in a transaction. A switchover closes all that the pool keeps,
   * so each of them may be found dead before the first new one.
   */
  async #begun(): Promise<pg.PoolClient> {
    for (let tries = 0;; tries++) {
      const session = await this.#pool.connect();
      try {
        await session.query("begin");
        return session;
      } catch (error) {
        session.release(true);
        if (tries >= CONNECTIONS) throw error;
        this.begunAgain++;
      }
    }
  }
}
