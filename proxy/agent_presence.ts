/**
 * Whether an agent of this host is there, by its connections. One that says
 * goodbye and has no successor ends the proxy; one that was killed does not.
 */
import type { Clock } from "../lib/ports/clock.ts";

/** How long an agent that was a predecessor's has to come over. */
const INHERIT_MS = 2_000;

/** What its coming and going leads to. */
interface PresenceParts {
  readonly clock: Clock;
  /** How long another agent has to come after a goodbye. */
  readonly lingerMs: number;
  /** The last connection of an agent has closed. */
  readonly onGone: () => void;
  /** The agent said goodbye and none came after it. */
  readonly onAbandoned: () => void;
}

/** Counts the agent's connections, and waits for another one after a goodbye. */
export class AgentPresence {
  readonly #parts: PresenceParts;
  readonly #assumed = new AbortController();
  #connections = 0;
  #linger = new AbortController();

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  get isConnected(): boolean {
    return this.#connections > 0;
  }

  onConnect(): void {
    this.#connections++;
    this.stay();
  }

  /** An agent that was killed: the proxy goes on, and the fence counts its grace. */
  onDisconnect(): void {
    this.#connections--;
    if (this.#connections === 0) this.#parts.onGone();
  }

  /** A predecessor's agent counts as connected until it can have come here. */
  assume(): void {
    this.onConnect();
    const { signal } = this.#assumed;
    this.#parts.clock.sleep(INHERIT_MS, signal).then(() => {
      if (!signal.aborted) this.onDisconnect();
    });
  }

  onBye(): void {
    this.stay();
    const { clock, lingerMs, onAbandoned } = this.#parts;
    const { signal } = this.#linger = new AbortController();
    clock.sleep(lingerMs, signal).then(() => {
      if (!signal.aborted) onAbandoned();
    });
  }

  /** A goodbye that was said does not count any more. */
  stay(): void {
    this.#linger.abort();
  }

  /** Stops all timers. */
  close(): void {
    this.#assumed.abort();
    this.stay();
  }
}
