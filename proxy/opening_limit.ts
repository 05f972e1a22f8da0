/**
 * What clients may cost that have not said yet what they want: each has so much
 * time for its first packet, and those of one source only so many places. Who
 * comes after that takes the place of the one that has been silent for longest;
 * a real client speaks at once, so it is met by that only in a flood of its own.
 *
 * The time is the same for all clients, so whoever has waited longest is the
 * next whose time is up: one sleep at a time serves everybody, and clients in
 * time, which are nearly all, need no timer.
 */
import { after, type Moment, remainingMs } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";

/** What a client says first comes right behind its connection; before that nobody has to go. */
const ARRIVING_MS = 100;
/** In a full house, where the newcomers are not from one address, it takes longer to count as silent. */
const SILENT_MS = 1_000;

/** Why a client is not waited for any longer. */
export type OpeningEnd = "late" | "crowded";

/** A client whose first packet is waited for. */
export interface OpeningWait {
  readonly source: string;
  readonly deadline: Moment;
  readonly onOver: (end: OpeningEnd) => void;
}

/** How much is given. */
interface OpeningTerms {
  /** Time for a first packet. */
  readonly limitMs: number;
  /** Clients of one source whose first packet is not whole yet. */
  readonly perSourceMax: number;
}

/** Limits the time and the number of clients that have not said yet what they want. */
export class OpeningLimit {
  readonly #clock: Clock;
  readonly #terms: OpeningTerms;
  /** In the order in which their times are up. */
  readonly #waits = new Set<OpeningWait>();
  /** The same by source, none of them empty. */
  readonly #sources = new Map<string, Set<OpeningWait>>();
  readonly #closing = new AbortController();
  /** Sources that had more than their share at the last look. */
  readonly #crowds = new Set<string>();
  #isWatching = false;
  #isTrimming = false;

  constructor(clock: Clock, terms: OpeningTerms) {
    this.#clock = clock;
    this.#terms = terms;
  }

  /**
   * Calls `onOver`, which must not throw, unless `end` comes before.
   *
   * @param source Who shares the places, see {@link sourceOf}.
   */
  begin(source: string, onOver: (end: OpeningEnd) => void): OpeningWait {
    const { limitMs } = this.#terms;
    const deadline = after(this.#clock.now(), limitMs);
    const wait = { source, deadline, onOver };
    this.#waits.add(wait);
    const mates = this.#sources.get(source) ?? new Set();
    this.#sources.set(source, mates.add(wait));
    if (!this.#trim(source)) {
      this.#crowds.add(source);
      if (!this.#isTrimming) this.#trimCrowds();
    }
    if (!this.#isWatching) this.#watch();
    return wait;
  }

  /** The packet is there, or will never be. May be said again. */
  end(wait: OpeningWait): void {
    if (!this.#waits.delete(wait)) return;
    const mates = this.#sources.get(wait.source);
    mates?.delete(wait);
    if (mates?.size === 0) this.#sources.delete(wait.source);
  }

  /** For a newcomer: ends who has been silent for longest, if that is long. */
  makeRoom(): boolean {
    const [oldest] = this.#waits;
    if (oldest === undefined) return false;
    if (!this.#isSilent(oldest, SILENT_MS)) return false;
    this.#give(oldest, "crowded");
    return true;
  }

  /** From now on nobody is late any more. */
  close(): void {
    this.#closing.abort();
  }

  /** @returns Whether the source has no more than its share now. */
  #trim(source: string): boolean {
    const mates = this.#sources.get(source) ?? new Set();
    for (const oldest of mates) {
      if (mates.size <= this.#terms.perSourceMax) return true;
      if (!this.#isSilent(oldest, ARRIVING_MS)) return false;
      this.#give(oldest, "crowded");
    }
    return true;
  }

  /** Whoever was only arriving has arrived by the next look. */
  async #trimCrowds(): Promise<void> {
    this.#isTrimming = true;
    const { signal } = this.#closing;
    while (this.#crowds.size > 0 && !signal.aborted) {
      await this.#clock.sleep(ARRIVING_MS, signal);
      for (const source of [...this.#crowds]) {
        if (this.#trim(source)) this.#crowds.delete(source);
      }
    }
    this.#isTrimming = false;
  }

  #isSilent({ deadline }: OpeningWait, ms: number): boolean {
    const leftMs = remainingMs(deadline, this.#clock.now());
    return this.#terms.limitMs - leftMs >= ms;
  }

  #give(wait: OpeningWait, end: OpeningEnd): void {
    this.end(wait);
    wait.onOver(end);
  }

  async #watch(): Promise<void> {
    this.#isWatching = true;
    const { signal } = this.#closing;
    // Meets those who are added meanwhile, too, and not those who are removed.
    for (const wait of this.#waits) {
      const leftMs = remainingMs(wait.deadline, this.#clock.now());
      if (leftMs > 0) await this.#clock.sleep(leftMs, signal);
      if (signal.aborted) return;
      if (this.#waits.has(wait)) this.#give(wait, "late");
    }
    this.#isWatching = false;
  }
}

/** IPv6 is given out in networks of that many groups of 16 bits. */
const NETWORK_GROUPS = 4;

/**
 * Who counts as one source: an IPv4 address, or a network of IPv6 (/64), of
 * which every host has all addresses.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(sourceOf("10.0.0.1"), "10.0.0.1");
 * assert.equal(sourceOf("2001:db8::1"), sourceOf("2001:db8::2:3"));
 * ```
 */
export function sourceOf(address: string): string {
  if (!address.includes(":")) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = "", tail] = address.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Math.max(0, 8 - front.length - back.length);
  const all = [...front, ...Array.from({ length: zeros }, () => "0"), ...back];
  return all.slice(0, NETWORK_GROUPS).join(":");
}
