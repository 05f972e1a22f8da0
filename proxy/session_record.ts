/** What is known of one client when it has gone: for the session log. */
import type { Backend } from "../lib/core/model/routes.ts";
import type { RelayMeter } from "./data_plane.ts";
import type { Route } from "./doors.ts";

/** How a client's time in the proxy ended. */
export type SessionEnd =
  /** Both sides, or one of them, ended in order. */
  | "ended"
  | "client_lost"
  | "backend_lost"
  /** Its backend may no longer be used, or the proxy ended. */
  | "cut"
  /** Silent for longer than `client_timeout`. */
  | "client_timeout"
  /** Its backend was, for longer than `server_timeout`. */
  | "server_timeout"
  /** Waited for a backend in vain. */
  | "hold_timeout"
  /** Waited for a place on a backend in vain. */
  | "queue_timeout"
  /** Too many waited for a place already. */
  | "queue_full"
  /** A cancel request that was passed on. */
  | "cancel"
  /** Never got so far: as in the statistics. */
  | "gone"
  | "late"
  | "crowded"
  | "garbage"
  | "denied";

/** One client, from accept to close. */
export interface SessionRecord {
  readonly route: Route;
  /** Its address, without port; empty if it was gone at once. */
  readonly address: string;
  /** Null: it was not said, or said inside TLS. */
  readonly user: string | null;
  readonly database: string | null;
  /** Null: it got none. */
  readonly backend: Backend | null;
  /** From accept to the connection to the backend, or to the end; milliseconds. */
  readonly waitedMs: number;
  /** From accept to close. */
  readonly durationMs: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly end: SessionEnd;
}

/**
 * The record as one line: names and values, texts in quotes.
 *
 * @param scope Of which cluster it is, where a proxy has several; null: it has one.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const line = sessionLine({
 *   route: "primary", address: "10.0.0.9", user: "app", database: null,
 *   backend: { name: "n1", host: "10.0.0.1", port: 5432, via: "address" },
 *   waitedMs: 2, durationMs: 1500, bytesSent: 10, bytesReceived: 20, end: "ended",
 * });
 * assert.equal(line, 'session port=primary client=10.0.0.9 user="app" ' +
 *   'database=- backend=n1 address=10.0.0.1:5432 waited=0.002 duration=1.500 ' +
 *   'sent=10 received=20 end=ended');
 * ```
 */
export function sessionLine(
  record: SessionRecord,
  scope: string | null = null,
): string {
  const { backend } = record;
  const host = backend === null || !backend.host.includes(":")
    ? backend?.host
    : `[${backend.host}]`;
  const fields = {
    ...(scope === null ? {} : { scope: word(scope) }),
    port: record.route,
    client: record.address || "-",
    user: quoted(record.user),
    database: quoted(record.database),
    backend: backend?.name ?? "-",
    address: backend === null ? "-" : `${host}:${backend.port}`,
    waited: seconds(record.waitedMs),
    duration: seconds(record.durationMs),
    sent: record.bytesSent,
    received: record.bytesReceived,
    end: record.end,
  };
  const texts = Object.entries(fields).map(([name, value]) =>
    `${name}=${value}`
  );
  return `session ${texts.join(" ")}`;
}

/** As it is, unless it could be taken for more than one word. */
function word(text: string): string {
  return /^[\w.:-]+$/.test(text) ? text : quoted(text);
}

/** Nothing that a client says can end the line or the quotes. */
function quoted(text: string | null): string {
  return text === null ? "-" : JSON.stringify(text);
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** Counts for one session what is counted for its backend anyway. */
export class SessionMeter implements RelayMeter {
  bytesSent = 0;
  bytesReceived = 0;
  /** Who said something last. */
  lastSpeaker: "client" | "server" = "client";
  readonly sent: (bytes: number) => void;
  readonly received: (bytes: number) => void;

  constructor(total: RelayMeter) {
    this.sent = (bytes) => {
      this.bytesSent += bytes;
      this.lastSpeaker = "client";
      total.sent(bytes);
    };
    this.received = (bytes) => {
      this.bytesReceived += bytes;
      this.lastSpeaker = "server";
      total.received(bytes);
    };
  }
}
