/**
 * Finds an agent whose process stands still (stopped, or caught in one call), and
 * ends it: what follows is then the same as for a dead one, long before its
 * lease runs out. SIGKILL works on a process that is stopped.
 *
 * Looks are counted, not time, and only looks that came when they should: where
 * this process is late, too, it is the host that stands still, or has too much
 * to do, and nobody is ended for that.
 */
import { after, type Moment } from "../lib/core/base/units.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { Log } from "../lib/ports/log.ts";
import type { AgentHeartbeat } from "../lib/ports/proxy_process.ts";
import { errorText } from "./error_text.ts";

const LOOK_MS = 500;
/** A look that is later than that says nothing. */
const LATE_MS = 250;
/** So many words in a row must be missing. */
const MISSING_WORDS = 3;

/** What the watch works with. */
interface FrozenAgentParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "error">;
  /** SIGKILL. */
  readonly endProcess: (pid: number) => void;
}

/** Watches the agent of this host, while there is something to fence. */
export class FrozenAgent {
  readonly #parts: FrozenAgentParts;
  #watch = new AbortController();
  #hasSpoken = false;
  #stillSince: Moment | null = null;

  constructor(parts: FrozenAgentParts) {
    this.#parts = parts;
  }

  /** Since when the agent that was ended had been silent; null: the last one was not ended. */
  get stillSince(): Moment | null {
    return this.#stillSince;
  }

  /** A heartbeat, which tells whether there is something to fence. */
  heard({ pid, fence, aliveEveryMs }: AgentHeartbeat): void {
    this.end();
    this.#stillSince = null;
    const isGuarded = fence !== null && fence !== undefined &&
      fence.instance !== "other" && !fence.isPaused;
    const everyMs = aliveEveryMs ?? null;
    if (!isGuarded || everyMs === null) return;
    const { signal } = this.#watch = new AbortController();
    const looksMax = Math.ceil(MISSING_WORDS * everyMs / LOOK_MS);
    this.#run({ pid, looksMax, signal });
  }

  /** Any other word. */
  spoke(): void {
    this.#hasSpoken = true;
  }

  /** Nobody is watched any more. */
  end(): void {
    this.#watch.abort();
  }

  async #run({ pid, looksMax, signal }: Watched): Promise<void> {
    const { clock } = this.#parts;
    for (let silent = 0; silent < looksMax;) {
      this.#hasSpoken = false;
      const began = clock.now();
      await clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      const isLate = clock.now() - began > LOOK_MS + LATE_MS;
      silent = this.#hasSpoken || isLate ? 0 : silent + 1;
    }
    this.#end(pid, after(clock.now(), -looksMax * LOOK_MS));
  }

  #end(pid: number, since: Moment): void {
    const { clock, log, endProcess } = this.#parts;
    const silentS = ((clock.now() - since) / 1000).toFixed(1);
    log.error(
      `The agent (process ${pid}) has not moved for ${silentS} s: it is ended`,
    );
    this.#stillSince = since;
    try {
      endProcess(pid);
    } catch (error) {
      log.error(`Cannot end process ${pid}: ${errorText(error)}`);
    }
  }
}

interface Watched {
  readonly pid: number;
  readonly looksMax: number;
  readonly signal: AbortSignal;
}
