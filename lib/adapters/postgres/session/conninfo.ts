/**
 * libpq connection strings: which keywords a generated one has, in which order,
 * and how one is read back.
 */
import type {
  Account,
  Credentials,
  PostgresContext,
  TcpAddress,
} from "../options.ts";

/** Keyword to value, as in a libpq connection string. */
export type Conninfo = Readonly<Record<string, string>>;

/** In the order in which they are written; `since`: a major version. */
const KEYWORDS: readonly {
  readonly name: string;
  readonly since: number;
}[] = [
  { name: "dbname", since: 0 },
  { name: "user", since: 0 },
  { name: "passfile", since: 0 },
  { name: "host", since: 0 },
  { name: "port", since: 0 },
  { name: "sslmode", since: 0 },
  { name: "sslcompression", since: 0 },
  { name: "sslcert", since: 0 },
  { name: "sslkey", since: 0 },
  { name: "sslpassword", since: 13 },
  { name: "sslrootcert", since: 0 },
  { name: "sslcrl", since: 0 },
  { name: "sslcrldir", since: 14 },
  { name: "application_name", since: 0 },
  { name: "krbsrvname", since: 0 },
  { name: "gssencmode", since: 12 },
  { name: "channel_binding", since: 13 },
  { name: "target_session_attrs", since: 10 },
  { name: "sslnegotiation", since: 17 },
  { name: "require_auth", since: 16 },
];

/** Keywords of `account` for a server at `address`, without password. */
export function accountConninfo(
  context: PostgresContext,
  account: Account,
  address: TcpAddress,
): Conninfo {
  const credentials = credentialsOf(context, account);
  const krbsrvname = context.config?.krbsrvname ?? null;
  const result: Record<string, string> = {
    // A server that is not the expected one must not get the password.
    require_auth: "!password",
    host: address.host,
    port: String(address.port),
  };
  Object.assign(result, credentials.options);
  if (credentials.username !== null) result["user"] = credentials.username;
  if (krbsrvname !== null) result["krbsrvname"] = krbsrvname;
  return result;
}

/** The credentials that `account` uses; rewind falls back to the superuser. */
export function credentialsOf(
  { options: { authentication } }: PostgresContext,
  account: Account,
): Credentials {
  switch (account) {
    case "superuser":
      return authentication.superuser;
    case "replication":
      return authentication.replication;
    case "rewind":
      return authentication.rewind ?? authentication.superuser;
  }
}

/**
 * One libpq keyword string; keywords that `major` does not know are left out.
 *
 * Source: docs/contract/configuration.md 3.11.3; PostgreSQL 17 manual, "Keyword/Value
 * Connection Strings".
 */
export function formatConninfo(conninfo: Conninfo, major: number): string {
  const parts: string[] = [];
  for (const { name, since } of KEYWORDS) {
    const value = conninfo[name];
    if (value === undefined || major < since) continue;
    parts.push(`${name}=${escapeValue(value)}`);
  }
  return parts.join(" ");
}

function escapeValue(value: string): string {
  if (value === "") return "''";
  return value.replace(/[\s'\\]/g, (character) => `\\${character}`);
}

/** Reads a keyword string; what cannot be read is left out. URIs give {}. */
export function parseConninfo(text: string): Conninfo {
  const result: Record<string, string> = {};
  if (/^postgres(ql)?:\/\//.test(text)) return result;
  const pair = /\b(\w+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s'\\]|\\.)*))/gs;
  for (const match of text.matchAll(pair)) {
    const raw = match[2] ?? match[3] ?? "";
    result[match[1] ?? ""] = raw.replace(/\\(.)/gs, "$1");
  }
  return result;
}
