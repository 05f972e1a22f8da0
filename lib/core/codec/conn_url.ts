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
export function formatHostPort(address: HostPort): string {
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/**
 * Address in a `postgres://` URL (or a bare `host:port`), `null` if it has no
 * host or no valid port. Of several addresses the first counts.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const address = parseConnUrl("postgres://u:p@10.0.0.1/db");
 * assert.deepEqual(address, { host: "10.0.0.1", port: 5432 });
 * ```
 */
export function parseConnUrl(url: string): HostPort | null {
  const authority = url.replace(/^[a-z+]+:\/\//i, "").replace(/[/?#].*$/s, "");
  const addresses = authority.slice(authority.lastIndexOf("@") + 1);
  return parseHostPort(addresses.split(",")[0] ?? "");
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
 * Source: spec/configuration.md 2.
 */
export function parseHostPort(
  text: string,
  defaultPort = POSTGRES_PORT,
): HostPort | null {
  const match = /^\s*(?:\[([^[\]]+)\]|([^[\]]+?))(?::([0-9]*))?\s*$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  const isValid = port >= 1 && port <= 65535;
  return host === "" || !isValid ? null : { host, port };
}
