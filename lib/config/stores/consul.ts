/**
 * The store `consul`. Source: docs/contract/configuration.md 3.6, 5.3; Patroni
 * 4.1.4 `consul.py`, the order of url, scheme, host and port.
 */
import { formatHostPort, parseHostPort } from "../addresses.ts";
import { Wanted } from "../fields.ts";
import { checkOf } from "../keys/check.ts";
import { type KeyMap, section, type SectionOf } from "../keys/key.ts";
import {
  changed,
  oneOf,
  orNone,
  port,
  text,
  textListOrCommas,
  textOrNone,
  truth,
} from "../keys/types.ts";
import {
  anyOf,
  boolean,
  integer as integerCheck,
  list,
  string,
  then,
} from "../validate/checks.ts";
import { reachable } from "../validate/host_checks.ts";
import { hostUrl, type Store } from "./store.ts";

/** Section `consul`. */
export interface ConsulConfig {
  readonly kind: "consul";
  /** `http[s]://host:port`. */
  readonly endpoint: string;
  readonly token: string | null;
  /** Null: the agent's own. */
  readonly dc: string | null;
  readonly consistency: "default" | "consistent" | "stale";
  readonly isVerified: boolean;
  readonly cacert: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly checks: readonly string[];
  readonly service: {
    readonly isRegistered: boolean;
    readonly tags: readonly string[];
    readonly checkInterval: string;
    readonly checkTlsServerName: string | null;
  };
}

const DEFAULT_PORT = 8500;
const DEFAULT_HOST = "127.0.0.1";

// Empty environment variables leave empty texts in sections of stores.
const url = orNone(changed(
  text,
  (value) => endpointOf(value) ?? new Wanted("http[s]://HOST[:PORT]"),
));

const host = orNone(changed(
  text,
  (value) => parseHostPort(value, DEFAULT_PORT) ?? new Wanted("HOST[:PORT]"),
));

/** The keys of the section. */
const KEYS = {
  host: {
    type: host,
    check: then(string, reachable(DEFAULT_PORT)),
    otherwise: `${DEFAULT_HOST}:${DEFAULT_PORT}`,
    suffix: "text",
    meaning: "Consul's agent, best the one on this host",
  },
  port: {
    type: orNone(port),
    check: integerCheck({ min: 1, max: 65_535 }),
    suffix: "int",
    meaning: "Its port, before the one in host",
  },
  url: {
    type: url,
    check: string,
    suffix: "text",
    meaning: "Instead of scheme, host and port",
  },
  scheme: {
    type: orNone(oneOf(["http", "https"])),
    fallback: "http",
    check: string,
    variable: "text",
    meaning: "http or https, for host",
  },
  token: {
    type: textOrNone,
    apply: "reload",
    suffix: "text",
    meaning: "Token of Consul's access control (ACL)",
  },
  dc: {
    type: textOrNone,
    apply: "reload",
    suffix: "text",
    otherwise: "the agent's",
    meaning: "Datacenter that holds the keys",
  },
  consistency: {
    type: orNone(oneOf(["default", "consistent", "stale"])),
    fallback: "default",
    check: oneOf(["default", "consistent", "stale"]).check,
    apply: "reload",
    suffix: "text",
    meaning: "Who may answer a cycle's read; never older than what was seen",
  },
  verify: {
    type: orNone(truth),
    fallback: true,
    check: boolean,
    suffix: "bool",
    meaning: "Check the server's certificate; `cacert` means yes",
  },
  cacert: {
    type: textOrNone,
    suffix: "text",
    meaning: "Authorities of Consul's certificates",
  },
  cert: { type: textOrNone, suffix: "text", meaning: "Client certificate" },
  key: {
    type: textOrNone,
    suffix: "text",
    meaning: "Its key, if it is not in that file",
  },
  checks: {
    type: orNone(textListOrCommas),
    check: list(string),
    suffix: "list",
    meaning: "Health checks of Consul that end the session when they fail",
  },
  register_service: {
    type: orNone(truth),
    fallback: false,
    check: boolean,
    apply: "reload",
    suffix: "bool",
    meaning: "Enter the member into Consul's catalog of services",
  },
  service_tags: {
    type: orNone(textListOrCommas),
    check: list(string),
    apply: "reload",
    suffix: "list",
    meaning: "Tags of that entry besides the role",
  },
  service_check_interval: {
    type: textOrNone,
    fallback: "5s",
    apply: "reload",
    suffix: "text",
    meaning: "How often Consul asks the member's REST interface",
  },
  service_check_tls_server_name: {
    type: textOrNone,
    apply: "reload",
    suffix: "text",
    meaning: "Name that the certificate must have in that check",
  },
} as const satisfies KeyMap;

/** The store. */
export const CONSUL: Store<ConsulConfig> = {
  name: "consul",
  hint: "a section consul (host)",
  keys: KEYS,
  section: changed(section(KEYS), configOf),
  check: then(anyOf("host", "url"), checkOf(KEYS)),
  url: hostUrl(String(DEFAULT_PORT), true),
  hasProxy: true,
};

function configOf(keys: SectionOf<typeof KEYS>): ConsulConfig {
  const { token, dc, cacert, cert, key } = keys;
  const address = keys.host ?? { host: DEFAULT_HOST, port: DEFAULT_PORT };
  const named = { ...address, port: keys.port ?? address.port };
  return {
    kind: "consul",
    endpoint: keys.url ?? `${keys.scheme ?? "http"}://${formatHostPort(named)}`,
    ...{ token, dc, cacert, cert, key },
    consistency: keys.consistency ?? "default",
    isVerified: cacert !== null || (keys.verify ?? true),
    checks: keys.checks ?? [],
    service: {
      isRegistered: keys.registerService ?? false,
      tags: keys.serviceTags ?? [],
      checkInterval: keys.serviceCheckInterval ?? "5s",
      checkTlsServerName: keys.serviceCheckTlsServerName,
    },
  };
}

/** URL drops the scheme's own port, which is not Consul's default. */
function endpointOf(value: string): string | null {
  const url = URL.parse(value);
  if (url === null || !/^https?:$/.test(url.protocol)) return null;
  if (url.hostname === "" || url.username !== "") return null;
  const own = url.protocol === "https:" ? "443" : "80";
  const isWritten = value.endsWith(`:${own}`) || value.endsWith(`:${own}/`);
  const port = url.port || (isWritten ? own : String(DEFAULT_PORT));
  return `${url.protocol}//${url.hostname}:${port}`;
}
