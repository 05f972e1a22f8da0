/**
 * Calls to etcd with a time limit that holds, over several endpoints.
 *
 * Owns which endpoint is in use: it stays the same until it fails, so that calls
 * and the watch share one connection. What the calls are is decided elsewhere.
 */
import type { Etcd3 } from "etcd3";
import { after, type Moment } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import {
  DcsRefusedError,
  DcsUnreachableError,
  LeaseGoneError,
} from "../../ports/errors.ts";
import { asEtcdError, troubleOf } from "./errors.ts";
import { etcdClient, type EtcdOptions } from "./options.ts";

const ATTEMPT_MIN_MS = 1000;
const PAUSE_MIN_MS = 100;
const PAUSE_MAX_MS = 1000;
/** gRPC's own deadline comes first; this one catches what it does not cover. */
const GUARD_MS = 100;
const REFUSED_LOGINS_MAX = 2;

/** Limits of one attempt, in etcd3's form. */
export interface CallOptions {
  readonly deadline: number;
}

/** One attempt at one endpoint. */
export type Attempt<T> = (etcd: Etcd3, options: CallOptions) => Promise<T>;

/** An answer, and how it was got. */
export interface Answered<T> {
  readonly value: T;
  /** Before the first attempt was sent: what the answer says was true after that. */
  readonly askedAt: Moment;
  /** An earlier attempt of the same call may have reached etcd. */
  readonly isRepeated: boolean;
}

/** Calls etcd; several calls may run at once. */
export class EtcdClient {
  readonly #options: EtcdOptions;
  readonly #clock: Clock;
  readonly #clients: (Etcd3 | null)[];
  readonly #closing = new AbortController();
  #current = 0;
  #departures = 0;

  constructor(options: EtcdOptions, clock: Clock) {
    if (options.endpoints.length === 0) {
      throw new Error("etcd needs at least one endpoint");
    }
    this.#options = options;
    this.#clock = clock;
    this.#clients = options.endpoints.map(() => null);
    // A missing TLS file is the operator's to know at once, not at a call.
    this.#client(0);
  }

  /** How often an endpoint was left: streams from before are not to be trusted. */
  get departures(): number {
    return this.#departures;
  }

  /**
   * One call, tried at one endpoint after the other while the limit lasts.
   *
   * @throws {DcsUnreachableError} If no endpoint answered in time.
   * @throws {DcsRefusedError} If etcd answered with an error.
   */
  async call<T>(
    attempt: Attempt<T>,
    limits: DcsLimits,
  ): Promise<Answered<T>> {
    const askedAt = this.#clock.now();
    const deadline = after(askedAt, limits.timeoutMs);
    let isRepeated = false;
    let refusedLogins = 0;
    for (let failures = 0;; failures++) {
      const endpoint = this.#current;
      try {
        const limitMs = this.#attemptMs(deadline, failures);
        const value = await this.#attempt(attempt, endpoint, limitMs);
        return { value, askedAt, isRepeated };
      } catch (thrown) {
        const error = asEtcdError(thrown);
        const trouble = troubleOf(error);
        if (trouble === "stale_login") refusedLogins += 1;
        const isFinal = trouble === "refused" ||
          refusedLogins >= REFUSED_LOGINS_MAX;
        if (isFinal) throw refused(error);
        isRepeated ||= trouble === "unreachable";
        this.leave(endpoint);
        await this.#pause(failures, deadline);
        if (this.#isOver(deadline)) throw this.#unreachable(error);
      }
    }
  }

  /** The client of the endpoint in use, for streams, and its number. */
  current(): { readonly etcd: Etcd3; readonly endpoint: number } {
    return { etcd: this.#client(this.#current), endpoint: this.#current };
  }

  /** Forgets the endpoint's connections and login; the next one is used then. */
  leave(endpoint: number): void {
    this.#departures += 1;
    this.#clients[endpoint]?.close();
    this.#clients[endpoint] = null;
    if (this.#current === endpoint) {
      this.#current = (endpoint + 1) % this.#clients.length;
    }
  }

  close(): void {
    this.#closing.abort();
    this.#clients.forEach((client) => client?.close());
    this.#clients.fill(null);
  }

  #client(endpoint: number): Etcd3 {
    const known = this.#clients[endpoint] ?? null;
    if (known !== null) return known;
    const url = this.#options.endpoints[endpoint] ?? "";
    const client = etcdClient(url, this.#options);
    this.#clients[endpoint] = client;
    return client;
  }

  async #attempt<T>(
    attempt: Attempt<T>,
    endpoint: number,
    limitMs: number,
  ): Promise<T> {
    if (this.#closing.signal.aborted) throw new Error("the client is closed");
    const answer = attempt(this.#client(endpoint), {
      deadline: Date.now() + limitMs,
    });
    return await this.#withGuard(answer, limitMs + GUARD_MS);
  }

  /** Rejects after `limitMs`, whatever the library waits for. */
  async #withGuard<T>(answer: Promise<T>, limitMs: number): Promise<T> {
    const settled = new AbortController();
    const stop = (): void => settled.abort();
    answer.then(stop, stop);
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    try {
      await this.#clock.sleep(limitMs, settled.signal);
      if (this.#closing.signal.aborted) throw new Error("the client is closed");
      if (!settled.signal.aborted) throw new Error("no answer in time");
      return await answer;
    } finally {
      this.#closing.signal.removeEventListener("abort", stop);
    }
  }

  /** The time left, shared with the endpoints that are still to be tried. */
  #attemptMs(deadline: Moment, failures: number): number {
    const leftMs = deadline - this.#clock.now();
    const untried = Math.max(1, this.#clients.length - failures);
    return Math.min(leftMs, Math.max(ATTEMPT_MIN_MS, leftMs / untried));
  }

  /** Between rounds over all endpoints, not between endpoints. */
  async #pause(failures: number, deadline: Moment): Promise<void> {
    const rounds = Math.floor((failures + 1) / this.#clients.length);
    if (rounds * this.#clients.length !== failures + 1) return;
    const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (rounds - 1));
    const leftMs = Math.max(0, deadline - this.#clock.now());
    await this.#clock.sleep(Math.min(pauseMs, leftMs), this.#closing.signal);
  }

  #isOver(deadline: Moment): boolean {
    return this.#closing.signal.aborted || this.#clock.now() >= deadline;
  }

  #unreachable(cause: Error): DcsUnreachableError {
    const where = this.#options.endpoints.join(", ");
    return new DcsUnreachableError(
      `Cannot reach etcd at ${where}: ${cause.message}`,
      { cause },
    );
  }
}

function refused(cause: Error): DcsRefusedError {
  const message = `etcd refused: ${cause.message}`;
  return cause.message.includes("requested lease not found")
    ? new LeaseGoneError(message, { cause })
    : new DcsRefusedError(message, { cause });
}
