/**
 * What a login program gave, for as long as it lasts. The program runs once for
 * all calls that want it, and some time before its credential ends, so that no
 * cycle of a leader has to wait for it.
 */
import { after, type Moment, timerMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import { type ExecCredential, readExecCredential } from "./exec_credential.ts";
import type { LoginProgram } from "./options.ts";
import { runLoginProgram } from "./run_program.ts";

/** A slow one asks a cloud over the network; calls do not wait for it that long. */
const RUN_MS_MAX = 60_000;
/** Not sooner than this after it failed, or what it gave was refused. */
const AGAIN_AFTER_MS = 5_000;
/** Before the end of a credential, but not more than a fifth of its life. */
const EARLY_MS_MAX = 120_000;

interface Known {
  readonly credential: ExecCredential;
  readonly givenAt: Moment;
  /** Null: nothing is known of an end. */
  readonly renewAt: Moment | null;
  readonly endsAt: Moment | null;
}

/** Keeps a program's credential. */
export class ProgramLogin {
  readonly #program: LoginProgram;
  readonly #clock: Pick<Clock, "now" | "wallTimeMs">;
  readonly #closing: AbortSignal;
  #known: Known | null = null;
  #running: Promise<ExecCredential> | null = null;
  #failure: { readonly error: Error; readonly until: Moment } | null = null;

  constructor(
    program: LoginProgram,
    clock: Pick<Clock, "now" | "wallTimeMs">,
    closing: AbortSignal,
  ) {
    this.#program = program;
    this.#clock = clock;
    this.#closing = closing;
  }

  /**
   * The credential for a request; waits for the program only if there is none.
   *
   * @throws {Error} With one sentence, if the program gives none, or not in time;
   * it goes on then, for the next request.
   */
  async credential(limitMs: number): Promise<ExecCredential> {
    const now = this.#clock.now();
    const known = this.#known;
    const isOver = known === null ||
      (known.endsAt !== null && now >= known.endsAt);
    if (isOver) return await this.#within(limitMs, this.#next());
    if (known.renewAt !== null && now >= known.renewAt) {
      // Until it is over, nobody needs to know that the next one is late.
      this.#next().catch(() => {});
    }
    return known.credential;
  }

  /** The API server refused it; whether there may be another one. */
  refused(credential: ExecCredential): boolean {
    const known = this.#known;
    if (known === null || known.credential !== credential) return true;
    const again = after(known.givenAt, AGAIN_AFTER_MS);
    if (this.#clock.now() < again) return false;
    this.#known = null;
    return true;
  }

  async #within<T>(limitMs: number, running: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(this.#failed("is still busy")),
      timerMs(limitMs),
    );
    try {
      return await Promise.race([running, promise]);
    } finally {
      clearTimeout(timer);
      // If it fails later, the next request hears of it.
      running.catch(() => {});
    }
  }

  #next(): Promise<ExecCredential> {
    const failure = this.#failure;
    if (failure !== null && this.#clock.now() < failure.until) {
      return Promise.reject(failure.error);
    }
    this.#running ??= this.#run().finally(() => this.#running = null);
    return this.#running;
  }

  async #run(): Promise<ExecCredential> {
    const { apiVersion } = this.#program;
    const limits = { timeoutMs: RUN_MS_MAX, closing: this.#closing };
    try {
      const text = await runLoginProgram(this.#program, limits);
      const credential = readExecCredential(text, apiVersion);
      this.#known = this.#knownOf(credential);
      this.#failure = null;
      return credential;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const error = this.#failed(why);
      const until = after(this.#clock.now(), AGAIN_AFTER_MS);
      this.#failure = { error, until };
      throw error;
    }
  }

  #failed(why: string): Error {
    const { command } = this.#program;
    return new Error(`the login program "${command}" ${why}`);
  }

  /** Its end is a time of day; from here on the boot clock counts. */
  #knownOf(credential: ExecCredential): Known {
    const givenAt = this.#clock.now();
    const { endsAtMs } = credential;
    if (endsAtMs === null) {
      return { credential, givenAt, renewAt: null, endsAt: null };
    }
    // By a clock that is wrong it may be over already.
    const lifeMs = Math.max(
      endsAtMs - this.#clock.wallTimeMs(),
      AGAIN_AFTER_MS,
    );
    const earlyMs = Math.min(EARLY_MS_MAX, lifeMs / 5);
    return {
      ...{ credential, givenAt },
      renewAt: after(givenAt, lifeMs - earlyMs),
      endsAt: after(givenAt, lifeMs),
    };
  }
}
