/**
 * The HA loop: observe, decide, act, a bounded number of rounds; publish; rest.
 * One cycle at a time, and nothing in here knows what a good decision is.
 */
import { decide, type Ruling } from "../core/decide.ts";
import { explain } from "../core/explain.ts";
import { invariant } from "../core/base/invariant.ts";
import { leaderRestMs } from "../core/calc/host/watchdog.ts";
import { after, remainingMs } from "../core/base/units.ts";
import { stopBudgetMs } from "../core/calc/lead/budgets.ts";
import type { Observation } from "../core/model/observation.ts";
import { DcsRefusedError, DcsUnreachableError } from "../ports/errors.ts";
import { type Act, act } from "./act.ts";
import type { AgentContext } from "./context.ts";
import { observe } from "./observe.ts";
import { Publisher } from "./publish.ts";
import { settleRole } from "./role_settings.ts";

/** More rounds than any chain of rules can need; reaching it is a bug in the rules. */
const ROUNDS_MAX = 24;

/** Rest after a cycle that failed. */
const AFTER_FAILURE_MS = 1_000;

/** Replicas run a little after the leader, so that they see its update. Source: docs/contract/dcs.md 5.4. */
const REPLICA_DELAY_MS = 500;

/** Rest while the lease is about to end. */
const OVERDUE_MS = 200;

/** How the loop ended: by its signal, or by a decision. */
export type LoopEnd = Extract<Act, { kind: "exit" }> | { kind: "stopped" };

/** Runs cycles until `signal` aborts or a decision ends the agent. */
export class AgentLoop {
  readonly #context: AgentContext;
  readonly #publisher: Publisher;
  readonly #onReload: () => Promise<void>;
  #lastRule = "";

  /** @param onReload Re-reads the local configuration; called between cycles. */
  constructor(context: AgentContext, onReload: () => Promise<void>) {
    this.#context = context;
    this.#publisher = new Publisher(context);
    this.#onReload = onReload;
  }

  async run(signal: AbortSignal): Promise<LoopEnd> {
    while (!signal.aborted) {
      if (this.#context.inbox.takeReload()) await this.#onReload();
      const end = await this.#guardedCycle();
      if (end.kind === "exit") return end;
      const restMs = this.#withinLease(end.againInMs ?? this.#restMs());
      await this.#rest(restMs, signal);
    }
    this.#publisher.close();
    this.#context.startAid.close();
    return { kind: "stopped" };
  }

  /** A rest takes no call of the store; a service manager that watches is told now and then. */
  async #rest(restMs: number, signal: AbortSignal): Promise<void> {
    const { inbox, liveness, ports: { clock }, state } = this.#context;
    liveness.judge(state.settings);
    const end = after(clock.now(), restMs);
    state.nextCycleAt = end;
    while (!signal.aborted) {
      liveness.alive();
      const leftMs = remainingMs(end, clock.now());
      const stepMs = Math.min(leftMs, liveness.restMsMax);
      const isWoken = await inbox.rest(Math.max(0, stepMs), signal);
      if (isWoken || stepMs === leftMs) return;
    }
  }

  /** One cycle; an unexpected failure is logged and the next cycle tries again. */
  async #guardedCycle(): Promise<Exclude<Act, { kind: "round" }>> {
    const { clock } = this.#context.ports;
    const startedAt = clock.now();
    try {
      const end = await this.cycle();
      this.#context.statistics.countCycle(clock.now() - startedAt);
      return end;
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : "";
      this.#context.ports.log.error(`Unexpected failure of a cycle: ${text}`);
      return { kind: "rest", againInMs: AFTER_FAILURE_MS };
    }
  }

  /** Observe, then decide and act until the cycle ends, then publish. */
  async cycle(): Promise<Exclude<Act, { kind: "round" }>> {
    let o = await observe(this.#context);
    this.#context.heartbeats.observed(o);
    for (let round = 0;; round++) {
      invariant(round < ROUNDS_MAX, "rounds of a cycle are bounded", {
        rule: this.#lastRule,
      });
      this.#context.liveness.alive();
      this.#context.state.observation = o;
      const ruling = decide(o);
      this.#note(ruling, o);
      const next = await act(this.#context, o, ruling.decision);
      if (next.kind === "round") {
        o = next.observation;
        continue;
      }
      await settleRole(this.#context, o);
      await this.#publish(o);
      return next;
    }
  }

  async #publish(o: Observation): Promise<void> {
    const { ports, tasks, state } = this.#context;
    const now = { ...o, task: tasks.view, memory: state.memory };
    this.#context.events.look(now);
    this.#context.heartbeats.settled(o);
    this.#context.guards.afterCycle(now);
    this.#context.startAid.look();
    try {
      await this.#publisher.publish(now);
    } catch (error) {
      const isStore = error instanceof DcsUnreachableError ||
        error instanceof DcsRefusedError;
      const text = error instanceof Error ? error.message : String(error);
      if (isStore) ports.log.warning(`Error communicating with DCS: ${text}`);
      else ports.log.error(`Cannot publish after a cycle: ${text}`);
    }
    // A member that does not lead has asked the store just now.
    this.#context.heartbeats.settled(o);
  }

  #note(ruling: Ruling, o: Observation): void {
    const { ports, state, config, statistics } = this.#context;
    statistics.countDecision(ruling, o);
    const { rule, decision } = ruling;
    const pause = o.settings.isPaused ? "PAUSE: " : "";
    const sentence = `${pause}${explain(decision, config.self)}`;
    const facts = { rule, decision: decision.kind, reason: decision.reason };
    const isRoutine = decision.kind === "renew_lease" ||
      decision.kind === "ask_upstream" || decision.kind === "ask_peers";
    if (isRoutine || rule === this.#lastRule && sentence === state.sentence) {
      ports.log.debug(sentence, facts);
    } else {
      ports.log.info(sentence, facts);
    }
    if (isRoutine) return;
    state.sentence = sentence;
    this.#lastRule = rule;
  }

  /** The loop is awake when the time has come to stop a primary whose lease runs out. */
  #withinLease(restMs: number): number {
    const { right, ports, state } = this.#context;
    if (right.deadline === null) return restMs;
    const leftMs = remainingMs(right.deadline, ports.clock.now());
    const untilStopMs = leftMs - stopBudgetMs(state.settings);
    return Math.min(restMs, Math.max(OVERDUE_MS, untilStopMs));
  }

  #restMs(): number {
    const { state, config, right, ports } = this.#context;
    const isLeader = state.view?.leader?.name === config.self;
    if (!isLeader) return state.settings.loopWaitMs + REPLICA_DELAY_MS;
    return leaderRestMs(state.settings, right.deadline, ports.clock.now());
  }
}
