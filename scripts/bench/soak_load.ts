/**
 * The load of the soak: pools as applications have them, on both ports, which
 * connect again once (see `renewed_pool.ts`), and every error with the moment and
 * the phase of its transaction, so that it can be explained or not.
 */
import type pg from "pg";
import { RenewedPool } from "./renewed_pool.ts";

/** Where in its transaction a client was. */
export type Phase = "connect" | "begin" | "work" | "commit";

/** One transaction that failed for its application. */
export interface LoadError {
  readonly port: "read-write" | "read-only";
  readonly phase: Phase;
  readonly code: string;
  readonly text: string;
  readonly atMs: number;
}

/** What a load is made of. */
interface LoadParts {
  readonly url: string;
  readonly port: LoadError["port"];
  readonly clients: number;
  /** First of the numbers that mark this load's rows. */
  readonly firstClient: number;
}

/** A pool whose clients pay or read until it is ended. */
export class SoakLoad {
  readonly errors: LoadError[] = [];
  transactions = 0;
  /** Rows that were acknowledged. */
  rows = 0;
  readonly #parts: LoadParts;
  readonly #pool: RenewedPool;
  readonly #working: Promise<unknown>;
  #isEnding = false;

  constructor(parts: LoadParts) {
    this.#parts = parts;
    const { clients, firstClient, url } = parts;
    this.#pool = new RenewedPool({ connectionString: url, max: clients });
    const numbers = Array.from({ length: clients }, (_, i) => i + firstClient);
    this.#working = Promise.all(numbers.map((one) => this.#work(one)));
  }

  /** Transactions that were begun a second time. */
  get begunAgain(): number {
    return this.#pool.begunAgain;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#working;
    await this.#pool.end();
  }

  async #work(client: number): Promise<void> {
    for (let number = 0; !this.#isEnding; number++) {
      await this.#transaction(client, number);
      // From back to back to long pauses.
      const pauseMs = client % 5 * 100;
      if (pauseMs === 0) continue;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #transaction(client: number, number: number): Promise<void> {
    let phase: Phase = "connect";
    let session: pg.PoolClient | null = null;
    try {
      session = await this.#pool.begun((now) => {
        phase = now;
      });
      phase = "work";
      if (this.#parts.port === "read-write") {
        await session.query("insert into soak values ($1, $2)", [
          client,
          number,
        ]);
      }
      await session.query("select count(*) from pg_class, pg_sleep(0.02)");
      phase = "commit";
      await session.query("commit");
      session.release();
      this.transactions++;
      if (this.#parts.port === "read-write") this.rows++;
    } catch (error) {
      session?.release(true);
      const { port } = this.#parts;
      this.errors.push({ port, phase, atMs: Date.now(), ...faceOf(error) });
    }
  }
}

function faceOf(error: unknown): { readonly code: string; text: string } {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error
    ? String(error.code)
    : "closed";
  return { code, text };
}

/** A stretch of time in which a switchover was carried out. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Codes with which a session ends that its server or proxy closed. */
const CLOSED = ["57P01", "closed", "ECONNRESET", "EPIPE"];

/** Why an error is what was promised; null: nothing explains it. */
export function explanation(
  error: LoadError,
  switchovers: readonly Window[],
): string | null {
  const isDuring = switchovers.some(({ fromMs, toMs }) =>
    error.atMs >= fromMs && error.atMs <= toMs
  );
  const isClosed = CLOSED.includes(error.code);
  if (error.port === "read-only" && isDuring && isClosed) {
    return "the reader's replica became the leader, or followed another one";
  }
  return null;
}
