/**
 * A pool of connections as applications have them: some busy without any rest,
 * some idle, each transaction on whichever is free. It connects again once (see
 * `renewed_pool.ts`); everything else that fails is a failure.
 */
import { RenewedPool } from "../../scripts/bench/renewed_pool.ts";
import { PASSWORDS } from "./agent_member.ts";

/** One client and one connection for each; a client without pause never rests. */
const PAUSES_MS = [0, 0, 10, 100, 400] as const;
const MORE_LIMIT_MS = 60_000;

/** What a load does: writes rows (client, number) into the table `paid`, or reads. */
type PoolWork = "write" | "read";

/** How it does it. */
interface PoolWay {
  /** By default "write". */
  readonly work?: PoolWork;
  /** With "tls" no proxy can see what is said. */
  readonly cipher?: "none" | "tls";
}

/** Keeps a pool of connections busy, as applications do. */
export class PoolLoad {
  readonly failures: string[] = [];
  committed = 0;
  readonly #pool: RenewedPool;
  readonly #workers: Promise<void>[] = [];
  readonly #kind: PoolWork;
  #isEnding = false;

  constructor(port: number, firstClient: number, way: PoolWay = {}) {
    this.#kind = way.work ?? "write";
    this.#pool = new RenewedPool({
      host: "127.0.0.1",
      port,
      user: "postgres",
      password: PASSWORDS.postgres,
      database: "postgres",
      max: PAUSES_MS.length,
      ssl: way.cipher === "tls" ? { rejectUnauthorized: false } : false,
    });
    for (const [i, pauseMs] of PAUSES_MS.entries()) {
      this.#workers.push(this.#work(firstClient + i, pauseMs));
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

  async #work(client: number, pauseMs: number): Promise<void> {
    for (let number = 0; !this.#isEnding; number++) {
      try {
        await this.#pay(client, number);
        this.committed++;
      } catch (error) {
        const at = new Date().toISOString();
        this.failures.push(`${at} client ${client}, ${number}: ${error}`);
        return;
      }
      if (pauseMs === 0) continue;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #pay(client: number, number: number): Promise<void> {
    const session = await this.#pool.begun();
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
}
