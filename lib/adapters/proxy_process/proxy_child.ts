/**
 * The agent's side of the proxy: adopts the proxy that already runs, starts one
 * if there is none, replaces one that died. The proxy is a process of its own
 * session, so nothing that ends the agent ends it.
 */
import { after, type Moment, remainingMs } from "../../core/base/units.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type {
  ProxyHeartbeat,
  ProxyProcess,
  ProxyState,
} from "../../ports/proxy_process.ts";
import { ProxyLink } from "./link.ts";

/** How often to look for the socket while there is no connection. */
const LOOK_MS = 50;
/** A proxy that lived shorter than this is not replaced at once. */
const SHORT_LIFE_MS = 5_000;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 10_000;
/** How long an orderly goodbye or stop may take. */
const FAREWELL_MS = 3_000;

/** How to start a proxy. */
export interface ProxyCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the own environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** What the supervision needs. */
export interface ProxyChildParts {
  readonly start: ProxyCommand;
  /** The proxy's control socket, the same as in its own options. */
  readonly controlPath: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Life {
  readonly child: Deno.ChildProcess;
  readonly startedAt: Moment;
  isOver: boolean;
}

/** See the head of this file. */
export class ProxyChild implements ProxyProcess {
  readonly #parts: ProxyChildParts;
  readonly #ending = new AbortController();
  #link: ProxyLink | null = null;
  #life: Life | null = null;
  #heartbeat: ProxyHeartbeat | null = null;
  #state: ProxyState | null = null;
  #backoff: { readonly ms: number; readonly until: Moment } | null = null;

  constructor(parts: ProxyChildParts) {
    this.#parts = parts;
  }

  heartbeat(facts: ProxyHeartbeat): void {
    this.#heartbeat = facts;
    this.#link?.send({ type: "heartbeat", pid: Deno.pid, ...facts });
  }

  state(): ProxyState | null {
    return this.#state;
  }

  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#end();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) this.#end();
    while (!this.#ending.signal.aborted) {
      const { clock, controlPath } = this.#parts;
      const link = await ProxyLink.open(controlPath, (state) => {
        this.#take(state);
      });
      if (link !== null) await this.#talk(link);
      else this.#startIfDue();
      if (this.#ending.signal.aborted) break;
      await clock.sleep(LOOK_MS, this.#ending.signal);
    }
    signal.removeEventListener("abort", onAbort);
  }

  async bye(): Promise<void> {
    if (this.#link !== null) {
      this.#link.send({ type: "bye" });
      await this.#atMost(FAREWELL_MS, this.#link.settled());
    }
    this.#end();
  }

  async stop(): Promise<void> {
    const link = this.#link;
    const state = this.#state;
    if (link !== null) {
      link.send({ type: "stop" });
      const isGone = await this.#atMost(FAREWELL_MS, link.ended);
      if (!isGone && state !== null) killQuietly(state.pid, "SIGKILL");
    }
    const life = this.#life;
    this.#end();
    if (life === null || life.isOver) return;
    if (link === null) killQuietly(life.child.pid, "SIGTERM");
    const over = life.child.status;
    if (!await this.#atMost(FAREWELL_MS, over)) {
      killQuietly(life.child.pid, "SIGKILL");
    }
  }

  #take(state: ProxyState): void {
    if (this.#state?.pid !== state.pid) {
      this.#parts.log.info(`The proxy runs as process ${state.pid}`);
    }
    this.#state = state;
  }

  async #talk(link: ProxyLink): Promise<void> {
    this.#link = link;
    if (this.#heartbeat !== null) this.heartbeat(this.#heartbeat);
    if (this.#ending.signal.aborted) link.close();
    await link.ended;
    this.#link = null;
    this.#state = null;
    if (this.#ending.signal.aborted) return;
    this.#parts.log.warning("The proxy has closed its control connection");
  }

  #startIfDue(): void {
    const { clock, log, start } = this.#parts;
    if (this.#life !== null && !this.#life.isOver) return;
    const now = clock.now();
    if (this.#backoff !== null && now < this.#backoff.until) return;
    try {
      const child = new Deno.Command(start.command, {
        args: [...start.args],
        env: { ...start.env },
        stdin: "null",
        stdout: "inherit",
        stderr: "inherit",
        detached: true,
      }).spawn();
      child.unref();
      log.info(`Started the proxy as process ${child.pid}`);
      this.#watch({ child, startedAt: now, isOver: false });
    } catch (error) {
      this.#postpone(`Cannot start the proxy: ${error}`);
    }
  }

  #watch(life: Life): void {
    this.#life = life;
    life.child.status.then((status) => {
      life.isOver = true;
      if (this.#ending.signal.aborted) return;
      const how = status.signal ?? `exit code ${status.code}`;
      const text = `The proxy ended (${how})`;
      const lifeMs = -remainingMs(life.startedAt, this.#parts.clock.now());
      if (lifeMs < SHORT_LIFE_MS) return this.#postpone(text);
      this.#backoff = null;
      this.#parts.log.error(`${text}; starting another one`);
    });
  }

  #postpone(text: string): void {
    const { clock, log } = this.#parts;
    const before = this.#backoff?.ms ?? 0;
    const ms = Math.min(Math.max(before * 2, BACKOFF_MS_MIN), BACKOFF_MS_MAX);
    this.#backoff = { ms, until: after(clock.now(), ms) };
    log.error(`${text}; starting another one in ${ms} ms`);
  }

  #end(): void {
    this.#ending.abort();
    this.#link?.close();
  }

  /** Whether `wanted` happened in time. */
  async #atMost(ms: number, wanted: Promise<unknown>): Promise<boolean> {
    const done = new AbortController();
    const limit = this.#parts.clock.sleep(ms, done.signal).then(() => false);
    const result = await Promise.race([wanted.then(() => true), limit]);
    done.abort();
    return result;
  }
}

function killQuietly(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}
