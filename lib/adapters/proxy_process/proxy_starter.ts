/**
 * Starts proxy processes, one at a time: notes how the last one ended, and waits
 * longer and longer before the next if they keep failing.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";

/** A proxy that lived shorter than this is not replaced at once. */
const SHORT_LIFE_MS = 5_000;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 10_000;

/** How to start a proxy. */
export interface ProxyCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What it reads on its standard input; null: there is none. */
  readonly input: string | null;
  /** What a proxy that was started so says of itself; null: any will do. */
  readonly edition: string | null;
}

/** What starts are made with. */
interface StarterParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Nobody supervises any more: an end is expected. */
  readonly isEnding: () => boolean;
}

interface Life {
  readonly child: Deno.ChildProcess;
  readonly startedAt: Moment;
  hasAnswered: boolean;
  isOver: boolean;
}

/** Starts proxy processes, and notes how they end. */
export class ProxyStarter {
  readonly #parts: StarterParts;
  #life: Life | null = null;
  #backoff: { readonly ms: number; readonly until: Moment } | null = null;
  #failure: string | null = null;

  constructor(parts: StarterParts) {
    this.#parts = parts;
  }

  /** Why no proxy can be started; null: one runs, or the first try is under way. */
  get failure(): string | null {
    return this.#failure;
  }

  /** The process that was started last, while it lives. */
  get child(): Deno.ChildProcess | null {
    const life = this.#life;
    return life === null || life.isOver ? null : life.child;
  }

  /** Another configuration: what failed before counts no longer. */
  forgive(): void {
    this.#backoff = null;
    this.#failure = null;
  }

  /** A proxy has said that it runs. */
  answered(pid: number): void {
    this.#failure = null;
    const life = this.#life;
    if (life !== null && life.child.pid === pid) life.hasAnswered = true;
  }

  /** A child lives that is not the process that ran. */
  isReplaced(pid: number | null): boolean {
    return this.#life !== null && !this.#life.isOver &&
      this.#life.child.pid !== pid;
  }

  /** Starts one beside the process that runs (null: none), unless that was done or has to wait. */
  startIfDue(start: ProxyCommand, pid: number | null): void {
    const { clock, log } = this.#parts;
    if (this.isReplaced(pid)) return;
    const now = clock.now();
    if (this.#backoff !== null && now < this.#backoff.until) return;
    try {
      const child = new Deno.Command(start.command, {
        args: [...start.args],
        env: { ...start.env },
        stdin: start.input === null ? "null" : "piped",
        stdout: "inherit",
        stderr: "inherit",
        detached: true,
      }).spawn();
      child.unref();
      if (start.input !== null) giveInput(child, start.input);
      log.info(`Started the proxy as process ${child.pid}`);
      const startedAt = now;
      this.#watch({ child, startedAt, hasAnswered: false, isOver: false });
    } catch (error) {
      this.#postpone(`Cannot start the proxy: ${error}`);
    }
  }

  #watch(life: Life): void {
    this.#life = life;
    life.child.status.then((status) => {
      life.isOver = true;
      if (this.#parts.isEnding()) return;
      if (this.#life !== life) {
        const { pid } = life.child;
        return this.#parts.log.info(`The replaced proxy ${pid} has ended`);
      }
      const how = status.signal ?? `exit code ${status.code}`;
      const text = `The proxy ended (${how})`;
      const lifeMs = -remainingMs(life.startedAt, this.#parts.clock.now());
      const isFailure = !life.hasAnswered || lifeMs < SHORT_LIFE_MS;
      if (isFailure) return this.#postpone(text);
      this.#backoff = null;
      this.#parts.log.error(`${text}; starting another one`);
    });
  }

  #postpone(text: string): void {
    const { clock, log } = this.#parts;
    const before = this.#backoff?.ms ?? 0;
    const ms = Math.min(Math.max(before * 2, BACKOFF_MS_MIN), BACKOFF_MS_MAX);
    this.#backoff = { ms, until: after(clock.now(), ms) };
    this.#failure = text;
    log.error(`${text}; starting another one in ${ms} ms`);
  }
}

/** A child that ends before it has read all says so by its end. */
async function giveInput(
  child: Deno.ChildProcess,
  text: string,
): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // See above.
  }
}
