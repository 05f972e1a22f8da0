/**
 * Carries the fence out: watches the agent of this host by its heartbeats, and
 * when it is dead or frozen takes away sessions, addresses, the running primary
 * and then the leader key. When, and in which order, is decided in
 * `lib/core/calc/host/fence.ts`; every step is asked for anew, so an agent that is
 * heard again calls off what has not happened yet.
 *
 * Without a heartbeat of an agent that runs a primary nothing is ever fenced.
 */
import {
  type FencePlan,
  fencePlan,
  type FenceProgress,
  type FenceStep,
  nextFenceStep,
  NO_PROGRESS,
} from "../lib/core/calc/host/fence.ts";
import {
  after,
  type Moment,
  moment,
  remainingMs,
  revision,
} from "../lib/core/base/units.ts";
import type {
  FencedAgent,
  FenceStopMode,
  FenceWord,
} from "../lib/core/model/fence.ts";
import { abortOf, type Clock } from "../lib/ports/clock.ts";
import type { Dcs } from "../lib/ports/dcs.ts";
import type { FencedServer } from "../lib/ports/fence.ts";
import type { Log } from "../lib/ports/log.ts";
import type { AgentHeartbeat } from "../lib/ports/proxy_process.ts";
import type { VipCarrier } from "../lib/ports/vip.ts";
import { errorText } from "./error_text.ts";
import { FenceRecord, type FenceStats } from "./fence_record.ts";
import { FrozenAgent } from "./frozen_agent.ts";
import type { FenceEars } from "./local_agent.ts";

/** Timers stand still while the host sleeps, so none is longer. */
const LEADER = "leader";
const TICK_MS_MAX = 1_000;
/** Before the first step, what waits in the socket is heard: this process may have been the late one. */
const LISTEN_MS = 20;
const AFTER_FAILURE_MS = 200;
const KILL_AGAIN_MS = 50;
const KEY_AGAIN_MS = 1_000;

/** What a host gives to its fence. */
export interface FenceTools {
  readonly server: FencedServer;
  /** Null: this host can carry no address. */
  readonly vip: Pick<VipCarrier, "dropAll"> | null;
  /** How long a dead agent has to come back. */
  readonly graceMs: number;
  /** Ends a process of this host by SIGKILL. */
  readonly endProcess: (pid: number) => void;
}

/** What the fence works with. */
interface FenceParts extends FenceTools {
  readonly clock: Clock;
  readonly log: Log;
  readonly dcs: Pick<Dcs, "write">;
  readonly dcsTimeoutMs: number;
  /** Cuts the sessions to the local primary, and lets no new ones in. */
  readonly onCut: () => void;
}

/** Watches the agent, and takes away what it may no longer hold. */
export class Fence implements FenceEars {
  readonly #parts: FenceParts;
  readonly #ended: Promise<void>;
  #agent: FencedAgent | null = null;
  #progress: FenceProgress = NO_PROGRESS;
  #beganAt: Moment | null = null;
  #hasListened = false;
  #waking = new AbortController();
  #isClosed = false;
  readonly #record: FenceRecord;
  readonly #frozen: FrozenAgent;

  constructor(parts: FenceParts) {
    this.#parts = parts;
    this.#record = new FenceRecord(parts.log);
    this.#frozen = new FrozenAgent(parts);
    this.#ended = this.#run();
  }

  /** It watches a primary, or is at work. */
  get isArmed(): boolean {
    return this.#agent !== null && !this.#agent.word.isPaused;
  }

  get stats(): FenceStats {
    return {
      state: this.#state(),
      graceMs: this.#parts.graceMs,
      ...this.#record.counts,
    };
  }

  heard(heartbeat: AgentHeartbeat): void {
    this.#frozen.heard(heartbeat);
    const wasGone = (this.#agent?.goneSince ?? null) !== null;
    this.#agent = this.#agentOf(heartbeat);
    this.#hasListened = false;
    const plan = this.#plan();
    const isOver = plan === null || !this.#isDue(plan);
    if (this.#beganAt !== null && isOver) this.#callOff();
    else if (wasGone && isOver) {
      this.#parts.log.info(
        `An agent (process ${heartbeat.pid}) is back in time: nothing is fenced`,
      );
    }
    // The postmaster is remembered, in case its pid file is lost later.
    if (plan !== null) this.#parts.server.remember().catch(() => {});
    this.#waking.abort();
  }

  spoke(): void {
    this.#frozen.spoke();
  }

  gone(): void {
    this.#frozen.end();
    const agent = this.#agent;
    if (this.#isClosed || agent === null || agent.goneSince !== null) return;
    const { clock, graceMs, log } = this.#parts;
    const goneSince = this.#frozen.stillSince ?? clock.now();
    this.#agent = { ...agent, goneSince };
    const leftMs = remainingMs(after(goneSince, graceMs), clock.now());
    if (!agent.word.isPaused) {
      log.warning(
        `The agent (process ${agent.pid}) is gone: PostgreSQL is stopped ` +
          `unless an agent comes back within ${seconds(Math.max(0, leftMs))}`,
      );
    }
    this.#waking.abort();
  }

  /** Ends the watch; what was begun stays as it is. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#frozen.end();
    this.#waking.abort();
    await this.#ended;
  }

  /** A lease that is over already when somebody takes charge counts for nothing. */
  #agentOf(
    heartbeat: AgentHeartbeat,
  ): FencedAgent | null {
    const { fence, pid, leaseDeadlineMs } = heartbeat;
    const word: FenceWord | null = fence ?? null;
    if (word === null || word.instance === "other") return null;
    const before = this.#agent;
    const said = leaseDeadlineMs === null ? null : moment(leaseDeadlineMs);
    const deadline = said ?? before?.deadline ?? null;
    const isNewCharge = before?.pid !== pid || before.word.isPaused;
    const isPast = deadline !== null &&
      remainingMs(deadline, this.#parts.clock.now()) <= 0;
    return {
      pid,
      word,
      deadline: isNewCharge && isPast ? null : deadline,
      goneSince: null,
    };
  }

  #plan(): FencePlan | null {
    return this.#agent === null
      ? null
      : fencePlan(this.#agent, this.#parts.graceMs);
  }

  #isDue(plan: FencePlan): boolean {
    return remainingMs(plan.beginAt, this.#parts.clock.now()) <= 0;
  }

  #state(): FenceStats["state"] {
    if (this.#agent === null || this.#agent.word.isPaused) return "off";
    if (this.#progress.isKeySettled) return "fenced";
    if (this.#beganAt !== null) return "fencing";
    return this.#agent.goneSince === null ? "watching" : "agent_gone";
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#isClosed) {
      this.#waking = new AbortController();
      const { signal } = this.#waking;
      try {
        await this.#turn(signal);
      } catch (error) {
        this.#record.failed(
          `The fence failed at a step: ${errorText(error)}`,
          error,
        );
        await clock.sleep(AFTER_FAILURE_MS, signal);
      }
    }
  }

  /** One look, one step, one rest. */
  async #turn(signal: AbortSignal): Promise<void> {
    const { clock, server } = this.#parts;
    const [agent, plan] = [this.#agent, this.#plan()];
    if (agent === null || plan === null) return await abortOf(signal);
    const restMs = remainingMs(plan.beginAt, clock.now());
    if (restMs > 0) {
      return await clock.sleep(Math.min(restMs, TICK_MS_MAX), signal);
    }
    if (!this.#hasListened) {
      this.#hasListened = true;
      return await clock.sleep(LISTEN_MS, signal);
    }
    const instance = await server.look();
    if (signal.aborted) return;
    if (instance === "down") {
      this.#progress = { ...this.#progress, wasDown: true, stopSent: null };
    }
    const { now, progress } = { now: clock.now(), progress: this.#progress };
    const look = { now, agent, plan, instance, progress };
    await this.#take(nextFenceStep(look), { agent, plan, signal });
  }

  async #take(step: FenceStep, scene: Scene): Promise<void> {
    const { clock } = this.#parts;
    switch (step.kind) {
      case "nothing":
        return await clock.sleep(
          remainingMs(step.lookAt, clock.now()),
          scene.signal,
        );
      case "cut_sessions":
        return this.#cut(scene);
      case "stop_postgres":
        return await this.#stop(step.mode, scene);
      case "give_back_key":
        return await this.#giveBack(scene);
    }
  }

  /** The kernel ends an address by itself, so nobody waits for that. */
  #cut({ agent, plan }: Scene): void {
    const { clock, log, onCut, vip } = this.#parts;
    const now = clock.now();
    this.#beganAt = now;
    this.#record.begun(-remainingMs(plan.beginAt, now));
    this.#progress = { ...this.#progress, isCut: true };
    const leftS = agent.deadline === null
      ? "no lease of it is known"
      : `its lease ends in ${seconds(remainingMs(agent.deadline, now))}`;
    const what = agent.goneSince === null
      ? "is silent"
      : `has been gone for ${seconds(-remainingMs(agent.goneSince, now))}`;
    log.error(
      `The agent (process ${agent.pid}) ${what} and ${leftS}: fencing the ` +
        `local primary. Sessions are cut`,
    );
    onCut();
    if (agent.word.vips.length > 0) vip?.dropAll(agent.word.vips);
  }

  async #stop(mode: FenceStopMode, { signal }: Scene): Promise<void> {
    const { clock, log, server } = this.#parts;
    if (this.#progress.stopSent !== mode) {
      log.warning(`Stopping PostgreSQL in place of its agent (${mode})`);
    }
    this.#progress = { ...this.#progress, stopSent: mode };
    await server.stop(mode);
    if (mode === "kill") await clock.sleep(KILL_AGAIN_MS, signal);
  }

  async #giveBack({ agent, signal }: Scene): Promise<void> {
    const { clock, dcs, dcsTimeoutMs, log } = this.#parts;
    const began = this.#beganAt ?? clock.now();
    const down = "PostgreSQL is down, " +
      `${seconds(-remainingMs(began, clock.now()))} after the fencing began`;
    const { leaderRevision } = agent.word;
    if (leaderRevision === null) {
      log.warning(`${down}; the leader key, if it is ours, ends by itself`);
      return this.#settle();
    }
    const term = revision(leaderRevision);
    try {
      const result = await dcs.write({
        when: [{ kind: "revision_is", key: LEADER, revision: term }],
        edits: [{ kind: "delete", key: LEADER }],
      }, { timeoutMs: dcsTimeoutMs });
      const isDone = result.kind === "done";
      if (isDone) this.#record.keyGivenBack();
      log.warning(
        isDone
          ? `${down}; the leader key is given back`
          : `${down}; the leader key is not of that term any more`,
      );
      this.#settle();
    } catch (error) {
      const text = `Cannot give the leader key back: ${errorText(error)}`;
      this.#record.hindered(text, down);
      await clock.sleep(KEY_AGAIN_MS, signal);
    }
  }

  #settle(): void {
    this.#progress = { ...this.#progress, isKeySettled: true };
  }

  #callOff(): void {
    const { log } = this.#parts;
    const text = this.#progress.isKeySettled
      ? "An agent is here again; the fencing is over"
      : "An agent is here again: the fencing is called off";
    log.info(text);
    this.#record.over(this.#progress.isKeySettled ? "done" : "called_off");
    this.#progress = NO_PROGRESS;
    this.#beganAt = null;
  }
}

interface Scene {
  readonly agent: FencedAgent;
  readonly plan: FencePlan;
  readonly signal: AbortSignal;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
