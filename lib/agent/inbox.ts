/**
 * What wakes the loop and what people ask of it. Wake-ups collapse: however many
 * come, the next cycle runs once.
 */
import type { OperatorRequest } from "../core/model/request.ts";
import type { Clock } from "../ports/clock.ts";
import type { RequestOutcome } from "../ports/agent_api.ts";

/** A request and the promise of its sender. */
interface Pending {
  readonly request: OperatorRequest;
  readonly resolve: (outcome: RequestOutcome) => void;
}

/** The loop's mailbox. */
export class Inbox {
  readonly #clock: Clock;
  #isAwake = false;
  #sleeper: AbortController | null = null;
  #pending: Pending | null = null;
  #isReloadWanted = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the loop's rest, or its next one. */
  wake(): void {
    this.#isAwake = true;
    // With a reason: without one each wake-up would make an exception for it.
    this.#sleeper?.abort("woken");
  }

  /** Rests for `ms`, until a wake-up, or until `signal` aborts; tells whether it was woken. */
  async rest(ms: number, signal: AbortSignal): Promise<boolean> {
    if (!this.#isAwake && !signal.aborted) {
      const sleeper = new AbortController();
      const end = (): void => sleeper.abort(signal.reason);
      this.#sleeper = sleeper;
      signal.addEventListener("abort", end);
      await this.#clock.sleep(ms, sleeper.signal);
      signal.removeEventListener("abort", end);
      this.#sleeper = null;
    }
    const wasWoken = this.#isAwake;
    this.#isAwake = false;
    return wasWoken;
  }

  /** The request that waits to be served, or null. */
  get request(): OperatorRequest | null {
    return this.#pending?.request ?? null;
  }

  /** Hands a request to the loop; resolves with its outcome. Only one waits at a time. */
  ask(request: OperatorRequest): Promise<RequestOutcome> {
    if (this.#pending !== null) {
      return Promise.resolve({
        status: 503,
        text: `${this.#pending.request.kind} already in progress`,
      });
    }
    const { promise, resolve } = Promise.withResolvers<RequestOutcome>();
    this.#pending = { request, resolve };
    this.wake();
    return promise;
  }

  /** Answers the waiting request, if there is one. */
  answer(outcome: RequestOutcome): void {
    this.#pending?.resolve(outcome);
    this.#pending = null;
  }

  /** Same as SIGHUP: the local configuration is read again in the next cycle. */
  askReload(): void {
    this.#isReloadWanted = true;
    this.wake();
  }

  /** True once per request for a reload. */
  takeReload(): boolean {
    const isWanted = this.#isReloadWanted;
    this.#isReloadWanted = false;
    return isWanted;
  }
}
