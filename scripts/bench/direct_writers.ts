/**
 * Writers that go to every member directly, past all proxies, and remember who
 * acknowledged what on which timeline: two writable primaries show as a write
 * that was asked for after another member had acknowledged one on the same or a
 * newer timeline.
 */
import postgres from "postgres";

const PAUSE_MS = 10;
const STATEMENT = "INSERT INTO beats DEFAULT VALUES RETURNING " +
  "left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline";

/** One acknowledged write; moments of `performance.now()`. */
export interface Beat {
  readonly member: string;
  readonly timeline: number;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Writes to every member past all proxies, to find two primaries. */
export class DirectWriters implements AsyncDisposable {
  beats: Beat[] = [];
  readonly #sessions: readonly postgres.Sql[];
  readonly #writing: Promise<unknown>;
  #isOver = false;

  /** @param urls Connection string of each member's PostgreSQL, by name. */
  constructor(urls: ReadonlyMap<string, string>) {
    const all = [...urls].map(([member, url]) => {
      const options = { max: 1, connect_timeout: 2, backoff: false };
      const sql = postgres(url, { ...options, onnotice: () => {} });
      return { sql, writing: this.#write(member, sql) };
    });
    this.#sessions = all.map(({ sql }) => sql);
    this.#writing = Promise.all(all.map(({ writing }) => writing));
  }

  /** Makes the table, through any port that leads to the leader. */
  static async prepare(url: string): Promise<void> {
    const sql = postgres(url, { max: 1, onnotice: () => {} });
    await sql.unsafe("CREATE TABLE IF NOT EXISTS beats (id serial)");
    await sql.end();
  }

  /** The first write after `since` that another member than `member` acknowledged. */
  firstElsewhere(member: string, since: number): Beat | null {
    return this.beats.find((beat) =>
      beat.member !== member && beat.askedAt > since
    ) ?? null;
  }

  /** The last write that `member` acknowledged. */
  last(member: string): Beat | null {
    return this.beats.findLast((beat) => beat.member === member) ?? null;
  }

  /** Writes that prove two primaries at once. */
  overlaps(): number {
    return this.beats.filter((late) =>
      this.beats.some((early) =>
        early.answeredAt < late.askedAt && early.member !== late.member &&
        early.timeline >= late.timeline
      )
    ).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#sessions.map((sql) => sql.end({ timeout: 0 })));
    await this.#writing;
  }

  async #write(member: string, sql: postgres.Sql): Promise<void> {
    while (!this.#isOver) {
      const askedAt = performance.now();
      try {
        const [row] = await sql.unsafe(STATEMENT);
        const timeline = parseInt(String(row?.["timeline"]), 16);
        const answeredAt = performance.now();
        this.beats.push({ member, timeline, askedAt, answeredAt });
      } catch {
        // Read-only, stopped or starting.
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
