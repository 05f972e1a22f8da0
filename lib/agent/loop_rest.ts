/**
 * How long the loop rests between two cycles, and what it does meanwhile: it says
 * that it is alive, and a leader looks out for standbys that it lacks.
 */
import { leaderRestMs } from "../core/calc/host/watchdog.ts";
import { stopBudgetMs } from "../core/calc/lead/budgets.ts";
import { after, remainingMs } from "../core/base/units.ts";
import type { MemberName } from "../core/model/member.ts";
import type { Clock } from "../ports/clock.ts";
import type { SettingsInForce } from "./config_in_force.ts";
import type { Inbox } from "./inbox.ts";
import type { SeenScope } from "./last_view.ts";
import type { Deadline } from "./lead_right.ts";
import type { Liveness } from "./liveness.ts";
import type { LoopStatus } from "./loop_status.ts";
import type { StandbyWatch } from "./standby_watch.ts";

/** Replicas run a little after the leader, so that they see its update. Source: docs/contract/dcs.md 5.4. */
const REPLICA_DELAY_MS = 500;

/** Rest while the lease is about to end. */
const OVERDUE_MS = 200;

/** What a rest is measured by. */
interface RestParts {
  readonly clock: Pick<Clock, "now">;
  readonly inbox: Pick<Inbox, "rest">;
  readonly liveness: Liveness;
  readonly standbys: StandbyWatch;
  readonly status: Pick<LoopStatus, "nextCycleAt">;
  readonly right: Deadline;
  readonly last: SeenScope;
  readonly inForce: SettingsInForce;
  readonly config: () => { readonly self: MemberName };
}

/** Rests. */
export class LoopRest {
  readonly #parts: RestParts;

  constructor(parts: RestParts) {
    this.#parts = parts;
  }

  /**
   * Rests until it is woken or the time is over. A rest takes no call of the
   * store; a service manager that watches is told now and then.
   *
   * @param wishedMs As a decision asked for; null: as usual.
   */
  async rest(wishedMs: number | null, signal: AbortSignal): Promise<void> {
    const { inbox, liveness, standbys, clock, status, inForce } = this.#parts;
    const restMs = this.#withinLease(wishedMs ?? this.#usualMs());
    liveness.judge(inForce.settings);
    const end = after(clock.now(), restMs);
    status.nextCycleAt = end;
    while (!signal.aborted) {
      liveness.alive();
      const leftMs = remainingMs(end, clock.now());
      const stepMs = Math.min(leftMs, liveness.restMsMax, standbys.restMsMax);
      const isWoken = await inbox.rest(Math.max(0, stepMs), signal);
      if (isWoken || stepMs === leftMs || await standbys.hasCome()) return;
    }
  }

  /** The loop is awake when the time has come to stop a primary whose lease runs out. */
  #withinLease(restMs: number): number {
    const { right: { deadline }, clock, inForce } = this.#parts;
    if (deadline === null) return restMs;
    const leftMs = remainingMs(deadline, clock.now());
    const untilStopMs = leftMs - stopBudgetMs(inForce.settings);
    return Math.min(restMs, Math.max(OVERDUE_MS, untilStopMs));
  }

  #usualMs(): number {
    const { last, config, right, clock, inForce: { settings } } = this.#parts;
    const isLeader = last.view?.leader?.name === config().self;
    if (!isLeader) return settings.loopWaitMs + REPLICA_DELAY_MS;
    return leaderRestMs(settings, right.deadline, clock.now());
  }
}
