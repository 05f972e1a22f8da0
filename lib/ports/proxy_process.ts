/**
 * The proxy process beside the agent, as the agent sees it, and the words that
 * the two exchange over a unix socket: one JSON object per line.
 */

import type { FenceWord } from "../core/model/fence.ts";

/** {@link DcsProof} on its way to another process. */
export interface StoreProof {
  /** The proof's mark; the name is what earlier versions say on this wire. */
  readonly revision: string;
  /** On the host's boot-time clock. */
  readonly askedAtMs: number;
}

/** What the agent knows of its own member before the DCS does. */
export interface ProxyHeartbeat {
  /** Role of the local member, as in its member key. */
  readonly role: string;
  /** Until when the member may lead, on the host's boot-time clock; null: says nothing. */
  readonly leaseDeadlineMs: number | null;
  /** The store's last answer; absent or null: none is known that the proxy could go by. */
  readonly storeProof?: StoreProof | null;
  /** Another member may lead by now: no new sessions are opened to the local primary, others go on. */
  readonly isInDoubt?: boolean;
  /** What the fence needs; absent: there is nothing to fence. */
  readonly fence?: FenceWord | null;
}

/** A heartbeat with its sender. */
export interface AgentHeartbeat extends ProxyHeartbeat {
  readonly pid: number;
  /**
   * While there is something to fence, a word comes at least that often, whatever
   * the agent's loop does; null or absent: that is not promised.
   */
  readonly aliveEveryMs?: number | null;
}

/** From the agent to the proxy. */
export type AgentMessage =
  | (AgentHeartbeat & { readonly type: "heartbeat" })
  /** The agent ends in order; the proxy lingers for the next one, then drains. */
  | { readonly type: "bye" }
  /** The local instance is about to be stopped as planned: send it no new clients, cut nobody, for at most that long; 0: not any more. */
  | { readonly type: "drain"; readonly ms: number }
  /** End now. */
  | { readonly type: "stop" }
  /** Only asks for the state, or shows that the sender runs. */
  | { readonly type: "look" };

/** From a new proxy to the one that it replaces. */
export type SuccessorMessage =
  /** Send your listening sockets to that inbox (null: keep them); answered with the state, or with {@link ProxyRefusal}. */
  | { readonly type: "take_over"; readonly inbox: string | null }
  /** From now on only go on with your sessions; answered with {@link AgentWord}, or with {@link ProxyRefusal}. */
  | { readonly type: "yield" };

/** Not now, or never. */
export interface ProxyRefusal {
  readonly type: "refusal";
  readonly reason: string;
}

/** What the agent said last; null: nothing. */
export interface AgentWord {
  readonly type: "word";
  readonly heartbeat: AgentHeartbeat | null;
  /** The election under which a stand-alone proxy has left its virtual addresses to the new one; absent or null: none. */
  readonly vipElection?: string | null;
}

/** From the proxy to the agent: the answer to each message. */
export interface ProxyState {
  readonly type: "state";
  readonly pid: number;
  readonly version: string;
  /** The agent's mark of version and configuration; null: it was started by somebody else. */
  readonly edition: string | null;
  /** Clients that are connected to a backend. */
  readonly sessions: number;
  /** Clients that wait for one. */
  readonly held: number;
  /** The fence watches a primary here, or is at work. */
  readonly isFenceArmed: boolean;
}

/** Starts, adopts and supervises the proxy of this host. */
export interface ProxyProcess {
  /** Tells the proxy at once; kept and told again to a proxy that comes later. */
  heartbeat(facts: ProxyHeartbeat): void;
  /**
   * Before a planned stop of the local instance: it gets no new clients, sessions
   * are closed as they become idle outside a transaction. Resolves when none is
   * left, when the configured time is over, or when `signal` aborts. Never rejects.
   */
  drain(signal: AbortSignal): Promise<void>;
  /** The instance takes clients again, sooner than the proxy expects. */
  endDrain(): void;
  /** The proxy's last answer; null while there is no connection. */
  state(): ProxyState | null;
  /** How the last proxy failed, in a few words; null once another one answers, or if none failed. */
  failure(): string | null;
  /** Keeps a proxy running (adopts a running one, replaces a dead one) until `signal` aborts. Heartbeats still arrive after that. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** After `run` has ended: the proxy goes on and lingers for the next agent. */
  announceEnd(): Promise<void>;
  /** After `run` has ended: ends the proxy. */
  stop(): Promise<void>;
}
