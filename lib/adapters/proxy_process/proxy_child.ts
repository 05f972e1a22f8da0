/**
 * The agent's side of the proxy: adopts the proxy that already runs, starts one
 * if there is none, replaces one that died or is of another edition (which then
 * goes on with its sessions by itself). The proxy is a process of its own
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
import { type DrainParts, drainSessions } from "./drain.ts";
import { ProxyLink } from "./link.ts";
import { listenerAt } from "./socket_owner.ts";

/** How often to look for the socket while there is no connection. */
const LOOK_MS = 50;
/** A proxy that lived shorter than this is not replaced at once. */
const SHORT_LIFE_MS = 5_000;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 10_000;
/**
 * A proxy that owes an answer at so many looks in a row is frozen. Looks are
 * counted, not time: an agent that was frozen itself has answers to read first.
 */
const SILENT_LOOKS_MAX = 10;
const SILENT_LOOK_MS = 500;
/** How long an orderly goodbye or stop may take. */
const FAREWELL_MS = 3_000;

/** How long the proxy may take to hold new clients before a planned stop. */
const HOLD_MS = 500;
/** What the stop itself may take until the proxy hears of another leader. */
const DRAIN_RESERVE_MS = 10_000;

/** How to start a proxy. */
export interface ProxyCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What a proxy that was started so says of itself; null: any will do. */
  readonly edition: string | null;
}

/** What a configuration asks for. */
export interface ProxyOrders {
  readonly start: ProxyCommand;
  /** The clients of the local instance; null: they are not let go before a stop. */
  readonly drain: Omit<DrainParts, "clock"> | null;
}

/** What the supervision needs. */
interface ProxyChildParts {
  /** The proxy's control socket, the same as in its own options. */
  readonly controlPath: string;
  readonly clock: Clock;
  readonly log: Log;
}

interface Life {
  readonly child: Deno.ChildProcess;
  readonly startedAt: Moment;
  hasAnswered: boolean;
  isOver: boolean;
}

/** Adopts, starts and replaces the proxy of this agent. */
export class ProxyChild implements ProxyProcess {
  readonly #parts: ProxyChildParts;
  #orders: ProxyOrders;
  #supervising: AbortSignal | null = null;
  #link: ProxyLink | null = null;
  #life: Life | null = null;
  #heartbeat: ProxyHeartbeat | null = null;
  #state: ProxyState | null = null;
  #backoff: { readonly ms: number; readonly until: Moment } | null = null;
  #failure: string | null = null;

  constructor(parts: ProxyChildParts, orders: ProxyOrders) {
    this.#parts = parts;
    this.#orders = orders;
  }

  /** Takes over another configuration; a proxy that was started for an older one is replaced. */
  reorder(orders: ProxyOrders): void {
    this.#orders = orders;
    this.#backoff = null;
    this.#failure = null;
    this.#replaceIfOld();
  }

  heartbeat(facts: ProxyHeartbeat): void {
    this.#heartbeat = facts;
    this.#link?.send({ type: "heartbeat", pid: Deno.pid, ...facts });
  }

  async drain(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    const { drain } = this.#orders;
    if (drain === null || drain.timeoutMs <= 0) return;
    const ms = drain.timeoutMs + DRAIN_RESERVE_MS;
    const link = this.#link;
    link?.send({ type: "drain", ms });
    try {
      if (link !== null) await this.#atMost(HOLD_MS, link.settled());
      const left = await drainSessions({ ...drain, clock }, signal);
      if (left === 0) return;
      log.info(`${left} client sessions are still in a transaction`);
    } catch (error) {
      log.warning(`Cannot let clients finish: ${error}`, { error });
    }
  }

  endDrain(): void {
    this.#link?.send({ type: "drain", ms: 0 });
  }

  state(): ProxyState | null {
    return this.#state;
  }

  failure(): string | null {
    return this.#failure;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, controlPath } = this.#parts;
    this.#supervising = signal;
    while (!signal.aborted) {
      const link = await ProxyLink.open(controlPath, (state) => {
        this.#take(state);
      });
      if (link === null) this.#startIfDue();
      else await this.#talk(link, signal);
      await clock.sleep(LOOK_MS, signal);
    }
  }

  async announceEnd(): Promise<void> {
    const link = await this.#reach();
    link?.send({ type: "bye" });
    if (link !== null) await this.#atMost(FAREWELL_MS, link.settled());
    await this.hangUp();
  }

  async stop(): Promise<void> {
    const link = await this.#reach();
    link?.send({ type: "stop" });
    if (link !== null && !await this.#atMost(FAREWELL_MS, link.ended)) {
      const pid = await this.#listener();
      if (pid !== null) killQuietly(pid, "SIGKILL");
    }
    await this.hangUp();
    const life = this.#life;
    if (life === null || life.isOver) return;
    if (link === null) killQuietly(life.child.pid, "SIGTERM");
    if (!await this.#atMost(FAREWELL_MS, life.child.status)) {
      killQuietly(life.child.pid, "SIGKILL");
    }
  }

  /** Closes the connection without a word, as a killed agent does. */
  async hangUp(): Promise<void> {
    this.#link?.close();
    await this.#link?.ended;
  }

  /** The connection that stands, or a new one for a last word. */
  async #reach(): Promise<ProxyLink | null> {
    if (this.#link !== null) return this.#link;
    const link = await ProxyLink.open(this.#parts.controlPath, (state) => {
      this.#take(state);
    });
    this.#link = link;
    return link;
  }

  #take(state: ProxyState): void {
    if (this.#state?.pid !== state.pid) {
      this.#parts.log.info(`The proxy runs as process ${state.pid}`);
    }
    this.#state = state;
    this.#failure = null;
    const life = this.#life;
    if (life !== null && life.child.pid === state.pid) life.hasAnswered = true;
    this.#replaceIfOld();
  }

  /** The new one takes over by itself; the link to the old one ends then. */
  #replaceIfOld(): void {
    const { edition } = this.#orders.start;
    const isOld = this.#state !== null && this.#state.edition !== edition;
    const isEnding = this.#supervising?.aborted ?? true;
    if (isOld && edition !== null && !isEnding) this.#startIfDue();
  }

  /** Until the proxy is gone, or nobody supervises it any more; the link then stays for last words. */
  async #talk(link: ProxyLink, signal: AbortSignal): Promise<void> {
    this.#link = link;
    if (this.#heartbeat !== null) this.heartbeat(this.#heartbeat);
    const released = Promise.withResolvers<void>();
    const onAbort = (): void => released.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const gone = link.ended.then(() => {
      const pid = this.#state?.pid ?? null;
      this.#link = null;
      this.#state = null;
      if (signal.aborted) return;
      const { log } = this.#parts;
      if (this.#isReplaced(pid)) log.info("Another proxy has taken over");
      else log.warning("The proxy has closed its control connection");
    });
    const over = new AbortController();
    const silent = this.#endIfSilent(link, over.signal);
    await Promise.race([gone, released.promise]);
    over.abort();
    await silent;
    signal.removeEventListener("abort", onAbort);
  }

  /** A frozen proxy serves nobody and guards nothing: SIGKILL, then it is replaced like a dead one. */
  async #endIfSilent(link: ProxyLink, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#parts;
    let looks = 0;
    let answers = link.answers;
    while (looks < SILENT_LOOKS_MAX) {
      await link.asked(signal);
      await clock.sleep(SILENT_LOOK_MS, signal);
      if (signal.aborted) return;
      const isSilent = link.isWaiting && link.answers === answers;
      looks = isSilent ? looks + 1 : 0;
      answers = link.answers;
    }
    const pid = await this.#listener();
    log.error(`The proxy (process ${pid}) does not answer: it is replaced`);
    if (pid !== null) killQuietly(pid, "SIGKILL");
    link.close();
  }

  /** Who is at the control socket, by the kernel's word; null if nobody is seen. */
  async #listener(): Promise<number | null> {
    try {
      return await listenerAt(this.#parts.controlPath);
    } catch (error) {
      const { log } = this.#parts;
      log.warning(`Cannot tell who listens for the proxy: ${error}`, { error });
      return null;
    }
  }

  /** A child lives that is not the process that ran. */
  #isReplaced(pid: number | null): boolean {
    return this.#life !== null && !this.#life.isOver &&
      this.#life.child.pid !== pid;
  }

  #startIfDue(): void {
    const { clock, log } = this.#parts;
    const { start } = this.#orders;
    if (this.#isReplaced(this.#state?.pid ?? null)) return;
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
      if (this.#supervising?.aborted) return;
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
