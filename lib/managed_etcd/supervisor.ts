/**
 * Keeps the member of etcd on this host: looks, decides (`nextEtcdStep`), acts,
 * rests. Knows nothing between two rounds but how the last starts went, so an
 * agent that begins anew goes on where the last one was.
 */
import { after, type Moment, moment } from "../core/base/units.ts";
import { nextEtcdStep } from "../core/calc/etcd_member/next_step.ts";
import { votersAdvice } from "../core/calc/etcd_member/quorum.ts";
import type {
  EtcdObservation,
  EtcdStart,
  EtcdStep,
} from "../core/model/etcd_member.ts";
import type { Clock } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import { type EtcdParts, observeEtcd, othersOf } from "./observe.ts";
import {
  otherSettingsText,
  refusalText,
  startText,
  waitText,
} from "./texts.ts";
import type { EtcdUpkeeper } from "./upkeep.ts";

/** A process that lived shorter than this has failed to start. */
const SHORT_LIFE_MS = 10_000;
const BACKOFF_MS_MIN = 500;
const BACKOFF_MS_MAX = 10_000;
/** Between two steps. */
const STEP_MS = 300;
/** How often the process and the order are looked at while there is nothing to do. */
const WATCH_MS = 1_000;
/** Every so many of these looks its cluster is asked, too. */
const WATCHES = 5;

/** What it works with. */
export interface EtcdSupervisorParts extends EtcdParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly upkeep: EtcdUpkeeper;
}

/** Keeps one member. */
export class EtcdSupervisor {
  readonly #parts: EtcdSupervisorParts;
  /** The process that is watched, and since when; null: none. */
  #life: { readonly pid: number; readonly since: Moment } | null = null;
  /** The process that was started as the only member; null: none was. */
  #forcedPid: number | null = null;
  #backoffMs = 0;
  #startAt: Moment = moment(0);
  /** The last word to the operator: nothing is said twice in a row. */
  #said: string | null = null;
  #advised: string | null = null;

  constructor(parts: EtcdSupervisorParts) {
    this.#parts = parts;
  }

  /** Until `signal` aborts; etcd goes on then. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, folder, log } = this.#parts;
    let isKeeper = false;
    while (!signal.aborted) {
      try {
        isKeeper ||= await folder.hold();
        if (!isKeeper) throw new Error("another process keeps this member");
        const isSettled = await this.#round(signal);
        if (isSettled) await this.#watch(signal);
        else await clock.sleep(STEP_MS, signal);
      } catch (error) {
        this.#say(`etcd: ${messageOf(error)}`, (text) => log.error(text));
        await clock.sleep(WATCH_MS, signal);
      }
    }
    folder.release();
  }

  /** One look and one step. True: there was nothing to do. */
  async #round(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#parts;
    await this.#noteLife();
    const pid = this.#life?.pid ?? null;
    const o = await observeEtcd(this.#parts, {
      mayStart: clock.now() >= this.#startAt,
      isForced: pid !== null && pid === this.#forcedPid,
    });
    const step = nextEtcdStep(o);
    await this.#act(step, o);
    const isSettled = step.kind === "rest" || step.kind === "refuse";
    if (step.kind === "rest") await this.#rested(o, signal);
    return isSettled;
  }

  /** An end that nobody ordered is told, and delays the next start if it came soon. */
  async #noteLife(): Promise<void> {
    const { clock, log, process } = this.#parts;
    const pid = await process.running();
    const life = this.#life;
    if (life !== null && pid !== life.pid) {
      const isShort = clock.now() - life.since < SHORT_LIFE_MS;
      this.#backoffMs = isShort
        ? Math.min(
          Math.max(2 * this.#backoffMs, BACKOFF_MS_MIN),
          BACKOFF_MS_MAX,
        )
        : 0;
      this.#startAt = after(clock.now(), this.#backoffMs);
      this.#life = null;
      const why = await process.lastWords() ?? "it said nothing";
      this.#say(`etcd ended: ${why}`, (text) => log.error(text));
    }
    if (pid !== null && this.#life === null) {
      this.#life = { pid, since: clock.now() };
      log.info(`etcd runs on this host as process ${pid}`);
      const others = await process.differences();
      if (others.length > 0) log.warning(otherSettingsText(others));
    }
  }

  async #act(step: EtcdStep, o: EtcdObservation): Promise<void> {
    const { admin, folder, log, self } = this.#parts;
    switch (step.kind) {
      case "rest":
        return;
      case "wait": {
        const text = waitText(step.what);
        if (text !== null) this.#say(text, (each) => log.warning(each));
        return;
      }
      case "refuse":
        return this.#say(refusalText(step.why), (text) => log.error(text));
      case "start":
        return await this.#start(step.how);
      case "stop":
        if (step.why !== "order") {
          this.#say(refusalText(step.why), (text) => log.error(text));
        }
        return await this.#stop();
      case "add_learner":
        return await this.#atOthers(
          o,
          (endpoint) => admin.addLearner(endpoint, self.peerUrl),
        );
      case "promote":
        await this.#atOthers(
          o,
          (endpoint) => admin.promote(endpoint, step.memberId),
        );
        return log.info("etcd: this host's member has caught up and votes now");
      case "set_aside": {
        const place = await folder.setAside();
        return log.warning(`etcd: the data of before lie in ${place} now`);
      }
      case "restore":
        return await this.#restore(step.snapshot);
      case "note_order":
        await folder.setOrder(step.order);
        if (step.order.kind !== "member") return;
        return log.info("etcd: this host's member is part of its cluster");
    }
  }

  async #start(how: EtcdStart): Promise<void> {
    const { clock, log, process } = this.#parts;
    log.info(startText(how));
    try {
      const pid = await process.start(how);
      this.#life = { pid, since: clock.now() };
      this.#forcedPid = how.kind === "force" ? pid : null;
      // Until the process has noted itself it is not to be seen.
      for (let i = 0; i < 20 && await process.running() === null; i++) {
        await clock.sleep(50);
      }
    } catch (error) {
      this.#startAt = after(clock.now(), BACKOFF_MS_MAX / 2);
      throw error;
    }
  }

  async #stop(): Promise<void> {
    this.#life = null;
    await this.#parts.process.stop();
  }

  /** The order changes last: whoever is killed before that does all of it again. */
  async #restore(snapshot: string): Promise<void> {
    const { folder, log, self } = this.#parts;
    await folder.restore(snapshot);
    const { name, peerUrl, clientUrl } = self;
    const members = [{ name, peerUrl, clientUrl }];
    await folder.setOrder({ kind: "found", members });
    log.warning(`etcd: restored from ${snapshot}, as a new cluster`);
  }

  /** A learner cannot carry out changes, so the others are asked. */
  async #atOthers(
    o: EtcdObservation,
    change: (endpoint: string) => Promise<void>,
  ): Promise<void> {
    const failures: string[] = [];
    const members = o.agreed?.members ?? [];
    const listed = members.filter((one) => !one.isLearner)
      .flatMap(({ clientUrls }) => clientUrls);
    const named = await othersOf(this.#parts, o.order);
    for (const endpoint of new Set([...listed, ...named])) {
      try {
        return await change(endpoint);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    // Not ready yet, or no majority in this moment: it is tried again.
    this.#parts.log.debug(`etcd: ${failures.join("; ")}`);
  }

  async #rested(o: EtcdObservation, signal: AbortSignal): Promise<void> {
    const { folder, log, process, upkeep } = this.#parts;
    this.#said = null;
    if (o.agreed !== null) {
      await folder.noteView(o.agreed);
      const advice = votersAdvice(o.agreed.members);
      if (advice !== null && advice !== this.#advised) log.warning(advice);
      this.#advised = advice;
    }
    await process.trimLog();
    if (o.own !== null) await upkeep.tend(o.own, signal);
  }

  /** Until it is time for the next look, or something has changed. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { clock, folder, process } = this.#parts;
    const order = JSON.stringify(await folder.order());
    const pid = await process.running();
    for (let i = 0; i < WATCHES && !signal.aborted; i++) {
      await clock.sleep(WATCH_MS, signal);
      if (await process.running() !== pid) return;
      if (JSON.stringify(await folder.order()) !== order) return;
    }
  }

  #say(text: string, tell: (text: string) => void): void {
    if (text === this.#said) return;
    this.#said = text;
    tell(text);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
