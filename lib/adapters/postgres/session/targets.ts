/**
 * Where to connect: to the local instance (socket or TCP) and to other ones, and
 * with which session settings.
 */
import { credentialsOf } from "./conninfo.ts";
import type { Account, PostgresContext, TcpAddress } from "../options.ts";
import type { PidFile } from "../process/pid_file.ts";
import type { SqlTarget } from "./sql.ts";

/** No user's search_path or limits may change what our queries mean. */
const SESSION = {
  search_path: "",
  statement_timeout: "0",
  synchronous_commit: "local",
} as const;

const ANY_ADDRESS: ReadonlySet<string> = new Set([
  "*",
  "localhost",
  "0.0.0.0",
  "127.0.0.1",
  "::",
]);

/** TCP address of the local instance. Source: docs/contract/configuration.md 3.11.6. */
export function localTcp(context: PostgresContext): TcpAddress {
  const { hosts, port } = context.options.listen;
  const isAny = hosts.some((host) => ANY_ADDRESS.has(host));
  return {
    host: isAny ? "localhost" : hosts[0] ?? "localhost",
    port,
  };
}

/**
 * The local instance. Through the socket directory that the running postmaster
 * named, if that is wanted; without one through TCP.
 */
export function localTarget(
  context: PostgresContext,
  account: "superuser" | "replication",
  file: PidFile | null,
): SqlTarget {
  const { options, config } = context;
  const isSocket = account === "superuser"
    ? config?.isUnixSocketUsed
    : config?.isUnixSocketUsedForReplication;
  const directory = file?.socketDirectory ?? "";
  const address = isSocket && directory.startsWith("/")
    ? { host: directory, port: file?.port || options.listen.port }
    : localTcp(context);
  // Who listens here is known: the postmaster of our own data directory.
  return { ...remoteTarget(context, account, address), isMd5Expected: true };
}

/** Another instance, or this one at a known address. */
export function remoteTarget(
  context: PostgresContext,
  account: Account,
  address: TcpAddress,
): SqlTarget {
  return {
    host: address.host,
    port: address.port,
    database: context.options.database,
    credentials: credentialsOf(context, account),
    isMd5Expected: isMd5Stored(context),
    ...(context.options.connectTimeoutMs === undefined
      ? {}
      : { connectTimeoutMs: context.options.connectTimeoutMs }),
    settings: account === "replication" ? { replication: "true" } : SESSION,
  };
}

/** PostgreSQL stores new passwords as md5 hashes: by its configuration, or by the default before 14. */
function isMd5Stored({ config, major }: PostgresContext): boolean {
  const configured = config?.parameters["password_encryption"];
  return configured === undefined ? (major ?? 14) < 14 : configured === "md5";
}
