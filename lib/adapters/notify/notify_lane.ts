/**
 * The messages for one receiver, in their order: one is on its way, the others
 * wait. What cannot be delivered is tried again, more and more seldom, for an
 * hour; of too many the oldest go.
 */
import { after, type Moment } from "../../core/base/units.ts";
import type { NotifyTarget } from "../../core/model/notice.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { post } from "./post.ts";
import { signedHeaders } from "./signature.ts";

/** As many messages wait for one receiver. */
export const WAITING_MAX = 100;
/** An older message is no news. */
const AGE_MS_MAX = 3_600_000;
const FIRST_PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 60_000;

/** Refusals that time may heal; every other 4xx says that the message is not wanted. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** A message that was not delivered yet. */
export interface Waiting {
  readonly id: string;
  readonly body: string;
  /** When it was told. */
  readonly at: Moment;
}

/** What a lane works with. */
export interface LaneParts {
  readonly clock: Pick<Clock, "now" | "wallTimeMs" | "sleep">;
  readonly log: Pick<Log, "info" | "warning">;
  /** As the last reload left it; null: nobody is told there any more. */
  readonly target: () => NotifyTarget | null;
}

/** Delivers to one receiver. */
export class NotifyLane {
  readonly #parts: LaneParts;
  readonly #waiting: Waiting[] = [];
  /** Aborted: nothing is tried again, and nobody is waited for. */
  readonly #ending = new AbortController();
  readonly #stop = new AbortController();
  #pump: Promise<void> | null = null;
  #said = "";

  constructor(parts: LaneParts) {
    this.#parts = parts;
  }

  /** Nothing waits and nothing is on its way. */
  get isIdle(): boolean {
    return this.#pump === null;
  }

  /** Returns at once. */
  put(message: Waiting): void {
    if (this.#ending.signal.aborted) return;
    this.#waiting.push(message);
    if (this.#waiting.length > WAITING_MAX) {
      this.#waiting.shift();
      this.#say(`more than ${WAITING_MAX} messages wait, the oldest go`);
    }
    this.#pump ??= this.#run();
  }

  /**
   * What waits is tried once more.
   *
   * @param limit Aborted: no longer.
   */
  async close(limit: AbortSignal): Promise<void> {
    this.#ending.abort();
    const onLimit = (): void => this.#stop.abort();
    limit.addEventListener("abort", onLimit, { once: true });
    await this.#pump;
    limit.removeEventListener("abort", onLimit);
    const left = this.#waiting.length;
    if (left > 0) this.#say(`${left} messages were not delivered`);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { clock } = this.#parts;
    // Not in the breath of who tells.
    await Promise.resolve();
    let pauseMs = FIRST_PAUSE_MS;
    for (let head = this.#next(); head !== null; head = this.#next()) {
      const isLast = this.#ending.signal.aborted;
      const outcome = await this.#deliver(head);
      if (outcome !== "again") {
        // It may have had to go meanwhile.
        if (this.#waiting[0] === head) this.#waiting.shift();
        pauseMs = FIRST_PAUSE_MS;
        continue;
      }
      if (isLast) break;
      await clock.sleep(pauseMs, this.#ending.signal);
      pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2);
    }
    this.#pump = null;
  }

  /** Null: there is none. */
  #next(): Waiting | null {
    const { clock, target } = this.#parts;
    if (target() === null) this.#waiting.length = 0;
    const now = clock.now();
    for (let head = this.#waiting[0]; head !== undefined;) {
      if (after(head.at, AGE_MS_MAX) > now) return head;
      this.#say("a message was not delivered for an hour and is given up");
      this.#waiting.shift();
      head = this.#waiting[0];
    }
    return null;
  }

  async #deliver({ id, body }: Waiting): Promise<"done" | "again"> {
    const { clock, log, target } = this.#parts;
    const to = target();
    const url = to === null ? null : URL.parse(to.url);
    if (to === null || url === null) return "done";
    const timestampS = Math.floor(clock.wallTimeMs() / 1000);
    try {
      const status = await post({
        ...{ url, body, cafile: to.cafile, timeoutMs: to.timeoutMs },
        headers: signedHeaders({ id, timestampS, body }, to.secret),
        signal: this.#stop.signal,
      });
      if (status >= 200 && status < 300) {
        if (this.#said !== "") log.info(`${this.#name} takes messages again`);
        this.#said = "";
        return "done";
      }
      const isFinal = status >= 400 && status < 500 && !PASSING.has(status);
      this.#say(
        `it answered ${status}${isFinal ? ", the message is given up" : ""}`,
      );
      return isFinal ? "done" : "again";
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error));
      return "again";
    }
  }

  /** The path of a receiver is often a secret. */
  get #name(): string {
    const { target } = this.#parts;
    const url = URL.parse(target()?.url ?? "");
    return url === null ? "The receiver" : `The receiver at ${url.origin}`;
  }

  /** The same once, not with each attempt. */
  #say(what: string): void {
    if (this.#said === what) return;
    this.#said = what;
    this.#parts.log.warning(`${this.#name} was not notified: ${what}`);
  }
}
