/**
 * One machine: its clock, which drifts, and its agent process, which may be
 * frozen or dead. PostgreSQL on the same machine is not touched by either.
 */
import type { Timeline } from "./timeline.ts";

/** How a host's boot-time clock runs. */
export interface HostClock {
  /** Local milliseconds per millisecond of the world. */
  readonly rate: number;
  readonly offsetMs: number;
}

/** A machine with at most one living agent. */
export class Host {
  readonly name: string;
  readonly clock: HostClock;
  readonly #timeline: Timeline;
  #generation = 0;
  #isAgentUp = false;
  #isFrozen = false;
  #backlog: (() => void)[] = [];
  /** Moment of the world since when the agent has run without interruption. */
  awakeSince = 0;
  /** Reads the agent's lease deadline, on this host's clock; null: it does not lead. */
  readDeadline: () => number | null = () => null;

  constructor(timeline: Timeline, name: string, clock: HostClock) {
    this.#timeline = timeline;
    this.name = name;
    this.clock = clock;
  }

  /** Number of the agent process that lives now, or lived last. */
  get generation(): number {
    return this.#generation;
  }

  get isAgentUp(): boolean {
    return this.#isAgentUp;
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** The agent runs and is not frozen. */
  get isAwake(): boolean {
    return this.#isAgentUp && !this.#isFrozen;
  }

  /** Now, on this host's clock. */
  get localNow(): number {
    return this.clock.offsetMs + this.#timeline.now * this.clock.rate;
  }

  /** The lease deadline in the world's time; null: the agent says it does not lead. */
  get deadline(): number | null {
    const local = this.readDeadline();
    return local === null
      ? null
      : (local - this.clock.offsetMs) / this.clock.rate;
  }

  /** The member, or its proxy, believes that it may lead. */
  get isBelieving(): boolean {
    const { deadline } = this;
    return deadline !== null && this.#timeline.now < deadline;
  }

  /** A function that runs its action now, or after the thaw, or never if this agent is dead by then. */
  get entrance(): (action: () => void) => void {
    const generation = this.#generation;
    return (action) => {
      if (generation !== this.#generation || !this.#isAgentUp) return;
      if (this.#isFrozen) this.#backlog.push(action);
      else action();
    };
  }

  /** Plans a step of the agent that lives now. */
  after(localMs: number, action: () => void): void {
    const enter = this.entrance;
    this.#timeline.after(localMs / this.clock.rate, () => enter(action));
  }

  /** A new agent process. */
  startAgent(): void {
    this.#generation++;
    this.#isAgentUp = true;
    this.#isFrozen = false;
    this.#backlog = [];
    this.awakeSince = this.#timeline.now;
    this.readDeadline = () => null;
  }

  /** The agent is gone at once; its proxy goes on until the deadline that it heard last. */
  killAgent(): void {
    const last = this.readDeadline();
    this.readDeadline = () => last;
    this.#isAgentUp = false;
    this.#isFrozen = false;
    this.#backlog = [];
  }

  /** The agent stops running, in the middle of whatever it does. */
  freeze(): void {
    if (this.#isAgentUp) this.#isFrozen = true;
  }

  /** The agent goes on, with everything that happened in the meantime still to be heard. */
  thaw(): void {
    if (!this.#isFrozen) return;
    this.#isFrozen = false;
    this.awakeSince = this.#timeline.now;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const action of backlog) action();
  }
}
