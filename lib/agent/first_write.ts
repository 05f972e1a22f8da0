/**
 * When the first transaction that wrote anything has ended on a new primary. It
 * has ended for PostgreSQL only after its synchronous standbys have answered, so
 * this is the moment at which a client is told of its commit. PostgreSQL's own
 * writes (autovacuum's statistics) count as well.
 */
import type { Clock } from "../ports/clock.ts";
import type { PostgresWatch } from "../ports/postgres.ts";
import type { FailoverDiary } from "./failover_diary.ts";
import type { Inbox } from "./inbox.ts";

/** Looks are close together at first: that is the answer's precision. */
const CLOSE_MS = 50;
const CLOSE_LOOKS = 100;
const WIDE_MS = 500;
/** A minute in all; who writes nothing for so long is not waited for. */
const LOOKS_MAX = 210;

/** What is looked at, and who is told. */
interface FirstWriteParts {
  readonly clock: Pick<Clock, "sleep">;
  readonly postgres: Pick<PostgresWatch, "endedTransaction">;
  readonly diary: Pick<FailoverDiary, "mark">;
  readonly inbox: Pick<Inbox, "wake">;
}

/** Looks until it has happened, for a bounded time. */
export class FirstWrite {
  readonly #parts: FirstWriteParts;
  #looking: AbortController | null = null;

  constructor(parts: FirstWriteParts) {
    this.#parts = parts;
  }

  /** Nobody looks any more. */
  get isOver(): boolean {
    return this.#looking === null;
  }

  /** The instance has just become primary. Nothing if that is known. */
  begin(): void {
    if (this.#looking !== null) return;
    const looking = new AbortController();
    this.#looking = looking;
    this.#look(looking.signal).finally(() => {
      if (this.#looking === looking) this.#looking = null;
      // The loop keeps what was found.
      if (!looking.signal.aborted) this.#parts.inbox.wake();
    });
  }

  close(): void {
    this.#looking?.abort();
  }

  /** Never rejects. */
  async #look(signal: AbortSignal): Promise<void> {
    const { clock, postgres, diary } = this.#parts;
    const first = await postgres.endedTransaction();
    if (first === null) return;
    for (let looks = 0; looks < LOOKS_MAX && !signal.aborted; looks++) {
      await clock.sleep(looks < CLOSE_LOOKS ? CLOSE_MS : WIDE_MS, signal);
      if (signal.aborted) return;
      const last = await postgres.endedTransaction();
      if (last === null) return;
      if (last !== first) return diary.mark("first_write");
    }
  }
}
