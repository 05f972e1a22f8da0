/** What the fence of this process did so far: counted, and said once each. */
import type { Log } from "../lib/ports/log.ts";

/** What the fence did. */
export interface FenceStats {
  /** off: there is no primary of an agent here, or it is paused. */
  readonly state: "off" | "watching" | "agent_gone" | "fencing" | "fenced";
  readonly graceMs: number;
  readonly fencings: number;
  readonly calledOff: number;
  readonly keysGivenBack: number;
  /** How late the last fencing began, by the clock; null: there was none. */
  readonly lastDelayMs: number | null;
}

/** Counts what the fence did; a trouble that lasts is logged once. */
export class FenceRecord {
  readonly #log: Log;
  #counts = { fencings: 0, calledOff: 0, keysGivenBack: 0 };
  #lastDelayMs: number | null = null;
  #said = "";

  constructor(log: Log) {
    this.#log = log;
  }

  get counts(): Omit<FenceStats, "state" | "graceMs"> {
    return { ...this.#counts, lastDelayMs: this.#lastDelayMs };
  }

  begun(delayMs: number): void {
    this.#lastDelayMs = delayMs;
    this.#counts.fencings++;
  }

  keyGivenBack(): void {
    this.#counts.keysGivenBack++;
  }

  /** The next trouble is a new one. */
  over(how: "done" | "called_off"): void {
    if (how === "called_off") this.#counts.calledOff++;
    this.#said = "";
  }

  /** A step failed, and is tried again. */
  failed(text: string, error: unknown): void {
    if (this.#isNew(text)) this.#log.error(text, { error });
  }

  /** The last step cannot be done yet. */
  hindered(text: string, before: string): void {
    if (this.#isNew(text)) this.#log.warning(`${before}. ${text}`);
  }

  #isNew(text: string): boolean {
    const isNew = this.#said !== text;
    this.#said = text;
    return isNew;
  }
}
