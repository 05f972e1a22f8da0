/** What a proxy process is told at its start. */
import type { SealedInstance } from "../lib/core/model/routes.ts";
import type { MemberName } from "../lib/core/model/member.ts";
import type { ProxyHeaderVersion } from "./proxy_header.ts";
import type { TcpTuning } from "./tcp_tuning.ts";
import type { DoorSpec, SocketPlace } from "./doors.ts";
import type { TlsPort } from "./tls_port.ts";

/** All durations in milliseconds. A port may be 0: any free one (tests). */
export interface ProxyOptions {
  readonly scope: string;
  /** The member beside which it runs; null on an application host. */
  readonly memberName: MemberName | null;
  /** The instance of that member, if it takes clients only from here. */
  readonly sealed: SealedInstance | null;
  readonly version: string;
  /** The agent's mark of version and configuration: a proxy of another one is replaced. Null: none is. */
  readonly edition: string | null;
  /** Addresses to listen on, for all three ports; `*` stands for all of the host. */
  readonly listen: readonly string[];
  /** Where clients of this host find unix sockets; null: nowhere. */
  readonly sockets: SocketPlace | null;
  readonly primaryPort: number;
  readonly replicaPort: number;
  /** Further ports for clients. */
  readonly extraDoors: readonly DoorSpec[];
  /** Those of them at which the proxy ends TLS itself. */
  readonly tlsPorts: readonly TlsPort[];
  /** Null: there are no statistics. */
  readonly stats: StatsOptions | null;
  /** How long a new connection waits for a backend. */
  readonly holdTimeoutMs: number;
  readonly replicaLagBytesMax: number;
  readonly replicaLagMsMax: number;
  /** Replicas of this zone are preferred; null: those of the own member's. */
  readonly zone: string | null;
  /** The leader serves reads when no replica can. */
  readonly isReplicaFallback: boolean;
  /** Clients are led to members' poolers, not to their instances. */
  readonly isPoolerWanted: boolean;
  /** Clients of all ports together, waiting ones included. */
  readonly connectionsMax: number;
  /** Clients of one of the two ports. */
  readonly routeConnectionsMax: Readonly<Record<"primary" | "replica", number>>;
  /** Sessions of one backend, of all doors together; 0: no limit. */
  readonly serverConnectionsMax: number;
  /** Clients of one door that may wait for a place on a backend. */
  readonly queueMax: number;
  /** How long they may. */
  readonly queueTimeoutMs: number;
  /** How long one attempt to reach a backend may take. */
  readonly connectTimeoutMs: number;
  /** How long a client's first packet may take. */
  readonly startupTimeoutMs: number;
  /** Clients of one address whose first packet is not there yet. */
  readonly silentPerSourceMax: number;
  /** New clients of one source per second; 0: no limit. */
  readonly newPerSourceMax: number;
  /** How long a client may be silent when it is its turn; 0: for ever. */
  readonly clientTimeoutMs: number;
  /** The same for a server. */
  readonly serverTimeoutMs: number;
  readonly tcp: TcpTuning;
  /** Load balancers that say who their clients are, `address/bits`; empty: none. */
  readonly acceptProxyFrom: readonly string[];
  /** How servers are told who their clients are; null: they are not. */
  readonly sendProxy: ProxyHeaderVersion | null;
  /** How long a client's turn is held back while its backend is drained. */
  readonly turnHoldMs: number;
  /** Worker threads; 0 for the portable data plane. */
  readonly workers: number;
  /** Networks of clients, `address/bits`; empty: all. */
  readonly allow: readonly string[];
  /** Limit of one DCS call. */
  readonly dcsTimeoutMs: number;
  /** Unix socket for the agent; null: no agent on this host. */
  readonly controlPath: string | null;
  /** After an agent's orderly end: how long to wait for the next one. */
  readonly lingerMs: number;
  /** How long sessions may go on once the proxy accepts no new ones. */
  readonly drainMs: number;
  /** The same once another proxy has taken over. */
  readonly upgradeMs: number;
}

/** The port with the statistics. */
export interface StatsOptions {
  /** Addresses; `*` stands for all of the host. */
  readonly listen: readonly string[];
  readonly port: number;
  /** Networks that may ask, `address/bits`; empty: all. */
  readonly allow: readonly string[];
  /** Null: whoever may ask needs none. */
  readonly login: StatsLogin | null;
  /** PEM texts; null: without TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** HTTP's Basic authentication. */
export interface StatsLogin {
  readonly username: string;
  readonly password: string;
}

/** Times that are no one's to configure yet. */
export const PROXY_TIMES = {
  dcsTimeoutMs: 5_000,
  /** Clearly longer than a session may rest on a drained server, see `drain.ts`. */
  turnHoldMs: 40,
  lingerMs: 60_000,
  drainMs: 60_000,
} as const;

/** The proxy cannot start; the message is one sentence for an operator. */
export class ProxyStartError extends Error {
  override readonly name: string = "ProxyStartError";
}
