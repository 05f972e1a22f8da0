/** Gathers what the session log tells of one client. */
import type { Backend } from "../lib/core/model/routes.ts";
import type { Clock } from "../lib/ports/clock.ts";
import type { RouteEvent } from "./ledger_plan.ts";
import type {
  SessionEnd,
  SessionMeter,
  SessionRecord,
} from "./session_record.ts";
import { startupNames } from "./startup.ts";

const ENDS: Partial<Readonly<Record<RouteEvent, SessionEnd>>> = {
  gone: "gone",
  late: "late",
  crowded: "crowded",
  garbage: "garbage",
  denied: "denied",
  cut: "cut",
  holdTimeouts: "hold_timeout",
  queueTimeouts: "queue_timeout",
  queueFull: "queue_full",
};

/** Who came by which door. */
interface Arrived {
  readonly route: string;
  readonly address: string;
}

/** The record of a session in the making. */
export class SessionStory {
  readonly #clock: Pick<Clock, "now">;
  readonly #arrived: Arrived;
  readonly #startedAtMs: number;
  #said: Pick<SessionRecord, "user" | "database"> = NOTHING_SAID;
  #joined: { backend: Backend; meter: SessionMeter; atMs: number } | null =
    null;
  #end: SessionEnd = "ended";

  constructor(clock: Pick<Clock, "now">, arrived: Arrived) {
    this.#clock = clock;
    this.#arrived = arrived;
    this.#startedAtMs = clock.now();
  }

  /** The client's first packet, if that is a startup packet. */
  opened(packet: Uint8Array): void {
    this.#said = startupNames(packet);
  }

  joined(backend: Backend, meter: SessionMeter): void {
    this.#joined = { backend, meter, atMs: this.#clock.now() };
  }

  /** What was counted for it. */
  noted(event: RouteEvent): void {
    this.#end = ENDS[event] ?? this.#end;
  }

  ended(end: SessionEnd): void {
    this.#end = end;
  }

  record(): SessionRecord {
    const now = this.#clock.now();
    const joined = this.#joined;
    return {
      ...this.#arrived,
      ...this.#said,
      backend: joined?.backend ?? null,
      waitedMs: (joined?.atMs ?? now) - this.#startedAtMs,
      durationMs: now - this.#startedAtMs,
      bytesSent: joined?.meter.bytesSent ?? 0,
      bytesReceived: joined?.meter.bytesReceived ?? 0,
      end: this.#end,
    };
  }
}

const NOTHING_SAID = { user: null, database: null } as const;
