/** Where a member's PostgreSQL listens, as the URL in its key says it. */

/** A TCP address. */
export interface HostPort {
  /** Name or IP address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const POSTGRES_PORT = 5432;

/**
 * URL as published in the member key; no credentials.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(connUrl({ host: "::1", port: 5432 }), "postgres://[::1]:5432/postgres");
 * ```
 */
export function connUrl(address: HostPort, database = "postgres"): string {
  return `postgres://${formatHostPort(address)}/${database}`;
}

/** `host:port`, IPv6 in brackets. */
function formatHostPort(address: HostPort): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Longer than any that works: a name has at most 253 bytes, and URLs list few. */
const URL_LENGTH_MAX = 4096;
const HOST_LENGTH_MAX = 255;

/** What a host name or an address consists of, its zone included. */
const HOST = /^[\p{L}\p{N}_.:%-]+$/u;
const PORT = /^[0-9]{1,5}$/;

/**
 * Address in a `postgres://` URL (or a bare `host:port`), `null` if it has no
 * usable host or port, or is longer than 4,096 characters. Of several addresses
 * the first counts.
 *
 * The text comes from the DCS or the network: it is read in one pass, and a host
 * cannot carry anything that means something in a connection string.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const address = parseConnUrl("postgres://u:p@10.0.0.1/db");
 * assert.deepEqual(address, { host: "10.0.0.1", port: 5432 });
 * assert.equal(parseConnUrl("postgres://a sslmode=disable/db"), null);
 * ```
 */
export function parseConnUrl(url: string): HostPort | null {
  if (url.length > URL_LENGTH_MAX) return null;
  const authority = url.replace(/^[a-z+]+:\/\//i, "").split(/[/?#]/, 1)[0] ??
    "";
  const addresses = authority.slice(authority.lastIndexOf("@") + 1);
  return parseHostPort(addresses.split(",", 1)[0] ?? "");
}

/**
 * Address in `host[:port]` text. Split at the last colon; what is left of it may
 * be an IPv6 address, with or without brackets.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.deepEqual(parseHostPort("::1:2379"), { host: "::1", port: 2379 });
 * assert.deepEqual(parseHostPort("db", 99), { host: "db", port: 99 });
 * ```
 *
 * Source: docs/contract/configuration.md 2.
 */
export function parseHostPort(
  text: string,
  defaultPort = POSTGRES_PORT,
): HostPort | null {
  if (text.length > URL_LENGTH_MAX) return null;
  const { host, portText } = splitHostPort(text.trim());
  if (host.length > HOST_LENGTH_MAX || !HOST.test(host)) return null;
  if (portText === null) return { host, port: defaultPort };
  const port = PORT.test(portText) ? Number(portText) : 0;
  return port >= 1 && port <= 65535 ? { host, port } : null;
}

/** Host without brackets, and what is behind the colon; `null`: there is none. */
function splitHostPort(
  text: string,
): { readonly host: string; readonly portText: string | null } {
  const end = text.startsWith("[") ? text.indexOf("]") : -1;
  if (end > 0) {
    const rest = text.slice(end + 1);
    const host = rest === "" || rest.startsWith(":") ? text.slice(1, end) : "";
    return { host, portText: rest === "" ? null : rest.slice(1) };
  }
  const colon = text.lastIndexOf(":");
  return colon < 0
    ? { host: text, portText: null }
    : { host: text.slice(0, colon), portText: text.slice(colon + 1) };
}
