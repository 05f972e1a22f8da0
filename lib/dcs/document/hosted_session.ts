/**
 * One session with the first of several hosts that takes it, opened when it is
 * needed and anew after its end.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError, DcsUnreachableError } from "../../ports/errors.ts";

/** How sessions are made. */
export interface SessionMaker<H, S> {
  readonly clock: Clock;
  /** For people: "PostgreSQL". */
  readonly name: string;
  readonly hosts: readonly H[];
  /** @param leftMs How long it may take at most. */
  open(host: H, leftMs: number): Promise<S>;
  /** What a failure of `open` means for the caller of a port. */
  failure(error: unknown, host: H): DcsRefusedError | DcsUnreachableError;
}

/** Keeps one session, wherever a host takes it. */
export class HostedSession<H, S extends { close(): Promise<void> }> {
  readonly #maker: SessionMaker<H, S>;
  #current: S | null = null;
  #opening: Promise<S> | null = null;
  #isClosed = false;
  /** The host that worked last, or should be tried next. */
  #first = 0;

  constructor(maker: SessionMaker<H, S>) {
    this.#maker = maker;
  }

  /** Null: there is no session. */
  get current(): S | null {
    return this.#current;
  }

  /** Whether there will be none any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The session, opened if there is none.
   *
   * @throws {DcsUnreachableError} If no host has taken it within the limit.
   * @throws {DcsRefusedError} If every host refuses.
   */
  async opened({ timeoutMs }: DcsLimits): Promise<S> {
    const { clock, name } = this.#maker;
    if (this.#isClosed) throw this.#closedError();
    if (this.#current !== null) return this.#current;
    const deadline = after(clock.now(), timeoutMs);
    this.#opening ??= this.#openAny(deadline).finally(() => {
      this.#opening = null;
    });
    const opening = this.#opening;
    // Whoever began it may have more time than this caller.
    opening.catch(() => {});
    const ending = new AbortController();
    const late = clock.sleep(timeoutMs, ending.signal).then(() => {
      throw new DcsUnreachableError(`Cannot reach ${name}: no session in time`);
    });
    late.catch(() => {});
    try {
      return await Promise.race([opening, late]);
    } finally {
      ending.abort();
    }
  }

  /** Forgets a session that has ended; false: it was none of ours any more. */
  forget(session: S): boolean {
    if (this.#current !== session) return false;
    this.#current = null;
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const current = this.#current;
    this.#current = null;
    await current?.close();
    await this.#opening?.catch(() => {});
  }

  async #openAny(deadline: Moment): Promise<S> {
    const { hosts, clock, failure, name } = this.#maker;
    const failures: (DcsRefusedError | DcsUnreachableError)[] = [];
    for (let tries = 0; tries < hosts.length; tries++) {
      const index = (this.#first + tries) % hosts.length;
      const host = hosts[index];
      const leftMs = remainingMs(deadline, clock.now());
      if (host === undefined || leftMs <= 0 || this.#isClosed) break;
      try {
        const session = await this.#openOne(host, leftMs);
        this.#first = index;
        return session;
      } catch (error) {
        failures.push(failure(error, host));
      }
    }
    // A frozen host must not take the time of the others for ever.
    this.#first = (this.#first + 1) % hosts.length;
    if (this.#isClosed) throw this.#closedError();
    throw failureOf(failures, name);
  }

  async #openOne(host: H, leftMs: number): Promise<S> {
    const session = await this.#maker.open(host, leftMs);
    if (this.#isClosed) {
      await session.close();
      throw this.#closedError();
    }
    this.#current = session;
    return session;
  }

  #closedError(): DcsUnreachableError {
    return new DcsUnreachableError(
      `Cannot reach ${this.#maker.name}: it is closed`,
    );
  }
}

/** Refused only if nothing that may go away by itself stands in the way. */
function failureOf(
  failures: readonly (DcsRefusedError | DcsUnreachableError)[],
  name: string,
): DcsRefusedError | DcsUnreachableError {
  const [first] = failures;
  const text = failures.map(({ message }) => message).join("; ");
  const isRefused = first !== undefined &&
    failures.every((one) => one instanceof DcsRefusedError);
  if (isRefused) return new DcsRefusedError(text, { cause: first });
  return new DcsUnreachableError(
    text === "" ? `Cannot reach ${name}: no time is left` : text,
    { cause: first },
  );
}
