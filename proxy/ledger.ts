/** Counts what happened since the start: per route and per backend. */
import { type Backend, backendKey } from "../lib/core/calc/routing.ts";
import type { RelayMeter } from "./data_plane.ts";

/** One of the two doors for clients. */
export type Route = "primary" | "replica";

/** Totals of one route. */
export interface RouteTotals {
  accepted: number;
  /** Got a backend. */
  connected: number;
  /** Waited for a backend in vain: 57P03. */
  holdTimeouts: number;
  /** Too many clients: 53300. */
  tooMany: number;
  /** Went away while waiting. */
  gone: number;
  /** Ended because the backend may no longer be used. */
  cut: number;
}

/** Totals of one backend on one route. */
export interface BackendTotals {
  readonly route: Route;
  readonly backend: Backend;
  sessions: number;
  /** From clients to the backend. */
  bytesSent: number;
  /** From the backend to clients. */
  bytesReceived: number;
  dialFailures: number;
}

/** See the head of this file. */
export class Ledger {
  readonly totals: Readonly<Record<Route, RouteTotals>> = {
    primary: noTotals(),
    replica: noTotals(),
  };
  /** Bounded by the addresses that members ever had. */
  readonly #backends = new Map<string, BackendTotals>();

  /** The counters of a backend, made at its first use. */
  of(route: Route, backend: Backend): BackendTotals {
    const key = `${route} ${backendKey(backend)}`;
    const known = this.#backends.get(key);
    if (known !== undefined) return known;
    const fresh: BackendTotals = {
      route,
      backend,
      sessions: 0,
      bytesSent: 0,
      bytesReceived: 0,
      dialFailures: 0,
    };
    this.#backends.set(key, fresh);
    return fresh;
  }

  /** All backends that were ever used. */
  backends(): readonly BackendTotals[] {
    return [...this.#backends.values()];
  }
}

/** Counts a session's bytes for its backend. */
export function meterOf(totals: BackendTotals): RelayMeter {
  return {
    sent: (bytes) => {
      totals.bytesSent += bytes;
    },
    received: (bytes) => {
      totals.bytesReceived += bytes;
    },
  };
}

function noTotals(): RouteTotals {
  return {
    accepted: 0,
    connected: 0,
    holdTimeouts: 0,
    tooMany: 0,
    gone: 0,
    cut: 0,
  };
}
