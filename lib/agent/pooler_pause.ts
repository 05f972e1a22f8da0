/**
 * When poolers are paused and resumed: paused before the leader gives up the
 * lead in order, resumed as soon as another one takes writes. No pause outlives
 * its time, and a new agent ends the one that a killed agent has left behind.
 */
import { after, type Moment, remainingMs } from "../core/base/units.ts";
import type { MemberName } from "../core/model/member.ts";
import { abortOf, type Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { Peers } from "../ports/peers.ts";
import type { Poolers } from "../ports/poolers.ts";
import type { SeenScope } from "./last_view.ts";
import type { Deadline } from "./lead_right.ts";

/** How often the next leader is asked whether it takes writes. */
const LOOK_MS = 100;
/** How often a pooler that does not resume is told again. */
const RETRY_MS = 1_000;
/** Nothing is missed meanwhile: a pause wakes it. */
const IDLE_MS = 60_000;
/** An agent that ends waits no longer for the next leader. */
const FAREWELL_MS = 10_000;

/** What it works with. */
interface PoolerPauseParts {
  readonly clock: Clock;
  readonly log: Pick<Log, "info" | "warning">;
  readonly peers: Pick<Peers, "ask">;
  readonly last: SeenScope;
  readonly right: Deadline;
  /** Null: there is no pooler. */
  readonly poolers: Poolers | null;
  readonly config: () => { readonly self: MemberName };
}

/** A pause that has to end. */
interface Pause {
  readonly deadline: Moment;
  /** The own instance has been stopped, or stays the primary after all. */
  isOurPartDone: boolean;
}

/** Pauses poolers, and sees to it that they are resumed. */
export class PoolerPause {
  readonly #parts: PoolerPauseParts;
  #pause: Pause | null = null;
  #waking = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(parts: PoolerPauseParts) {
    this.#parts = parts;
  }

  /** Whether there is anything to pause. */
  get isWanted(): boolean {
    const { poolers } = this.#parts;
    return poolers !== null && poolers.pauseMsMax > 0;
  }

  /** Before the leader stops. Never rejects. */
  async begin(signal: AbortSignal): Promise<void> {
    const { clock, poolers } = this.#parts;
    if (poolers === null || !this.isWanted) return;
    const deadline = after(clock.now(), poolers.pauseMsMax);
    this.#pause = { deadline, isOurPartDone: false };
    this.#waking.abort();
    await poolers.pause(signal);
  }

  /** The same while the agent ends; {@link finish} ends it. Never rejects. */
  async beginLast(signal: AbortSignal): Promise<void> {
    // What it still resumes must not be this pause.
    await Promise.race([this.#running, abortOf(signal)]);
    if (!signal.aborted) await this.begin(signal);
  }

  /** The agent has stopped its instance: clients go on as soon as another one leads. Never rejects. */
  async finish(): Promise<void> {
    const { clock, log, poolers } = this.#parts;
    const pause = this.#pause;
    if (poolers === null || pause === null) return;
    pause.isOurPartDone = true;
    const end = after(clock.now(), FAREWELL_MS);
    while (!await this.#isOver(pause)) {
      if (remainingMs(end, clock.now()) <= 0) {
        const seconds = FAREWELL_MS / 1000;
        log.warning(`Poolers go on: nobody leads ${seconds} s after the stop`);
        break;
      }
      await clock.sleep(LOOK_MS);
    }
    // The mark of one that does not answer stays for the next agent here.
    await poolers.resume();
    this.#pause = null;
  }

  /** The leader has stopped, or does not after all. */
  end(): void {
    if (this.#pause !== null) this.#pause.isOurPartDone = true;
  }

  /** This member takes writes now: whoever waits for that can go on. */
  leads(): void {
    const { clock, poolers } = this.#parts;
    if (poolers === null) return;
    this.#pause = { deadline: clock.now(), isOurPartDone: true };
    this.#waking.abort();
  }

  /** Ends pauses until `signal` aborts, then the last one. Never rejects. */
  run(signal: AbortSignal): Promise<void> {
    this.#running = this.#run(signal);
    return this.#running;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log, poolers } = this.#parts;
    if (poolers === null) return;
    if (await poolers.wasLeftPaused()) {
      log.info("A pooler may have been left paused; it is resumed");
      this.#pause ??= { deadline: clock.now(), isOurPartDone: true };
    }
    signal.addEventListener("abort", () => this.#waking.abort());
    while (!signal.aborted) {
      this.#waking = new AbortController();
      if (this.#pause === null) {
        await clock.sleep(IDLE_MS, this.#waking.signal);
      } else if (await this.#isOver(this.#pause)) {
        await this.#resume(poolers, signal);
      } else {
        await clock.sleep(LOOK_MS, signal);
      }
    }
    if (this.#pause !== null) await poolers.resume();
    this.#pause = null;
  }

  async #resume(poolers: Poolers, signal: AbortSignal): Promise<void> {
    const pause = this.#pause;
    const isResumed = await poolers.resume();
    if (!isResumed) await this.#parts.clock.sleep(RETRY_MS, signal);
    else if (this.#pause === pause) this.#pause = null;
  }

  async #isOver({ deadline, isOurPartDone }: Pause): Promise<boolean> {
    const { clock, config, last, log, peers, poolers, right } = this.#parts;
    if (remainingMs(deadline, clock.now()) <= 0) {
      if (!isOurPartDone) {
        const seconds = (poolers?.pauseMsMax ?? 0) / 1000;
        log.warning(`Poolers go on after ${seconds} s without a new leader`);
      }
      return true;
    }
    const { view } = last;
    const leader = view?.leader?.name ?? null;
    if (!isOurPartDone || view === null || leader === null) return false;
    const { self } = config();
    if (leader === self && right.deadline !== null) return true;
    // A view that names this member is from before the lease was given back.
    const asked = view.members.filter(({ name, apiUrl }) =>
      apiUrl !== null && (leader === self ? name !== self : name === leader)
    );
    const answers = await peers.ask(asked);
    return answers.some((one) => one.kind === "answered" && !one.isInRecovery);
  }
}
