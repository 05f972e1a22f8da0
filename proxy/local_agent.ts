/**
 * What the agent of this host last said, and what follows from it: whether the
 * local member may still be served as primary, and whether the proxy is still
 * wanted. An agent that dies without a word changes nothing here until its
 * lease has ended; an agent that says goodbye and has no successor ends the
 * proxy.
 */
import { moment, remainingMs } from "../lib/core/base/units.ts";
import type { LocalVeto } from "../lib/core/calc/host/routing.ts";
import type { MemberName } from "../lib/core/model/member.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { ProxyHeartbeat } from "../lib/ports/proxy_process.ts";

/** Roles with which a member surely takes no writes. */
const NOT_PRIMARY: ReadonlySet<string> = new Set([
  "replica",
  "demoted",
  "standby_leader",
]);

/** How long an agent that was a predecessor's has to come over. */
const INHERIT_MS = 2_000;

type Heard = ProxyHeartbeat & { readonly pid: number };

/** What the agent's word leads to. */
interface LocalAgentListener {
  /** For a predecessor, whose sessions it concerns as well. */
  onWord?(heartbeat: Heard): void;
  onVeto(veto: LocalVeto | null): void;
  /** The member is about to be stopped as planned, or not any more (null). */
  onResting(name: MemberName | null): void;
  /** The agent said goodbye and none came after it. */
  onAbandoned(): void;
}

/** Hears what the fence must know. */
export interface FenceEars {
  heard(heartbeat: ProxyHeartbeat & { readonly pid: number }): void;
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
  readonly #parts: LocalAgentParts;
  /** Null: there is none, or another proxy has taken its place. */
  #fence: FenceEars | null;
  #heartbeat: Heard | null = null;
  #connections = 0;
  #deadlineTimer = new AbortController();
  #lingerTimer = new AbortController();
  #inheritTimer = new AbortController();
  #restTimer: AbortController | null = null;

  constructor(parts: LocalAgentParts) {
    this.#parts = parts;
    this.#fence = parts.fence ?? null;
  }

  /** The last heartbeat; null before the first. */
  get heartbeat(): Heard | null {
    return this.#heartbeat;
  }

  get isConnected(): boolean {
    return this.#connections > 0;
  }

  /** A planned stop of the local member is under way. */
  get isDraining(): boolean {
    return this.#restTimer !== null;
  }

  /** Whether its last word was that this member leads, under a lease that still lasts. */
  hasLease(name: MemberName): boolean {
    const { clock, memberName } = this.#parts;
    const deadlineMs = this.#heartbeat?.leaseDeadlineMs ?? null;
    if (name !== memberName || deadlineMs === null) return false;
    return remainingMs(moment(deadlineMs), clock.now()) > 0;
  }

  onConnect(): void {
    this.#connections++;
    this.#lingerTimer.abort();
  }

  /** An agent that was killed: the proxy goes on, and the fence counts its grace. */
  onDisconnect(): void {
    this.#connections--;
    if (this.#connections === 0) this.#fence?.gone();
  }

  /** What a predecessor heard last; its agent counts as connected until it can have come here. */
  inherit(heartbeat: Heard): void {
    this.onConnect();
    this.onHeartbeat(heartbeat);
    const { signal } = this.#inheritTimer;
    this.#parts.clock.sleep(INHERIT_MS, signal).then(() => {
      if (!signal.aborted) this.onDisconnect();
    });
  }

  /** Another proxy watches the agent from now on, and hands its word on. */
  retire(): void {
    this.#fence = null;
    this.#lingerTimer.abort();
  }

  /** Nobody hands its word on any more: what was heard counts no longer. */
  forget(): void {
    this.#heartbeat = null;
    this.#deadlineTimer.abort();
    this.#parts.listener.onVeto(null);
  }

  onHeartbeat(heartbeat: Heard): void {
    const wasPrimary = !NOT_PRIMARY.has(this.#heartbeat?.role ?? "");
    this.#heartbeat = heartbeat;
    this.#deadlineTimer.abort();
    this.#parts.listener.onVeto(this.#veto());
    if (wasPrimary && NOT_PRIMARY.has(heartbeat.role)) this.#endDrain();
    this.#watchDeadline(heartbeat);
    this.#fence?.heard(heartbeat);
    this.#parts.listener.onWord?.(heartbeat);
  }

  onBye(): void {
    this.#lingerTimer.abort();
    const timer = new AbortController();
    this.#lingerTimer = timer;
    this.#parts.clock.sleep(this.#parts.lingerMs, timer.signal).then(() => {
      if (!timer.signal.aborted) this.#parts.listener.onAbandoned();
    });
  }

  /** New clients are held; whoever is connected may finish. */
  onDrain(ms: number): void {
    const { clock, listener, memberName } = this.#parts;
    this.#restTimer?.abort();
    if (ms <= 0) return this.#endDrain();
    const timer = new AbortController();
    this.#restTimer = timer;
    listener.onResting(memberName);
    clock.sleep(ms, timer.signal).then(() => {
      if (!timer.signal.aborted) this.#endDrain();
    });
  }

  /** The stop has begun, or took too long: what comes after is another story. */
  #endDrain(): void {
    this.#restTimer?.abort();
    this.#restTimer = null;
    this.#parts.listener.onResting(null);
  }

  /** Stops all timers. */
  close(): void {
    this.#restTimer?.abort();
    this.#inheritTimer.abort();
    this.#deadlineTimer.abort();
    this.#lingerTimer.abort();
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
  #watchDeadline(heartbeat: ProxyHeartbeat): void {
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
