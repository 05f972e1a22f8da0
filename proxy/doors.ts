/** The ports for clients, as plain data: two that are always there, and those of `proxy.ports`. */
import type {
  PortBalance,
  PortRule,
} from "../lib/core/calc/host/port_routes.ts";

/** The name of a door for clients. */
export type Route = string;

/** The doors that every proxy has. */
export const ROUTES = ["primary", "replica"] as const;

/** Where unix sockets for clients of this host are. */
export interface SocketPlace {
  readonly folder: string;
  /** Of the files. */
  readonly mode: number;
}

/** One port for clients. */
export interface DoorSpec {
  /** Unique; what logs, metrics and statistics call it. */
  readonly name: string;
  /** 0: any free one (tests). */
  readonly port: number;
  /** The setting that names the port, for errors. */
  readonly setting: string;
  readonly rule: PortRule;
  readonly balance: PortBalance;
  /** Clients at the same time, waiting ones included. */
  readonly connectionsMax: number;
  /** Its clients come by way of the proxy's own end of TLS, see `tls_doors.ts`. */
  readonly isTls?: true;
  /** That end asks servers for TLS, too, and hears first which one it is. */
  readonly isServerTls?: boolean;
}

/** Something per door; the first two are always there. */
export type PerDoor<T> =
  & Readonly<Record<"primary" | "replica", T>>
  & Readonly<Record<string, T>>;

/** Something for each of some doors. */
export function perDoor<T>(
  names: readonly string[],
  make: (name: string) => T,
): PerDoor<T> {
  const all = Object.fromEntries(names.map((name) => [name, make(name)]));
  return {
    ...all,
    primary: all["primary"] ?? make("primary"),
    replica: all["replica"] ?? make("replica"),
  };
}

const READ_WRITE: PortRule = { to: "leader", zone: null, isFallback: null };
const READ_ONLY: PortRule = { to: "replica", zone: null, isFallback: null };

/** What the options say of doors. */
interface DoorOptions {
  readonly primaryPort: number;
  readonly replicaPort: number;
  readonly routeConnectionsMax: Readonly<Record<"primary" | "replica", number>>;
  readonly extraDoors: readonly DoorSpec[];
}

/** All doors of a proxy, the read-write and the read-only one first. */
export function doorsOf(
  { primaryPort, replicaPort, routeConnectionsMax, extraDoors }: DoorOptions,
): readonly DoorSpec[] {
  const usual = (
    name: "primary" | "replica",
  ): Omit<DoorSpec, "rule" | "port"> => ({
    name,
    setting: `${name}_port`,
    balance: "least",
    connectionsMax: routeConnectionsMax[name],
  });
  return [
    { ...usual("primary"), port: primaryPort, rule: READ_WRITE },
    { ...usual("replica"), port: replicaPort, rule: READ_ONLY },
    ...extraDoors,
  ];
}
