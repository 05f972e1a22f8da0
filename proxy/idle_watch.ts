/**
 * Ends sessions in which nothing moves any more: the client's turn lasts longer
 * than `client_timeout`, or the server's than `server_timeout`. Nothing is done
 * per packet: from time to time it looks at what each session has counted.
 */
import type { Clock } from "../lib/ports/clock.ts";
import type { Relay } from "./data_plane.ts";
import type { SessionMeter } from "./session_record.ts";

/** Looks per limit, so that a session ends at most a quarter late. */
const LOOKS_PER_LIMIT = 4;
const LOOK_MS_MIN = 50;
const LOOK_MS_MAX = 10_000;

/** Whose turn it was. */
export type IdleEnd = "client_timeout" | "server_timeout";

/** Limits in milliseconds; 0: none. */
export interface IdleLimits {
  readonly clientTimeoutMs: number;
  readonly serverTimeoutMs: number;
}

/** A session that is watched. */
export interface IdleSession {
  readonly meter: SessionMeter;
  /** Must not throw. */
  readonly onIdle: (end: IdleEnd) => void;
}

interface Watched {
  readonly session: IdleSession;
  bytes: number;
  movedAtMs: number;
}

/** Watches the sessions of a thread. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #limits: IdleLimits;
  readonly #sessions = new Map<IdleSession, Watched>();
  readonly #closing = new AbortController();
  #isRunning = false;

  constructor(clock: Clock, limits: IdleLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Whether there is a limit at all. */
  get isOn(): boolean {
    const { clientTimeoutMs, serverTimeoutMs } = this.#limits;
    return clientTimeoutMs > 0 || serverTimeoutMs > 0;
  }

  add(session: IdleSession): void {
    const movedAtMs = this.#clock.now();
    this.#sessions.set(session, { session, bytes: -1, movedAtMs });
    if (!this.#isRunning) this.#run();
  }

  remove(session: IdleSession): void {
    this.#sessions.delete(session);
  }

  close(): void {
    this.#closing.abort();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    const { signal } = this.#closing;
    const limits = Object.values(this.#limits).filter((ms) => ms > 0);
    const pauseMs = Math.max(
      LOOK_MS_MIN,
      Math.min(LOOK_MS_MAX, ...limits.map((ms) => ms / LOOKS_PER_LIMIT)),
    );
    while (this.#sessions.size > 0 && !signal.aborted) {
      await this.#clock.sleep(pauseMs, signal);
      if (signal.aborted) break;
      for (const watched of [...this.#sessions.values()]) this.#look(watched);
    }
    this.#isRunning = false;
  }

  #look(watched: Watched): void {
    const { meter, onIdle } = watched.session;
    const now = this.#clock.now();
    const bytes = meter.bytesSent + meter.bytesReceived;
    if (bytes !== watched.bytes) {
      watched.bytes = bytes;
      watched.movedAtMs = now;
      return;
    }
    const isClients = meter.lastSpeaker === "server";
    const { clientTimeoutMs, serverTimeoutMs } = this.#limits;
    const limitMs = isClients ? clientTimeoutMs : serverTimeoutMs;
    if (limitMs <= 0 || now - watched.movedAtMs < limitMs) return;
    this.#sessions.delete(watched.session);
    onIdle(isClients ? "client_timeout" : "server_timeout");
  }
}

/** Ends a session in which nothing moves; null: it has ended by itself. */
export async function untilIdle(
  idle: IdleWatch,
  { relay, meter }: {
    readonly relay: Relay;
    readonly meter: SessionMeter;
  },
): Promise<IdleEnd | null> {
  let idleEnd: IdleEnd | null = null;
  const onIdle = (end: IdleEnd): void => {
    idleEnd = end;
    relay.cut();
  };
  const watched = { meter, onIdle };
  idle.add(watched);
  await relay.ended;
  idle.remove(watched);
  return idleEnd;
}
