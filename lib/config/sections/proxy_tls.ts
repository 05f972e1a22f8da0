/** What a port of `proxy.ports` says of TLS that the proxy itself ends. */
import {
  PORT_TARGETS,
  type PortTarget,
} from "../../core/calc/host/port_routes.ts";
import { Wanted } from "../fields.ts";
import { type KeyMap, readKeys, type ValueType } from "../keys/key.ts";
import { changed, oneOf, textListOrCommas, textOrNone } from "../keys/types.ts";

const SNI_MAX = 100;
/** Longer than any name of a host; a bound for the expression. */
const NAME_LENGTH_MAX = 253;

/** What clients get that ask for certain names. */
export interface SniEntry {
  /** In small letters; `*.` stands for one label in front. */
  readonly names: readonly string[];
  /** Null: as the port. */
  readonly to: PortTarget | null;
  /** Null: that of the port. */
  readonly certfile: string | null;
  /** Null: in the file of the certificate. */
  readonly keyfile: string | null;
}

const hostNames: ValueType<readonly string[]> = changed(
  textListOrCommas,
  (list) => {
    const names = list.map((name) => name.toLowerCase());
    return names.length > 0 && names.every(isHostName)
      ? names
      : new Wanted("names of hosts, such as db.example.com or *.example.com");
  },
);

function isHostName(name: string): boolean {
  const labels = (name.startsWith("*.") ? name.slice(2) : name).split(".");
  return name.length <= NAME_LENGTH_MAX &&
    labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}

/** The keys of an entry of `sni`. */
export const SNI_KEYS = {
  names: {
    type: hostNames,
    isRequired: true,
    meaning: "Ours: names that clients ask for; `*.` stands for one label",
  },
  to: {
    type: oneOf(PORT_TARGETS),
    otherwise: "that of the port",
    meaning: "Ours: where such clients are led",
  },
  certfile: {
    type: textOrNone,
    otherwise: "that of the port",
    meaning: "Ours: the certificate that they see",
  },
  keyfile: {
    type: textOrNone,
    otherwise: "in that file",
    meaning: "Ours: its key",
  },
} as const satisfies KeyMap;

const readEntry = readKeys(SNI_KEYS);

/** The list. */
export const sniEntries: ValueType<readonly SniEntry[]> = {
  check: null,
  variable: "text",
  read: (value) => {
    if (!Array.isArray(value) || value.length > SNI_MAX) {
      return new Wanted(`a list of at most ${SNI_MAX} maps with names`);
    }
    const entries: SniEntry[] = [];
    for (const [at, item] of value.entries()) {
      const entry = readEntry(item);
      if (entry instanceof Wanted) {
        return new Wanted(entry.misfits.map((misfit) => ({
          ...misfit,
          path: [String(at), ...misfit.path],
        })));
      }
      if (entry.keyfile !== null && entry.certfile === null) {
        return new Wanted("certfile beside each keyfile");
      }
      entries.push(entry);
    }
    const names = entries.flatMap((entry) => entry.names);
    return new Set(names).size === names.length
      ? entries
      : new Wanted("each name once");
  },
};

/** TLS from the proxy to servers. */
const SERVER_TLS = ["off", "require", "verify-ca", "verify-full"] as const;

/** One of them. */
export type ServerTlsMode = typeof SERVER_TLS[number];

/** The keys of a port for TLS to servers. */
export const SERVER_TLS_KEYS = {
  server_tls: {
    type: oneOf(SERVER_TLS),
    fallback: "off",
    meaning:
      "Ours: TLS to servers where that of clients ends here: off, require, verify-ca or verify-full",
  },
  server_cafile: {
    type: textOrNone,
    meaning: "Ours: authorities of the servers' certificates",
  },
  server_name: {
    type: textOrNone,
    otherwise: "each server's own host",
    meaning:
      "Ours: the name that every server's certificate has to contain with verify-full",
  },
} as const satisfies KeyMap;

/** What a port says of it. */
export interface TlsKeys {
  readonly serverTls: ServerTlsMode;
  readonly serverCafile: string | null;
  readonly serverName: string | null;
  readonly certfile: string | null;
  readonly keyfile: string | null;
  readonly sni: readonly SniEntry[];
}

/** What these keys cannot mean together; null: they fit. */
export function tlsMisfit(keys: TlsKeys): Wanted | null {
  const { certfile, keyfile, sni } = keys;
  const { serverCafile, serverName, serverTls } = keys;
  const isLost = certfile === null &&
    (keyfile !== null || sni.length > 0 || serverTls !== "off");
  if (isLost) return new Wanted("certfile beside keyfile, sni and server_tls");
  const isChecked = serverTls.startsWith("verify");
  if (isChecked !== (serverCafile !== null)) {
    return new Wanted("server_cafile with verify-ca and verify-full, only");
  }
  return serverTls === "verify-full" || serverName === null
    ? null
    : new Wanted("server_name with verify-full only");
}

/** What the clients of such names are counted as: a door of its own for each kind of server. */
export function sniDoor(port: string, to: PortTarget): string {
  return `${port}_${to}`;
}

/** The doors that a port has for clients of certain names. */
export function sniDoors(
  { name, rule, sni }: {
    readonly name: string;
    readonly rule: { readonly to: PortTarget };
    readonly sni: readonly SniEntry[];
  },
): readonly { readonly name: string; readonly to: PortTarget }[] {
  const kinds = new Set(sni.flatMap(({ to }) => to === null ? [] : [to]));
  return [...kinds].filter((to) => to !== rule.to)
    .map((to) => ({ name: sniDoor(name, to), to }));
}
