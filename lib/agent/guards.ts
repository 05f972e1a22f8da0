/**
 * What stands guard over the right to lead, beside the lease: the virtual
 * addresses that follow it, and the watchdog that resets the host when nobody
 * renews it. Both are told after each cycle and before the instance stops;
 * neither decides anything about leading.
 */
import { vipParts } from "../core/calc/host/vip.ts";
import {
  guardedDeadline,
  hasWatchdogFailed,
  hasWatchdogSlack,
  judgeTimeout,
  type WatchdogTerms,
  watchdogTimeoutS,
} from "../core/calc/host/watchdog.ts";
import { type Moment, remainingMs } from "../core/base/units.ts";
import type { Observation } from "../core/model/observation.ts";
import { mayBeWritable } from "../core/rules/parts.ts";
import type { Vip } from "../core/model/vip.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { VipCarrier } from "../ports/vip.ts";
import { type Watchdog, WatchdogError } from "../ports/watchdog.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Remembering } from "./memory.ts";

/** A device that refused is tried again by a leader after that many TTLs. */
const REFUSED_FOR_TTLS = 2;

/** What the guards may touch. */
export interface GuardPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** Null: `watchdog.mode` is off. */
  readonly watchdog: Watchdog | null;
  /** Null: this host can carry no address. */
  readonly vip: VipCarrier | null;
}

/** The part of the local configuration that they need. */
export interface GuardConfig {
  readonly vips: readonly Vip[];
  readonly watchdog: WatchdogTerms;
}

/** What they work with. */
export interface GuardParts extends GuardPorts {
  readonly inForce: SettingsInForce;
  readonly memory: Remembering;
  /** Another member may lead by now. */
  readonly doubt: { readonly isInDoubt: boolean };
  /** Read anew for each use, so that a reload is taken over. */
  readonly config: () => GuardConfig;
}

/** The guards of one agent. */
export class Guards {
  readonly #parts: GuardParts;
  #vips: readonly Vip[] = [];
  #timeoutS: number | null = null;
  #refusedAt: Moment | null = null;
  #said = "";
  #observation: Observation | null = null;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /**
   * The lease was renewed or won just now: the watchdog gets its keepalive, and
   * is started first if it was not running.
   *
   * @param leaseDeadline The end of the lease.
   * @returns Until when this member may lead: earlier, if the watchdog fires earlier.
   */
  covered(leaseDeadline: Moment): Moment {
    const { watchdog, clock } = this.#parts;
    const terms = this.#parts.config().watchdog;
    const { settings } = this.#parts.inForce;
    if (watchdog === null || terms.mode === "off" || settings.isPaused) {
      return leaseDeadline;
    }
    if (!hasWatchdogSlack(terms, settings)) {
      this.#disable();
      this.#say("the watchdog would fire before loop_wait is over: not used");
      return leaseDeadline;
    }
    if (!this.#isTried()) return leaseDeadline;
    const keptAt = clock.now();
    try {
      const leftS = remainingMs(leaseDeadline, keptAt) / 1000;
      const firesS = this.#feed(watchdog, terms, leftS);
      return guardedDeadline(leaseDeadline, keptAt, firesS);
    } catch (error) {
      if (!(error instanceof WatchdogError)) throw error;
      this.#refused(error.message);
      return leaseDeadline;
    }
  }

  /** The cycle has ended: addresses as they should be, a watchdog only where it is needed. */
  afterCycle(o: Observation): void {
    const { watchdog, vip } = this.#parts;
    const { vips, watchdog: terms } = this.#parts.config();
    const isIdle = o.lease.kind !== "held" && !mayBeWritable(o);
    const isOff = o.settings.isPaused || terms.mode === "off";
    if (isOff || isIdle || o.postgres.kind === "empty") this.#disable();
    const isUsable = watchdog !== null && this.#isTried() &&
      (watchdog.isActive || watchdog.isUsable());
    this.#note(
      hasWatchdogFailed(terms, o.settings, isUsable ? "usable" : "unusable"),
    );
    this.#observation = o;
    const wishes = vipParts(vips, o).map((wish) =>
      this.#parts.doubt.isInDoubt && wish.vip.role === "primary"
        ? { ...wish, part: { kind: "none" } as const }
        : wish
    );
    const dropped = this.#vips.filter((vip) => !vips.includes(vip))
      .filter((old) => !vips.some((vip) => isSamePlace(old, vip)))
      .map((vip) => ({ vip, part: { kind: "none" } as const }));
    this.#vips = vips;
    const all = [...dropped, ...wishes];
    if (all.length > 0) vip?.reconcile(all);
  }

  /** Between cycles: whether another member may lead has changed. */
  doubtChanged(): void {
    if (this.#observation !== null) this.afterCycle(this.#observation);
  }

  /** The instance is about to stop: clients go first. Bounded to about a second. */
  async standDown(): Promise<void> {
    const { vips } = this.#parts.config();
    if (vips.length > 0) await this.#parts.vip?.dropAll(vips);
  }

  /** The agent has ended in order and nothing writable is left: the host must not be reset. */
  async close(): Promise<void> {
    this.#disable();
    await this.#parts.vip?.close();
  }

  /**
   * The time until the device fires counts from now, that of the lease from
   * before its renewal was sent: after a slow renewal the device gets less.
   *
   * @param leftS Seconds until the lease ends.
   * @returns Seconds until the device fires.
   */
  #feed(watchdog: Watchdog, terms: WatchdogTerms, leftS: number): number {
    const { ttlMs } = this.#parts.inForce.settings;
    const usualS = watchdogTimeoutS(terms, ttlMs);
    const wantedS = Math.max(1, Math.min(usualS, Math.floor(leftS)));
    if (!watchdog.isActive || this.#timeoutS !== wantedS) {
      const wasActive = watchdog.isActive;
      const { timeoutS } = wasActive
        ? watchdog.setTimeout(wantedS)
        : watchdog.activate(wantedS);
      // A device that cannot be as quick as a slow renewal wants is no worse than before.
      if (!wasActive || wantedS === usualS) {
        this.#judge(terms, { wantedS, actualS: timeoutS });
      }
      this.#timeoutS = wantedS;
    }
    watchdog.keepalive();
    this.#refusedAt = null;
    this.#note(false);
    return wantedS;
  }

  #judge(
    terms: WatchdogTerms,
    timeouts: { readonly wantedS: number; readonly actualS: number | null },
  ): void {
    const { wantedS, actualS } = timeouts;
    const name = this.#parts.watchdog?.describe() ?? "watchdog";
    if (judgeTimeout(wantedS, actualS) === "fits") {
      const slackS = wantedS - this.#parts.inForce.settings.loopWaitMs / 1000;
      return this.#say(
        `${name} resets this host ${actualS} s after the last renewal ` +
          `(${slackS} s more than loop_wait)`,
      );
    }
    const what = actualS === null
      ? `${name} does not tell when it fires`
      : `${name} fires after ${actualS} s at the earliest, wanted are ${wantedS} s`;
    if (terms.mode === "required") {
      this.#disable();
      throw new WatchdogError(what);
    }
    this.#say(`${what}: it may come too late`);
  }

  #refused(why: string): void {
    const { clock, log } = this.#parts;
    this.#refusedAt = clock.now();
    const isRequired = this.#parts.config().watchdog.mode === "required";
    const text = `${why}; ${
      isRequired ? "this member must not lead" : "going on without a watchdog"
    }`;
    if (this.#said !== text) log[isRequired ? "error" : "warning"](text);
    this.#said = text;
    this.#note(isRequired);
  }

  #isTried(): boolean {
    if (this.#refusedAt === null) return true;
    const { ttlMs } = this.#parts.inForce.settings;
    const sinceMs = -remainingMs(this.#refusedAt, this.#parts.clock.now());
    return sinceMs > REFUSED_FOR_TTLS * ttlMs;
  }

  #disable(): void {
    const { watchdog, log } = this.#parts;
    if (watchdog === null || !watchdog.isActive) return;
    try {
      watchdog.disable();
      log.info(`${watchdog.describe()} is switched off`);
    } catch (error) {
      log.error(`Cannot switch the watchdog off: ${String(error)}`);
    }
    this.#said = "";
  }

  #note(hasFailed: boolean): void {
    const { memory } = this.#parts;
    if (memory.now.hasWatchdogFailed === hasFailed) return;
    memory.remember({ kind: "watchdog", hasFailed });
  }

  #say(text: string): void {
    if (this.#said !== text) this.#parts.log.info(text);
    this.#said = text;
  }
}

function isSamePlace(a: Vip, b: Vip): boolean {
  return a.address === b.address && a.interface === b.interface;
}
