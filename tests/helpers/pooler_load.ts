/**
 * Clients of a pooler that write all the time, each a row of its own, and never
 * try anything twice: the first error ends a client, and is told.
 */
import type postgres from "postgres";
import type { Pgbouncer } from "./pgbouncer.ts";
import { untilIt } from "./wait.ts";

/** Writers behind a pooler. */
export class PoolerLoad implements AsyncDisposable {
  /** Writes that were acknowledged, by client. */
  readonly acknowledged = new Map<number, number>();
  /** The longest that a write has taken, in milliseconds. */
  slowestMs = 0;
  readonly #clients: readonly postgres.Sql[];
  readonly #running: readonly Promise<void>[];
  readonly #errors: string[] = [];
  readonly #restMs: number;
  #isOver = false;

  private constructor(clients: readonly postgres.Sql[], restMs: number) {
    this.#clients = clients;
    this.#restMs = restMs;
    this.#running = clients.map((client, id) => this.#write(client, id));
  }

  /**
   * Makes the table `pooled`, with a row per client.
   *
   * @param restMs What a client rests after a write.
   */
  static async start(
    pooler: Pick<Pgbouncer, "client">,
    { count, restMs }: { readonly count: number; readonly restMs: number },
  ): Promise<PoolerLoad> {
    const first = pooler.client();
    try {
      await first.unsafe(
        "DROP TABLE IF EXISTS pooled; " +
          "CREATE TABLE pooled (id int PRIMARY KEY, n int NOT NULL); " +
          `INSERT INTO pooled SELECT id, 0 FROM generate_series(0, ${
            count - 1
          }) id`,
      ).simple();
    } finally {
      await first.end({ timeout: 1 });
    }
    const clients = Array.from({ length: count }, () => pooler.client());
    return new PoolerLoad(clients, restMs);
  }

  /** Acknowledged writes of all. */
  get total(): number {
    return [...this.acknowledged.values()].reduce((sum, n) => sum + n, 0);
  }

  /** Waits until so many more were acknowledged, or a client has failed. */
  async untilMore(count: number): Promise<void> {
    const goal = this.total + count;
    await untilIt(
      `${count} more writes`,
      () => Promise.resolve(this.total >= goal || this.#errors.length > 0),
    );
  }

  /** Errors that clients have seen. */
  async end(): Promise<readonly string[]> {
    this.#isOver = true;
    await Promise.all(this.#running);
    return this.#errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients.map((one) => one.end({ timeout: 0 })));
    await Promise.all(this.#running);
  }

  async #write(client: postgres.Sql, id: number): Promise<void> {
    try {
      for (let n = 1; !this.#isOver; n++) {
        const startedAt = performance.now();
        await client.unsafe(`UPDATE pooled SET n = n + 1 WHERE id = ${id}`)
          .simple();
        this.acknowledged.set(id, n);
        const tookMs = performance.now() - startedAt;
        this.slowestMs = Math.max(this.slowestMs, tookMs);
        await new Promise((resolve) => setTimeout(resolve, this.#restMs));
      }
    } catch (error) {
      if (!this.#isOver) this.#errors.push(`client ${id}: ${String(error)}`);
    }
  }
}
