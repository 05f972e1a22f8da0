/**
 * What the agent of this host last said, and what follows from it: whether the
 * local member may still be served as primary. An agent that dies without a word
 * changes nothing here until its lease has ended. Whether it is there at all, and
 * whether it is about to stop its instance, are parts of their own.
 */
import { moment, remainingMs } from "../lib/core/base/units.ts";
import type { LocalVeto } from "../lib/core/model/routes.ts";
import type { MemberName } from "../lib/core/model/member.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { AgentHeartbeat } from "../lib/ports/proxy_process.ts";
import { AgentPresence } from "./agent_presence.ts";
import { PlannedRest } from "./planned_rest.ts";

/** Roles with which a member surely takes no writes. */
const NOT_PRIMARY: ReadonlySet<string> = new Set([
  "replica",
  "demoted",
  "standby_leader",
]);

/** What the agent's word leads to. */
interface LocalAgentListener {
  /** For a predecessor, whose sessions it concerns as well. */
  onWord?(heartbeat: AgentHeartbeat): void;
  onVeto(veto: LocalVeto | null): void;
  /** The member is about to be stopped as planned, or not any more (null). */
  onResting(name: MemberName | null): void;
  /** The agent said goodbye and none came after it. */
  onAbandoned(): void;
}

/** Hears what the fence must know. */
export interface FenceEars {
  heard(heartbeat: AgentHeartbeat): void;
  /** Any other word of it. */
  spoke(): void;
  /** The last connection of an agent has closed. */
  gone(): void;
}

/** What it needs. */
interface LocalAgentParts {
  readonly clock: Clock;
  readonly memberName: MemberName | null;
  readonly lingerMs: number;
  readonly listener: LocalAgentListener;
  /** Absent or null: nothing is fenced here. */
  readonly fence?: FenceEars | null;
}

/** What the agent of this host last said, and what follows from it. */
export class LocalAgent {
  readonly presence: AgentPresence;
  readonly rest: PlannedRest;
  readonly #parts: LocalAgentParts;
  /** Null: there is none, or another proxy has taken its place. */
  #fence: FenceEars | null;
  #heartbeat: AgentHeartbeat | null = null;
  #deadlineTimer = new AbortController();
  /** Its instance is about to be stopped. */
  #isStopping = false;

  constructor(parts: LocalAgentParts) {
    const { clock, lingerMs, listener } = parts;
    this.#parts = parts;
    this.#fence = parts.fence ?? null;
    this.presence = new AgentPresence({
      ...{ clock, lingerMs },
      onGone: () => this.#fence?.gone(),
      onAbandoned: () => listener.onAbandoned(),
    });
    this.rest = new PlannedRest(clock, (isResting) => {
      this.#isStopping = isResting;
      this.#tellResting();
    });
  }

  /** The last heartbeat; null before the first. */
  get heartbeat(): AgentHeartbeat | null {
    return this.#heartbeat;
  }

  /** Whether its last word was that this member leads, under a lease that still lasts. */
  hasLease(name: MemberName): boolean {
    const { clock, memberName } = this.#parts;
    const deadlineMs = this.#heartbeat?.leaseDeadlineMs ?? null;
    if (name !== memberName || deadlineMs === null) return false;
    return remainingMs(moment(deadlineMs), clock.now()) > 0;
  }

  /** What a predecessor heard last; its agent counts as connected until it can have come here. */
  inherit(heartbeat: AgentHeartbeat): void {
    this.presence.assume();
    this.onHeartbeat(heartbeat);
  }

  /** Another proxy watches the agent from now on, and hands its word on. */
  retire(): void {
    this.#fence = null;
    this.presence.stay();
  }

  /** Nobody hands its word on any more: what was heard counts no longer. */
  forget(): void {
    const wasInDoubt = this.#isInDoubt;
    this.#heartbeat = null;
    if (wasInDoubt) this.#tellResting();
    this.#deadlineTimer.abort();
    this.#parts.listener.onVeto(null);
  }

  onHeartbeat(heartbeat: AgentHeartbeat): void {
    const wasPrimary = !NOT_PRIMARY.has(this.#heartbeat?.role ?? "");
    const wasInDoubt = this.#isInDoubt;
    this.#heartbeat = heartbeat;
    if (this.#isInDoubt !== wasInDoubt) this.#tellResting();
    this.#deadlineTimer.abort();
    this.#parts.listener.onVeto(this.#veto());
    if (wasPrimary && NOT_PRIMARY.has(heartbeat.role)) this.rest.end();
    this.#watchDeadline(heartbeat);
    this.#fence?.heard(heartbeat);
    this.#parts.listener.onWord?.(heartbeat);
  }

  /** A word that changes nothing, but shows that the agent runs. */
  onWord(): void {
    this.#fence?.spoke();
  }

  /** Stops all timers. */
  close(): void {
    this.rest.close();
    this.presence.close();
    this.#deadlineTimer.abort();
  }

  get #isInDoubt(): boolean {
    return this.#heartbeat?.isInDoubt === true;
  }

  #tellResting(): void {
    const { listener, memberName } = this.#parts;
    const isResting = this.#isStopping || this.#isInDoubt;
    listener.onResting(isResting ? memberName : null);
  }

  #veto(): LocalVeto | null {
    const { clock, memberName: name } = this.#parts;
    if (name === null || this.#heartbeat === null) return null;
    const { role, leaseDeadlineMs } = this.#heartbeat;
    if (NOT_PRIMARY.has(role)) return { name, reason: "local_not_primary" };
    if (leaseDeadlineMs === null) return null;
    const isPassed = remainingMs(moment(leaseDeadlineMs), clock.now()) <= 0;
    return isPassed ? { name, reason: "local_lease_passed" } : null;
  }

  /** Vetoes at the deadline; looks again if a timer was early, as timers are. */
  #watchDeadline(heartbeat: AgentHeartbeat): void {
    if (heartbeat.leaseDeadlineMs === null) return;
    const { clock, listener } = this.#parts;
    const deadline = moment(heartbeat.leaseDeadlineMs);
    const remaining = remainingMs(deadline, clock.now());
    if (remaining <= 0) return listener.onVeto(this.#veto());
    const timer = new AbortController();
    this.#deadlineTimer = timer;
    clock.sleep(remaining, timer.signal).then(() => {
      if (!timer.signal.aborted) this.#watchDeadline(heartbeat);
    });
  }
}
