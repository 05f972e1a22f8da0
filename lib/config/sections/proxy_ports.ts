/** `proxy.ports`: further ports for clients, each with its own kind of servers. */
import {
  BALANCES,
  type PortBalance,
  type PortRule,
} from "../../core/calc/host/port_routes.ts";
import { PORT_TARGETS } from "../../core/calc/host/port_routes.ts";
import { Wanted } from "../fields.ts";
import { type KeyMap, readKeys, type ValueType } from "../keys/key.ts";
import {
  changed,
  integer,
  oneOf,
  port,
  strictTruth,
  text,
  textOrNone,
} from "../keys/types.ts";

import {
  SERVER_TLS_KEYS,
  SNI_KEYS,
  sniDoors,
  sniEntries,
  type TlsKeys,
  tlsMisfit,
} from "./proxy_tls.ts";

/** All of them listen on each address; more would not fit in one hand-over to a new proxy. */
const PORTS_MAX = 20;
/** The names of the two ports that every proxy has. */
const TAKEN = ["primary", "replica"];

/** One of them. */
export interface ProxyPort extends TlsKeys {
  /** Unique; in statistics, metrics and logs. */
  readonly name: string;
  readonly port: number;
  readonly rule: PortRule;
  readonly balance: PortBalance;
  /** Null: as many as the proxy takes. */
  readonly connectionsMax: number | null;
}

const name: ValueType<string> = changed(
  text,
  (value) =>
    /^[A-Za-z][A-Za-z0-9_]{0,39}$/.test(value) && !TAKEN.includes(value)
      ? value
      : new Wanted("a word of letters, digits and _ (not primary or replica)"),
);

/** The keys of an entry. */
export const PROXY_PORT_KEYS = {
  port: { type: port, isRequired: true, meaning: "Ours: the port" },
  to: {
    type: oneOf(PORT_TARGETS),
    isRequired: true,
    meaning: "Ours: leader, replica, sync, async, any or standby_leader",
  },
  name: {
    type: name,
    otherwise: "such as sync_6001",
    meaning: "Ours: what statistics and metrics call it",
  },
  balance: {
    type: oneOf(BALANCES),
    fallback: "least",
    meaning: "Ours: least (sessions), round_robin or source (address)",
  },
  zone: {
    type: textOrNone,
    otherwise: "proxy.zone",
    meaning: "Ours: servers of the same zone are preferred",
  },
  replica_fallback: {
    type: strictTruth,
    field: "isFallback",
    otherwise: "proxy.replica_fallback",
    meaning: "Ours: leads to the leader if there is no server of the kind",
  },
  max_connections: {
    type: integer({ min: 1, max: 1_000_000 }),
    field: "connectionsMax",
    otherwise: "proxy.max_connections",
    meaning: "Ours: clients at the same time",
  },
  certfile: {
    type: textOrNone,
    otherwise: "TLS passes through",
    meaning:
      "Ours: the proxy ends TLS at this port itself, with this certificate",
  },
  keyfile: {
    type: textOrNone,
    otherwise: "in that file",
    meaning: "Ours: its key",
  },
  sni: {
    type: sniEntries,
    fallback: [],
    keys: SNI_KEYS,
  },
  ...SERVER_TLS_KEYS,
} as const satisfies KeyMap;

const readEntry = readKeys(PROXY_PORT_KEYS);

/** The list. */
export const proxyPorts: ValueType<readonly ProxyPort[]> = {
  check: null,
  variable: "text",
  read: (value) => {
    if (!Array.isArray(value) || value.length > PORTS_MAX) {
      return new Wanted(`a list of at most ${PORTS_MAX} maps with port and to`);
    }
    const ports: ProxyPort[] = [];
    for (const [at, item] of value.entries()) {
      const entry = readEntry(item);
      if (entry instanceof Wanted) {
        return new Wanted(entry.misfits.map((misfit) => ({
          ...misfit,
          path: [String(at), ...misfit.path],
        })));
      }
      const misfit = tlsMisfit(entry);
      if (misfit !== null) return misfit;
      const { to, zone, isFallback, ...rest } = entry;
      const given = entry.name ?? `${to}_${entry.port}`;
      ports.push({ ...rest, name: given, rule: { to, zone, isFallback } });
    }
    const names = ports.flatMap((
      one,
    ) => [one.name, ...sniDoors(one).map((door) => door.name)]);
    const isEachOnce = new Set(names).size === names.length &&
      new Set(ports.map((one) => one.port)).size === ports.length;
    return isEachOnce ? ports : new Wanted("each port and each name once");
  },
};
