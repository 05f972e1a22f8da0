/**
 * The failover meter: one client that writes numbered rows through a port all
 * the time, reconnects on error, and knows each row that was acknowledged. It
 * measures what an application feels: the longest time without an
 * acknowledged write. It runs in a process of its own (`meter_process.ts`), so
 * that the work of the lab or the benchmark does not count.
 */
import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { pause } from "./wait.ts";

/** Where the meter writes and how patient it is. */
export interface MeterOptions {
  /** `postgres://` connection string of the read-write port. */
  readonly url: string;
  readonly table: string;
  /** Pause between two writes, and after an error, in milliseconds. */
  readonly pauseMs: number;
  /** The client gives a connection up that is silent for this time. */
  readonly silenceMs: number;
}

/** What the meter saw since the last {@link Meter.begin}. */
export interface MeterReport {
  /** Longest time between two acknowledged rows, or since the last one, in milliseconds. */
  readonly gapMs: number;
  readonly errors: number;
  readonly acknowledged: number;
  /** Age of the last acknowledged row in milliseconds. */
  readonly idleMs: number;
  /** The last error's text; null if there was none. */
  readonly lastError: string | null;
}

/** How many acknowledged rows are missing in the table. */
export interface MeterVerdict {
  readonly lost: number;
  /** The first lost numbers, at most ten. */
  readonly examples: readonly number[];
}

type Sql = ReturnType<typeof postgres>;

/** A client that writes rows all the time and measures the gaps. */
export class Meter {
  readonly #options: MeterOptions;
  readonly #acknowledged = new Set<number>();
  #next = 1;
  #window = emptyWindow();

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  /** Creates the table; the numbers start above what is there already. */
  async prepare(): Promise<void> {
    const sql = this.#connect();
    try {
      const table = sql(this.#options.table);
      await sql`create table if not exists ${table} (n bigint primary key)`;
      const rows =
        await sql`select coalesce(max(n), 0)::int as n from ${table}`;
      this.#next = Number(rows[0]?.["n"] ?? 0) + 1;
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  /** Writes until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    let sql = this.#connect();
    while (!signal.aborted) {
      try {
        await this.#write(sql);
      } catch (error) {
        this.#window.errors += 1;
        this.#window.lastError = String(error);
        close(sql);
        sql = this.#connect();
      }
      await pause(this.#options.pauseMs, signal);
    }
    await sql.end({ timeout: 1 });
  }

  /** Begins a new measurement now. */
  begin(): void {
    this.#window = emptyWindow();
  }

  /** What happened since `begin`. */
  report(): MeterReport {
    const idleMs = performance.now() - this.#window.last;
    const { errors, acknowledged, lastError } = this.#window;
    const gapMs = Math.round(Math.max(this.#window.gapMs, idleMs));
    return { gapMs, errors, acknowledged, idleMs, lastError };
  }

  /** Compares all rows that were ever acknowledged with the table. */
  async verify(): Promise<MeterVerdict> {
    const sql = this.#connect();
    try {
      const table = sql(this.#options.table);
      const expected = [...this.#acknowledged];
      const rows = await sql`select n::int as n from ${table}`;
      const stored = new Set(rows.map((row) => Number(row["n"])));
      const lost = expected.filter((n) => !stored.has(n));
      return { lost: lost.length, examples: lost.slice(0, 10) };
    } finally {
      await sql.end({ timeout: 1 });
    }
  }

  async #write(sql: Sql): Promise<void> {
    // A number is never written twice: a row whose answer was lost may exist.
    const n = this.#next++;
    await limited(
      sql`insert into ${sql(this.#options.table)} (n) values (${n})`,
      this.#options.silenceMs,
    );
    this.#acknowledged.add(n);
    const now = performance.now();
    const window = this.#window;
    window.gapMs = Math.max(window.gapMs, now - window.last);
    window.last = now;
    window.acknowledged += 1;
  }

  #connect(): Sql {
    const target = new URL(this.#options.url);
    const options = {
      max: 1,
      connect_timeout: this.#options.silenceMs / 1000,
      fetch_types: false,
      prepare: false,
      onnotice: () => {},
      socket: connectOnce(target.hostname, Number(target.port)),
    };
    return postgres(this.#options.url, options);
  }
}

interface Window {
  gapMs: number;
  errors: number;
  acknowledged: number;
  last: number;
  lastError: string | null;
}

function emptyWindow(): Window {
  return {
    gapMs: 0,
    errors: 0,
    acknowledged: 0,
    last: performance.now(),
    lastError: null,
  };
}

/**
 * Opens one connection and refuses a second: the driver would silently retry
 * without a pause when a router accepts and closes, which is an error that the
 * meter wants to count.
 */
function connectOnce(host: string, port: number): () => Promise<Socket> {
  let isUsed = false;
  return () => {
    if (isUsed) return Promise.reject(new Error("The connection was closed"));
    isUsed = true;
    return new Promise((resolve, reject) => {
      const socket = connect(port, host, () => {
        socket.removeListener("error", reject);
        resolve(socket);
      });
      socket.once("error", reject);
    });
  };
}

/** A broken connection is thrown away without waiting for it. */
function close(sql: Sql): void {
  sql.end({ timeout: 0 }).catch(() => {});
}

async function limited(work: PromiseLike<unknown>, ms: number): Promise<void> {
  const stop = new AbortController();
  const silence = pause(ms, stop.signal).then(() => {
    if (!stop.signal.aborted) throw new Error(`No answer within ${ms} ms`);
  });
  try {
    await Promise.race([work, silence]);
  } finally {
    stop.abort();
  }
}
