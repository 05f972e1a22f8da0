/**
 * The agent's side of the proxy: adopts the proxy that already runs, has one
 * started if there is none, replaces one that died or is of another edition (which then
 * goes on with its sessions by itself). The proxy is a process of its own
 * session, so nothing that ends the agent ends it.
 */
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type {
  ProxyHeartbeat,
  ProxyProcess,
  ProxyState,
} from "../../ports/proxy_process.ts";
import { type DrainParts, drainSessions } from "./drain.ts";
import { ProxyLink } from "./link.ts";
import { type ProxyCommand, ProxyStarter } from "./proxy_starter.ts";
import { listenerAt } from "./socket_owner.ts";

/** How often to look for the socket while there is no connection. */
const LOOK_MS = 50;
/**
 * A proxy that owes an answer at so many looks in a row is frozen. Looks are
 * counted, not time: an agent that was frozen itself has answers to read first.
 */
const SILENT_LOOKS_MAX = 10;
const SILENT_LOOK_MS = 500;
/** How often a proxy that guards a primary hears that this process runs. */
const ALIVE_EVERY_MS = 1_000;
/** How long an orderly goodbye or stop may take. */
const FAREWELL_MS = 3_000;

/** How long the proxy may take to hold new clients before a planned stop. */
const HOLD_MS = 500;
/** What the stop itself may take until the proxy hears of another leader. */
const DRAIN_RESERVE_MS = 10_000;

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

/** Adopts, starts and replaces the proxy of this agent. */
export class ProxyChild implements ProxyProcess {
  readonly #parts: ProxyChildParts;
  readonly #starter: ProxyStarter;
  #orders: ProxyOrders;
  #supervising: AbortSignal | null = null;
  #link: ProxyLink | null = null;
  #heartbeat: ProxyHeartbeat | null = null;
  #onGuarded: (() => void) | null = null;
  #state: ProxyState | null = null;

  constructor(parts: ProxyChildParts, orders: ProxyOrders) {
    const { clock, log } = parts;
    this.#parts = parts;
    this.#starter = new ProxyStarter({
      ...{ clock, log },
      isEnding: () => this.#supervising?.aborted ?? false,
    });
    this.#orders = orders;
  }

  /** Takes over another configuration; a proxy that was started for an older one is replaced. */
  reorder(orders: ProxyOrders): void {
    this.#orders = orders;
    this.#starter.forgive();
    this.#replaceIfOld();
  }

  heartbeat(facts: ProxyHeartbeat): void {
    this.#heartbeat = facts;
    if (this.#isGuarded) this.#onGuarded?.();
    const aliveEveryMs = ALIVE_EVERY_MS;
    this.#link?.send({
      ...{ type: "heartbeat", pid: Deno.pid, aliveEveryMs },
      ...facts,
    });
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
    return this.#starter.failure;
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
    const { child } = this.#starter;
    if (child === null) return;
    if (link === null) killQuietly(child.pid, "SIGTERM");
    if (!await this.#atMost(FAREWELL_MS, child.status)) {
      killQuietly(child.pid, "SIGKILL");
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
    this.#starter.answered(state.pid);
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
      if (this.#starter.isReplaced(pid)) {
        log.info("Another proxy has taken over");
      } else log.warning("The proxy has closed its control connection");
    });
    const over = new AbortController();
    const silent = this.#endIfSilent(link, over.signal);
    this.#sayAlive(link);
    await Promise.race([gone, released.promise]);
    over.abort();
    await silent;
    signal.removeEventListener("abort", onAbort);
  }

  /** The proxy guards an instance that may take writes. */
  get #isGuarded(): boolean {
    const fence = this.#heartbeat?.fence ?? null;
    return fence !== null && fence.instance !== "other";
  }

  /** As long as the link lives, also while the agent ends: silence means that this process stands still. */
  async #sayAlive(link: ProxyLink): Promise<void> {
    const over = new AbortController();
    link.ended.then(() => over.abort());
    while (!over.signal.aborted) {
      if (!this.#isGuarded) await Promise.race([this.#guarded(), link.ended]);
      await this.#parts.clock.sleep(ALIVE_EVERY_MS, over.signal);
      if (this.#isGuarded && !over.signal.aborted) link.send({ type: "look" });
    }
  }

  /** Resolves when the proxy is told of something to guard. */
  #guarded(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onGuarded = resolve;
    return promise;
  }

  /** A frozen proxy serves nobody and guards nothing: SIGKILL, then it is replaced like a dead one. */
  async #endIfSilent(link: ProxyLink, signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    let looks = 0;
    let answers = link.answers;
    while (looks < SILENT_LOOKS_MAX) {
      await link.asked(signal);
      await this.#restUnlessAnswered(link, signal);
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

  /** One look's time, or until the proxy has answered everything. */
  async #restUnlessAnswered(
    link: ProxyLink,
    signal: AbortSignal,
  ): Promise<void> {
    const rest = new AbortController();
    const end = (): void => rest.abort("answered");
    signal.addEventListener("abort", end);
    link.settled().then(end);
    await this.#parts.clock.sleep(SILENT_LOOK_MS, rest.signal);
    signal.removeEventListener("abort", end);
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

  #startIfDue(): void {
    this.#starter.startIfDue(this.#orders.start, this.#state?.pid ?? null);
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
