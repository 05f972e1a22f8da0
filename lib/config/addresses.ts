/**
 * Splits `host:port` texts, with the IPv6 and list forms that files use.
 */

/** One host, without brackets, and its port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Listen addresses that share one port. */
export interface ListenAddress {
  /** At least one; `*` and `0.0.0.0` as given, IPv6 without brackets. */
  readonly hosts: readonly string[];
  readonly port: number;
}

const PORT_MAX = 65535;

/**
 * Hosts and port of a listen text, `null` when it is malformed.
 *
 * @param text `host[,host...][:port]`; IPv6 may stand in brackets.
 * @param defaultPort Used without a port; `null` when a port is mandatory.
 *
 * Source: Patroni 4.1.4 `utils.py`, split_host_port; docs/contract/configuration.md 2.
 */
export function parseListen(
  text: string,
  defaultPort: number | null,
): ListenAddress | null {
  const [left, portText] = splitAtPort(text.trim());
  const port = portText === null ? defaultPort : parsePort(portText);
  if (port === null) return null;
  const hosts = left.split(",").map((item) => bareHost(item));
  const isComplete = hosts.every((host) => /^[^\s/@[\]]+$/.test(host));
  return isComplete ? { hosts, port } : null;
}

/**
 * One host and its port, `null` when the text is malformed or names several.
 *
 * @param text `host[:port]`; IPv6 may stand in brackets.
 * @param defaultPort Used without a port; `null` when a port is mandatory.
 */
export function parseHostPort(
  text: string,
  defaultPort: number | null,
): HostPort | null {
  const listen = parseListen(text, defaultPort);
  const [host, ...others] = listen?.hosts ?? [];
  if (listen === null || host === undefined || others.length > 0) return null;
  return { host, port: listen.port };
}

/** Text of a host and port as URLs want it: IPv6 in brackets. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Port number that a text or number spells, `null` outside 1 to 65535. */
export function parsePort(value: unknown): number | null {
  const text = String(value);
  if (!/^[0-9]{1,5}$/.test(text)) return null;
  const port = Number(text);
  return port >= 1 && port <= PORT_MAX ? port : null;
}

/**
 * The last colon starts the port, so `::1:5432` is `::1` with a port. What is
 * left of it must be able to stand alone: `::1` as a whole is an address.
 */
function splitAtPort(text: string): [string, string | null] {
  const colon = text.lastIndexOf(":");
  const left = text.slice(0, Math.max(colon, 0));
  const isWholeIpv6 = left === ":";
  if (colon < 0 || text.endsWith("]") || isWholeIpv6) return [text, null];
  return [left, text.slice(colon + 1)];
}

function bareHost(item: string): string {
  return item.trim().replace(/^\[(.*)\]$/, "$1");
}
