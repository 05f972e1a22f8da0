/** A client that writes one row after the other through a host's proxy, and knows which ones were acknowledged. */
import postgres from "postgres";
import type { Host } from "../fault/bench/network.ts";
import { untilIt } from "../helpers/wait.ts";
import type { ThreeHosts } from "./three_hosts.ts";

const PRIMARY_PORT = 5000;
const ATTEMPT_S = 5;
const PAUSE_MS = 50;

/** The client. */
export class WitnessClient implements AsyncDisposable {
  readonly #password: string;
  readonly #acknowledged: number[] = [];
  readonly #ended: Promise<void>;
  #sql: postgres.Sql;
  #host: Host;
  #isStopped = false;
  #next = 1;
  #lastMs = performance.now();
  #gapMs = 0;

  private constructor(password: string, host: Host) {
    this.#password = password;
    this.#host = host;
    this.#sql = this.#connect(host);
    this.#ended = this.#run();
  }

  /** Makes its table, and begins. */
  static async start(three: ThreeHosts, host: Host): Promise<WitnessClient> {
    const [first] = three.hosts;
    const text = await Deno.readTextFile(three.configPath(first));
    const password = /superuser:\n\s+username: postgres\n\s+password: "(.+)"/
      .exec(text)?.[1] ?? "";
    return new WitnessClient(password, host);
  }

  /** Rows that were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged.length;
  }

  /** The longest time between two acknowledged rows since the last call. */
  takeGapMs(): number {
    const gapMs = this.#gapMs;
    this.#gapMs = 0;
    return gapMs;
  }

  /** Waits until so many more rows were acknowledged. */
  async untilMore(rows: number): Promise<void> {
    const wanted = this.acknowledged + rows;
    await untilIt(
      `${rows} more rows`,
      () => Promise.resolve(this.acknowledged >= wanted),
      { limitMs: 60_000 },
    );
  }

  /** Goes on through another host's proxy. */
  async moveTo(host: Host): Promise<void> {
    const before = this.#sql;
    this.#host = host;
    this.#sql = this.#connect(host);
    await before.end({ timeout: 1 });
  }

  /** Acknowledged rows that are not there. */
  async missing(): Promise<readonly number[]> {
    const wanted = [...this.#acknowledged];
    const rows = await this.#sql`SELECT id FROM witnessed`;
    const there = new Set(rows.map(({ id }) => id));
    return wanted.filter((id) => !there.has(id));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
    await this.#sql.end({ timeout: 1 });
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const id = this.#next++;
      try {
        await this.#sql`CREATE TABLE IF NOT EXISTS witnessed (id int)`;
        await this.#sql`INSERT INTO witnessed VALUES (${id})`;
        this.#acknowledged.push(id);
        const nowMs = performance.now();
        this.#gapMs = Math.max(this.#gapMs, nowMs - this.#lastMs);
        this.#lastMs = nowMs;
      } catch {
        // The leader is away, or the client moves: the next row tries again, by a
        // client of its own, since one that waits to connect again cannot be ended.
        await this.moveTo(this.#host);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #connect(host: Host): postgres.Sql {
    return postgres({
      ...{ host: host.address, port: PRIMARY_PORT, username: "postgres" },
      ...{ database: "postgres", password: this.#password, max: 1 },
      ssl: { rejectUnauthorized: false },
      ...{ connect_timeout: ATTEMPT_S, onnotice: () => {} },
      ...{ idle_timeout: 0, max_lifetime: null, fetch_types: false },
    });
  }
}
