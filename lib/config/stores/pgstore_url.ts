/**
 * PostgreSQL's form of an address, with several hosts:
 * `postgresql://[USER[:PASSWORD]@]HOST[:PORT][,...][/DATABASE][?KEYWORD=VALUE&...]`.
 *
 * Source: PostgreSQL 17 manual, "Connection URIs".
 */
import { type HostPort, parseHostPort } from "../addresses.ts";

/** The parts of an address. */
export interface PgstoreUrl {
  /** At least one; a socket's directory begins with a slash. */
  readonly hosts: readonly HostPort[];
  readonly username: string | null;
  readonly password: string | null;
  readonly database: string | null;
  /** Those of {@link PGSTORE_KEYWORDS} that are given. */
  readonly keywords: Readonly<Record<string, string>>;
}

/** libpq's keywords that the section has, too. */
export const PGSTORE_KEYWORDS = [
  "passfile",
  "sslmode",
  "sslrootcert",
  "sslcert",
  "sslkey",
] as const;

/** Of a server without a port. */
export const PGSTORE_PORT = 5432;

/** What an address may say, and what is done anyhow. */
const IMPLIED: Readonly<Record<string, readonly string[]>> = {
  target_session_attrs: ["read-write", "primary"],
};

/** Null: it is none, or wants something that is not possible. */
export function parsePgstoreUrl(text: string): PgstoreUrl | null {
  const scheme = ["postgresql://", "postgres://"]
    .find((one) => text.startsWith(one));
  if (scheme === undefined) return null;
  const [address = "", query, ...more] = text.slice(scheme.length).split("?");
  const slash = address.indexOf("/");
  const authority = slash < 0 ? address : address.slice(0, slash);
  const database = decoded(slash < 0 ? "" : address.slice(slash + 1));
  const at = authority.lastIndexOf("@");
  const account = accountOf(authority.slice(0, Math.max(0, at)));
  const hosts = hostsOf(authority.slice(at + 1));
  const keywords = keywordsOf(query ?? "");
  const isWhole = more.length === 0 && database !== null && account !== null &&
    hosts !== null && keywords !== null;
  return isWhole
    ? { hosts, ...account, database: database || null, keywords }
    : null;
}

/** `HOST[:PORT]` or the directory of a socket; null: neither. */
export function parsePgstoreHost(text: string): HostPort | null {
  if (!text.startsWith("/")) return parseHostPort(text, PGSTORE_PORT);
  const [directory = "", port = String(PGSTORE_PORT), ...more] = text.split(
    ":",
  );
  const address = parseHostPort(`socket:${port}`, PGSTORE_PORT);
  return address === null || more.length > 0
    ? null
    : { host: directory, port: address.port };
}

function hostsOf(text: string): readonly HostPort[] | null {
  const hosts: HostPort[] = [];
  for (const one of text.split(",")) {
    const name = decoded(one);
    const host = name === null ? null : parsePgstoreHost(name);
    if (host === null) return null;
    hosts.push(host);
  }
  return hosts;
}

function accountOf(
  text: string,
): Pick<PgstoreUrl, "username" | "password"> | null {
  const colon = text.indexOf(":");
  const username = decoded(colon < 0 ? text : text.slice(0, colon));
  const password = decoded(colon < 0 ? "" : text.slice(colon + 1));
  return username === null || password === null
    ? null
    : { username: username || null, password: password || null };
}

function keywordsOf(query: string): PgstoreUrl["keywords"] | null {
  const keywords: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    if (IMPLIED[name]?.includes(value)) continue;
    if (!PGSTORE_KEYWORDS.some((one) => one === name)) return null;
    keywords[name] = value;
  }
  return keywords;
}

function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}
