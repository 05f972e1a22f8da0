/**
 * A pool of connections (node-postgres) that connects again once. A transaction
 * whose very beginning fails is begun once more, on a new connection: the first
 * dead one makes the pool give up all that it has, as HikariCP's
 * `softEvictConnections` or SQLAlchemy's invalidation of a pool do. Whatever else
 * fails is the application's to bear.
 */
import pg from "pg";

/** Beyond every hold and drain: what waits so long waits for ever. */
const CALL_LIMIT_MS = 60_000;

/** Where such a pool connects to. */
type PoolPlace = pg.PoolConfig & { readonly max: number };

/** How far the beginning of a transaction got. */
export type BeginPhase = "connect" | "begin";

/** A pool of connections that connects again once. */
export class RenewedPool {
  /** Transactions that were begun a second time. */
  begunAgain = 0;
  readonly #place: PoolPlace;
  readonly #given: Promise<void>[] = [];
  #pool: pg.Pool;

  constructor(place: PoolPlace) {
    this.#place = place;
    this.#pool = this.#newPool();
  }

  /**
   * A connection in a transaction.
   *
   * @param note Told how far it is.
   * @throws {Error} If the second attempt failed too.
   */
  async begun(
    note: (phase: BeginPhase) => void = () => {},
  ): Promise<pg.PoolClient> {
    const pool = this.#pool;
    try {
      return await begunIn(pool, note);
    } catch {
      this.begunAgain++;
      this.#renew(pool);
      return await begunIn(this.#pool, note);
    }
  }

  /** Once nobody uses it any more. */
  async end(): Promise<void> {
    await Promise.all([this.#pool.end(), ...this.#given]);
  }

  /** Connections that are lent go when they come back. */
  #renew(pool: pg.Pool): void {
    if (pool !== this.#pool) return;
    this.#pool = this.#newPool();
    this.#given.push(endSoon(pool));
  }

  #newPool(): pg.Pool {
    const pool = new pg.Pool({
      ...this.#place,
      connectionTimeoutMillis: CALL_LIMIT_MS,
      query_timeout: CALL_LIMIT_MS,
    });
    // An idle connection that was closed: the pool has dropped it already.
    pool.on("error", () => {});
    // The same while it is lent; the query that runs is told, too.
    pool.on("connect", (client: pg.PoolClient) => {
      client.on("error", () => {});
    });
    return pool;
  }
}

/** Who asked for an idle connection gets it a turn later; an ended pool would forget him. */
async function endSoon(pool: pg.Pool): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  await pool.end();
}

async function begunIn(
  pool: pg.Pool,
  note: (phase: BeginPhase) => void,
): Promise<pg.PoolClient> {
  note("connect");
  const session = await pool.connect();
  note("begin");
  try {
    await session.query("begin");
    return session;
  } catch (error) {
    session.release(true);
    throw error;
  }
}
