/**
 * Looks out for synchronous standbys that a leader lacks, while its loop rests:
 * one that has begun to stream is not left waiting for the next cycle.
 */
import { hasCome, missedStandbys } from "../core/calc/sync/sync_gap.ts";
import type { PostgresWatch } from "../ports/postgres.ts";
import type { Observed } from "./loop_status.ts";

const LOOK_EVERY_MS = 500;

/** Where is looked, and what was seen before. */
interface WatchParts {
  readonly postgres: Pick<PostgresWatch, "streaming">;
  readonly status: Observed;
}

/** The lookout of one member. */
export class StandbyWatch {
  readonly #parts: WatchParts;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** The longest rest until the next look; no limit while nobody is missed. */
  get restMsMax(): number {
    const { observation } = this.#parts.status;
    const isComplete = observation === null ||
      missedStandbys(observation).length === 0;
    return isComplete ? Infinity : LOOK_EVERY_MS;
  }

  /** Whether one that was missed streams now. */
  async hasCome(): Promise<boolean> {
    const { postgres, status: { observation } } = this.#parts;
    if (observation === null || this.restMsMax === Infinity) return false;
    return hasCome(observation, await postgres.streaming());
  }
}
