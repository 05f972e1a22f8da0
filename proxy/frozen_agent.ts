/**
 * Finds an agent whose process stands still (stopped, or caught in one call), and
 * ends it: what follows is then the same as for a dead one, long before its
 * lease runs out. SIGKILL works on a process that is stopped.
 *
 * Looks are counted, not time, and only looks that came when they should: where
 * this process is late, too, it is the host that stands still, or has too much
 * to do, and nobody is ended for that. The first look is due only when a word is
 * overdue, so an agent that speaks costs no look.
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
  #rest = new AbortController();
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
    this.#run({ pid, everyMs, signal });
  }

  /** Any other word. */
  spoke(): void {
    this.#hasSpoken = true;
    this.#rest.abort("spoke");
  }

  /** Nobody is watched any more. */
  end(): void {
    this.#watch.abort();
    this.#rest.abort("ended");
  }

  async #run({ pid, everyMs, signal }: Watched): Promise<void> {
    const { clock } = this.#parts;
    const first = firstLookMs(everyMs);
    const silentMsMax = MISSING_WORDS * everyMs + LOOK_MS / 2;
    for (let silentMs = 0; silentMs < silentMsMax;) {
      const lookMs = silentMs === 0 ? first : LOOK_MS;
      const isSilent = await this.#look(lookMs);
      if (signal.aborted) return;
      silentMs = isSilent ? silentMs + lookMs : 0;
    }
    this.#end(pid, after(clock.now(), -silentMsMax));
  }

  /** False: there was a word, or the look came too late to say anything. */
  async #look(lookMs: number): Promise<boolean> {
    const { clock } = this.#parts;
    this.#rest = new AbortController();
    this.#hasSpoken = false;
    const began = clock.now();
    await clock.sleep(lookMs, this.#rest.signal);
    return !this.#hasSpoken && clock.now() - began <= lookMs + LATE_MS;
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

/** Half a look after the next word was due. */
function firstLookMs(everyMs: number): number {
  return everyMs + LOOK_MS / 2;
}

interface Watched {
  readonly pid: number;
  readonly everyMs: number;
  readonly signal: AbortSignal;
}
