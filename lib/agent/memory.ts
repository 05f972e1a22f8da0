/**
 * The agent's memory between cycles: one value, changed by its reducer alone.
 * Whoever lives through something says so; everybody else only reads.
 */
import {
  type AgentMemory,
  FIRST_MEMORY,
  type MemoryEvent,
  remember,
} from "../core/model/memory.ts";

/** For who only reads. */
export interface Remembered {
  readonly now: AgentMemory;
}

/** For who has something to tell it. */
export interface Remembering extends Remembered {
  remember(event: MemoryEvent): void;
}

/** The memory of one agent. */
export class Memory implements Remembering {
  #now: AgentMemory = FIRST_MEMORY;

  get now(): AgentMemory {
    return this.#now;
  }

  remember(event: MemoryEvent): void {
    this.#now = remember(this.#now, event);
  }
}
