/**
 * The seam between control and clients. Control knows the routing table, the
 * agent and the DCS; a front has the doors and everything behind them. One front
 * does it in this thread with the runtime's sockets (`portable_front.ts`), one in
 * worker threads over libc (`worker_front.ts`); both run the same sessions.
 */
import type { Routes } from "../lib/core/model/routes.ts";
import type { ProxyHeaderVersion } from "./proxy_header.ts";
import type { TcpTuning } from "./tcp_tuning.ts";
import type { DoorSpec, PerDoor, Route, SocketPlace } from "./doors.ts";
import type { Ledger } from "./ledger.ts";
import type { PlaceTerms } from "./server_places.ts";
import type { RefusalText } from "./startup.ts";
import type { TlsPort } from "./tls_port.ts";

/** What sessions go by; replaced as a whole. */
export interface FrontTable {
  readonly routes: Routes;
  /** What a client is told after it waited in vain. */
  readonly refusals: Readonly<Record<Route, RefusalText>>;
}

/** Limits and times of sessions; durations in milliseconds. */
export interface FrontLimits {
  /** How long a new connection waits for a backend. */
  readonly holdTimeoutMs: number;
  /** How long a client waits for a place on a backend that has no more. */
  readonly queueTimeoutMs: number;
  readonly places: PlaceTerms;
  /** How long one attempt to reach a backend may take. */
  readonly connectTimeoutMs: number;
  /** How long a client's first packet may take. */
  readonly startupTimeoutMs: number;
  /** How long a client's turn is held back while its backend is drained. */
  readonly turnHoldMs: number;
  /** Clients of all doors together. */
  readonly connectionsMax: number;
  readonly doors: readonly DoorSpec[];
  /** Clients of one address whose first packet is not there yet, per thread. */
  readonly silentPerSourceMax: number;
  /** Clients that are told "too many" at once, per thread; more are closed in silence. */
  readonly refusalsMax: number;
  /** New clients of one source per second, per thread; 0: no limit. */
  readonly newPerSourceMax: number;
  /** How long a client may be silent when it is its turn; 0: for ever. */
  readonly clientTimeoutMs: number;
  /** The same for a backend. */
  readonly serverTimeoutMs: number;
  readonly areSessionsLogged: boolean;
  /** Load balancers that say who their clients are, `address/bits`; empty: none. */
  readonly acceptProxyFrom: readonly string[];
  /** How backends are told who their clients are; null: they are not. */
  readonly sendProxy: ProxyHeaderVersion | null;
  readonly tcp: TcpTuning;
  /** Networks that clients may come from, `address/bits`; empty: all. */
  readonly allow: readonly string[];
}

/** Accepts clients and serves them; control tells it where they may go. */
export interface Front {
  /** How it moves bytes, in a word, for people. */
  readonly kind: string;
  readonly ports: PerDoor<number>;
  readonly ledger: Ledger;
  /** In force at once: sessions without a place in it are cut. Open doors let clients in from the first one on. */
  setTable(table: FrontTable): void;
  /** Sends the listening sockets to the inbox of a proxy that takes over, if it can. */
  shareDoors(inbox: string): void;
  /** Opens the doors that a predecessor could not share, as soon as it has let go of them. */
  openLateDoors(): Promise<void>;
  /** Takes no new clients; sessions go on. */
  closeDoors(): void;
  /** Resolves when the last session has ended, after `closeDoors`. */
  settled(): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
}

/** Where to listen. */
export interface Doorway {
  readonly listen: readonly string[];
  readonly doors: readonly DoorSpec[];
  /** For clients of this host; null: by the network only. */
  readonly sockets: SocketPlace | null;
  /** Where TLS ends here. */
  readonly tlsPorts: readonly TlsPort[];
  /** A predecessor may still have the ports, and lets go of them soon. */
  readonly isTakeOver: boolean;
  /** Its listening sockets, to be used or closed. */
  readonly inherited: readonly number[];
}
